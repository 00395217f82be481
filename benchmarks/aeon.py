"""Batches of pictures: a bare loop of two threads, and a bare server, beside dragoman and its client, in one run.

    .venv/bin/python -m benchmarks.aeon [PICTURES] [ROUNDS]

Not part of ``make bench``; it prints what it measured.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import psutil
import requests
import simplejpeg
import yaml

from dragoman.client.aeon import Dataset, Server, _Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).parents[1]
SIDE: Final = 256
BATCH: Final = 32
PORT: Final = 5077
BARE_PORT: Final = 5078
THREADS: Final = 2
READY: Final = 36
"""Batches of 6 MB that are ready at once, and less than ``session_memory``."""


def write_pictures(folder: Path, number: int) -> Path:
    """Noisy pictures, which are as large as photographs; the manifest of them."""
    random = np.random.default_rng(1)
    lines = ["@FILE\tASCII_INT"]
    for index in range(number):
        coarse = random.integers(0, 256, (32, 32, 3), np.uint8)
        pixels = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{index}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])
        lines.append(f"{index}.jpg\t{index % 10}")
    manifest = folder / "manifest.tsv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


def bare(folder: Path, number: int) -> float:
    """Pictures a second of two threads that decode into batches."""

    def load(index: int) -> None:
        pixels = simplejpeg.decode_jpeg((folder / f"{index}.jpg").read_bytes(), "BGR")
        batch[index % BATCH] = pixels.transpose(2, 0, 1)

    batch = np.empty((BATCH, 3, SIDE, SIDE), np.uint8)
    begun = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, number, BATCH):
            list(pool.map(load, range(start, min(number, start + BATCH))))
    return number / (time.perf_counter() - begun)


def bare_by_itself(folder: Path, number: int) -> float:
    """The same in a process of its own, once warm: in one that has had larger memory, malloc costs it less."""
    code = (
        f"from benchmarks.aeon import bare; from pathlib import Path; f = Path({str(folder)!r}); "
        f"bare(f, {number}); print(bare(f, {number}))"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return float(answer.stdout)


def through_dragoman(url: str, configuration: dict[str, Any], number: int) -> float:
    """Pictures a second that the client gets, the opening of the session left out."""
    with Dataset(url, configuration) as batches:
        begun = time.perf_counter()
        total = sum(int(batch["image"][:, 0, 0, 0].size) for batch in batches)
        return total / (time.perf_counter() - begun)


def cold(folder: Path, url: str, configuration: dict[str, Any]) -> float:
    """Pictures a second of a first session: loader not born, files not in memory, opening included."""
    for path in folder.glob("*.jpg"):
        file = os.open(path, os.O_RDONLY)
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)
    begun = time.perf_counter()
    with Dataset(url, configuration) as batches:
        total = sum(int(batch["image"][:, 0, 0, 0].size) for batch in batches)
        return total / (time.perf_counter() - begun)


def ready_batch(url: str, configuration: dict[str, Any], pause: float) -> float:
    """Milliseconds until a batch that is ready has come, the median; ``pause`` are the seconds between two."""
    few = {**configuration, "iteration_mode": "COUNT", "iteration_mode_count": READY}
    with Dataset(url, few) as batches:
        time.sleep(1)  # all of them are ready by then, and nothing is left to be made
        return fetched(batches._fetch, pause)


def fetched(fetch: Callable[[], object], pause: float) -> float:
    """Milliseconds that ``fetch`` takes, the median of ``READY``."""
    taken = []
    for _ in range(READY):
        time.sleep(pause)
        begun = time.perf_counter()
        fetch()
        taken.append(1000 * (time.perf_counter() - begun))
    return statistics.median(taken)


@contextmanager
def bare_server() -> Iterator[Callable[[], object]]:
    """Fetches a body as large as a batch from a server that does nothing else."""
    command = [sys.executable, "-m", "benchmarks.bare_bodies", str(BARE_PORT), str(BATCH * 3 * SIDE * SIDE)]
    server = subprocess.Popen(command, cwd=ROOT)
    connection = _Connection(Server(url=f"http://127.0.0.1:{BARE_PORT}"))
    try:
        connection.body("POST", "/")  # it waits until the server is there
        yield lambda: connection.body("POST", "/")
    finally:
        connection.close()
        server.terminate()
        server.wait()


def serve(folder: Path, processes: int) -> psutil.Popen:
    """A server whose data root is the folder, once it is ready."""
    config = yaml.safe_load((ROOT / "pygeoapi-config.yml").read_text())
    config["resources"] = {"hello-world": {"type": "process", "processor": {"name": "HelloWorld"}}}
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config))
    environment = {
        **os.environ,
        "PYGEOAPI_CONFIG": str(path),
        "DRAGOMAN_HOME": str(folder / f"home{processes}"),
        "DRAGOMAN_DATA_ROOTS": str(folder),
        "DRAGOMAN_PORT": str(PORT),
    }
    command = [str(Path(sys.executable).with_name("dragoman")), "serve", "--threads", "16"]
    server = psutil.Popen(
        [*command, "--processes", str(processes)], env=environment, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if requests.get(f"http://127.0.0.1:{PORT}/readyz", timeout=5).ok:
                return server
        except requests.RequestException:
            time.sleep(0.2)
    server.terminate()
    raise SystemExit("the server does not come up")


def measured(folder: Path, number: int, rounds: int) -> Iterator[str]:
    """A line for each figure."""
    manifest = write_pictures(folder, number)
    configuration: dict[str, Any] = {
        "manifest_filename": str(manifest),
        "manifest_root": str(folder),
        "batch_size": BATCH,
        "etl": [{"type": "image", "width": SIDE, "height": SIDE}, {"type": "label"}],
    }
    for processes in (1, 2):
        server = serve(folder, processes)
        try:
            url = f"http://127.0.0.1:{PORT}"
            yield f"{processes} processes: cold {cold(folder, url, configuration):.0f}/s"
            rates = [
                (
                    bare_by_itself(folder, number),
                    bare(folder, number),
                    through_dragoman(url, configuration, number),
                )
                for _ in range(rounds)
            ]
            alone, beside, ours = (statistics.median(column) for column in zip(*rates, strict=True))
            yield (
                f"{processes} processes: dragoman {ours:.0f}/s; "
                f"bare {alone:.0f}/s by itself, ratio {ours / alone:.2f}; "
                f"bare {beside:.0f}/s in the client's process, ratio {ours / beside:.2f}"
            )
            with bare_server() as fetch:
                for pause in (0, 0.1, 0, 0.1):
                    yield (
                        f"{processes} processes: a ready batch {ready_batch(url, configuration, pause):.1f} ms, a bare "
                        f"server's {fetched(fetch, pause):.1f} ms, {pause} s after the one before"
                    )
        finally:
            server.terminate()
            server.wait(20)


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:]] + [2000, 5][len(sys.argv) - 1 :]
    with tempfile.TemporaryDirectory() as place:
        for line in measured(Path(place), *arguments):
            print(line, flush=True)
