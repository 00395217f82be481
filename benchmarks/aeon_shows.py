"""What dataset sessions cost besides: memory, a long manifest, windows of a large raster, and other people's calls.

    .venv/bin/python -m benchmarks.aeon_shows [memory|manifest|rasters|calls]...

Not part of ``make bench``; it prints what it measured.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import psutil
import rasterio
import requests
from benchmarks.aeon import BATCH, PORT, SIDE, serve, write_pictures
from rasterio.transform import from_origin
from rasterio.windows import Window

from dragoman.client.aeon import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

URL: Final = f"http://127.0.0.1:{PORT}"
MUCH: Final = 1.2 * 10**9
"""Bytes of batches over which memory is watched."""
LINES: Final = 1_000_000
RASTER: Final = 20_000
"""Pixels of a side of the raster."""
WINDOWS: Final = 512
WINDOWS_OF_BATCH: Final = 64
TRAIN: Final = """
import json, sys
from dragoman.client.aeon import Dataset
with Dataset(sys.argv[1], json.loads(sys.argv[2])) as batches:
    for batch in batches:
        pass
"""


def memory(server: psutil.Popen) -> float:
    """MiB of all processes of a server, what they share counted once."""
    home = server.environ().get("DRAGOMAN_HOME")
    total = 0
    for each in psutil.process_iter():
        try:
            if each.environ().get("DRAGOMAN_HOME") == home:
                total += each.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 2**20


@contextmanager
def served(folder: Path) -> Iterator[psutil.Popen]:
    """A server, ended afterwards."""
    server = serve(folder, 1)
    try:
        yield server
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def peak(server: psutil.Popen) -> Iterator[list[float]]:
    """A list that the memory of the server is added to, while one does something else."""
    seen: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            seen.append(memory(server))

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield seen
    over.set()
    watcher.join()


def pictures(folder: Path) -> dict[str, Any]:
    """A session without an end."""
    manifest = write_pictures(folder, 500)
    return {
        "manifest_filename": str(manifest),
        "manifest_root": str(folder),
        "batch_size": BATCH,
        "iteration_mode": "INFINITE",
        "etl": [{"type": "image", "width": SIDE, "height": SIDE}, {"type": "label"}],
    }


def watched_memory(folder: Path) -> Iterator[str]:
    """A client that is slow at first, and so has all of ``session_memory`` filled, and then takes what it can."""
    configuration = pictures(folder)
    with served(folder) as server:
        before = memory(server)
        with peak(server) as seen, Dataset(URL, configuration) as batches:
            time.sleep(2)
            taken = 0
            for batch in batches:
                taken += sum(values.nbytes for values in batch.values())
                if taken > MUCH:
                    break
        time.sleep(20)
        yield (
            f"memory: {before:.0f} MiB before, at most {max(seen):.0f} MiB over {taken / 1e9:.1f} GB of batches, "
            f"{memory(server):.0f} MiB 20 s after the session"
        )


def long_manifest(folder: Path) -> Iterator[str]:
    """Seconds to open a session on a million lines, and what the loader grows by."""
    manifest = folder / "long.tsv"
    with manifest.open("w") as file:
        file.write("@STRING\tASCII_INT\n")
        file.writelines(
            f"pictures/of/something/{number:08}.jpg\t{number % 1000}\n" for number in range(LINES)
        )
    short = folder / "short.tsv"
    short.write_text("@STRING\tASCII_INT\nx\t1\n")
    etl = [{"type": "char_map", "max_length": 40, "alphabet": "abcdefghij"}, {"type": "label"}]
    configuration = {"manifest_filename": str(short), "batch_size": 32, "etl": etl}
    with served(folder) as server, Dataset(URL, configuration):
        before = memory(server)
        with peak(server) as seen:
            begun = time.perf_counter()
            with Dataset(URL, {**configuration, "manifest_filename": str(manifest)}) as batches:
                took = time.perf_counter() - begun
                assert batches.record_count == LINES
                next(iter(batches))
        yield (
            f"manifest of {LINES} lines ({manifest.stat().st_size / 1e6:.0f} MB): open in {took:.2f} s, "
            f"at most {max(seen) - before:.0f} MiB more"
        )


def write_raster(folder: Path) -> tuple[Path, list[tuple[int, int]]]:
    """A raster of four bands whose tiles are there where the windows lie, and the windows' columns and rows."""
    random = np.random.default_rng(1)
    path = folder / "large.tif"
    shape: dict[str, Any] = {"width": RASTER, "height": RASTER, "count": 4, "dtype": "uint8"}
    shape |= {"photometric": "minisblack", "alpha": "unspecified", "transform": from_origin(0, 0, 1, 1)}
    tiles: dict[str, Any] = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate"}
    windows = [(int(x), int(y)) for x, y in random.integers(0, RASTER - SIDE, (WINDOWS, 2))]
    coarse = random.integers(0, 256, (4, 64, 64), np.uint8)
    block = coarse.repeat(4, axis=1).repeat(4, axis=2)
    with rasterio.open(path, "w", driver="GTiff", sparse_ok=True, bigtiff="yes", **shape, **tiles) as raster:
        for x, y in windows:
            raster.write(block, window=Window(x, y, SIDE, SIDE))
    return path, windows


def read_bare(path: Path, windows: list[tuple[int, int]]) -> None:
    """Read the windows one after the other from one handle, into batches."""
    batch = np.empty((WINDOWS_OF_BATCH, 4, SIDE, SIDE), np.uint8)
    with rasterio.open(path) as raster:
        for number, (x, y) in enumerate(windows):
            raster.read(window=Window(x, y, SIDE, SIDE), out=batch[number % WINDOWS_OF_BATCH])


def read_bare_twice(path: Path, windows: list[tuple[int, int]]) -> None:
    """The same with two threads, each with a handle of its own."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(partial(read_bare, path), (windows[::2], windows[1::2])))


def rasters(folder: Path) -> Iterator[str]:
    """Windows a second: bare rasterio, and the client of a session."""
    path, windows = write_raster(folder)
    lines = "".join(f"{path.name}\t{x},{y}\n" for x, y in windows)
    (folder / "windows.tsv").write_text(f"@FILE\tSTRING\n{lines}")
    configuration = {
        "manifest_filename": str(folder / "windows.tsv"),
        "manifest_root": str(folder),
        "batch_size": WINDOWS_OF_BATCH,
        "etl": [
            {"type": "geoimage", "width": SIDE, "height": SIDE, "bands": [1, 2, 3, 4], "window_column": True}
        ],
    }

    with served(folder):
        rates: dict[str, list[float]] = {}
        for _ in range(5):
            for name, read in (("bare", read_bare), ("bare, two threads", read_bare_twice)):
                begun = time.perf_counter()
                read(path, windows)
                rates.setdefault(name, []).append(WINDOWS / (time.perf_counter() - begun))
            begun = time.perf_counter()
            with Dataset(URL, configuration) as batches:
                opened = time.perf_counter()
                for _batch in batches:
                    pass
                over = time.perf_counter()
            rates.setdefault("dragoman", []).append(WINDOWS / (over - opened))
            rates.setdefault("dragoman with its opening", []).append(WINDOWS / (over - begun))
        words = ", ".join(f"{name} {statistics.median(each):.0f}/s" for name, each in rates.items())
        yield f"windows of {SIDE} x {SIDE} x 4 of {RASTER} x {RASTER}: {words}"


def calls(folder: Path) -> Iterator[str]:
    """The median of a small synchronous job, alone, and while a session is read as fast as it can be."""
    configuration = pictures(folder)
    with served(folder):
        idle = echo()
        command = [sys.executable, "-c", TRAIN, URL, json.dumps(configuration)]
        training = subprocess.Popen(command)
        try:
            time.sleep(3)
            busy = echo()
        finally:
            training.terminate()
            training.wait()
        yield f"a small job: p50 {idle:.1f} ms, {busy:.1f} ms beside a session, {busy / idle:.2f} times"


def echo() -> float:
    """Milliseconds of a small job, the median."""
    taken = []
    with requests.Session() as session:
        for _ in range(150):
            begun = time.perf_counter()
            body = {"inputs": {"name": "you"}}
            session.post(f"{URL}/processes/hello-world/execution", json=body, timeout=30).raise_for_status()
            taken.append(1000 * (time.perf_counter() - begun))
    return statistics.median(taken[20:])


SHOWS: Final = {"memory": watched_memory, "manifest": long_manifest, "rasters": rasters, "calls": calls}

if __name__ == "__main__":
    for name in sys.argv[1:] or SHOWS:
        with tempfile.TemporaryDirectory() as place:
            for line in SHOWS[name](Path(place)):
                print(line, flush=True)
