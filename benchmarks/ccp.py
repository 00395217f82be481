"""What CCP's dialect costs: archives beside ``zip -0``, ranges, provenance, and a synchronous echo with and without.

    .venv/bin/python -m benchmarks.ccp [MEBIBYTES] [ROUNDS]

Not part of ``make bench``; it prints what it measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.request import Request, urlopen

from benchmarks.load import Client
from benchmarks.report import median
from benchmarks.servers import PACKAGED, ROOT, Dragoman, running, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psutil

FILES: Final = 4
TILES: Final = (
    """
import numpy as np
import rasterio


def run(side, context):
    paths = []
    for number in range(4):
        path = context.scratch / f"{number}.tif"
        random = np.random.default_rng(number)
        with rasterio.open(path, "w", "GTiff", side, side, 1, "EPSG:32633", rasterio.Affine(1, 0, 0, 0, -1, 0),
                           "uint16", BIGTIFF="YES") as file:
            for row in range(0, side, 1024):
                block = random.integers(0, 65536, (min(1024, side - row), side), "uint16")
                file.write(block, 1, window=((row, row + len(block)), (0, side)))
        paths.append(path)
    return {"tiles": paths}
""",
    """
version: '1'
inputs: {side: {schema: {type: integer}}}
outputs: {tiles: {schema: raster, maxOccurs: unbounded}}
""",
)


def package(folder: Path) -> Path:
    """A process that writes four rasters of noise."""
    folder.mkdir()
    for name, text in zip(("algorithm.py", "process.yml"), TILES, strict=True):
        (folder / name).write_text(text.lstrip())
    return folder


def resources(**folders: Path) -> dict[str, Any]:
    """Processes as the configuration declares them."""
    return {
        name: {"type": "process", "processor": {"name": PACKAGED, "package": str(folder)}}
        for name, folder in folders.items()
    }


@contextmanager
def peak_memory(server: psutil.Process) -> Iterator[list[int]]:
    """The resident memory of a web server and the processes of gunicorn: before, and its peak meanwhile."""
    family = [server, *server.children()]
    seen = [sum(each.memory_info().rss for each in family)] * 2
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            seen[1] = max(seen[1], sum(each.memory_info().rss for each in family))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def first_byte(url: str, size: int = 1) -> float:
    """Seconds until the first bytes have come, for which all of an archive has to be there."""
    begun = time.perf_counter()
    with urlopen(Request(url, headers={"Range": f"bytes=0-{size - 1}"})) as answer:
        assert answer.status == 206
        answer.read()
    return time.perf_counter() - begun


def finished(client: Client, process: str, **inputs: Any) -> str:
    """The id of a job that was successful."""
    job = client.submit(process, **inputs)
    settled(client, job)
    return job


def settled(client: Client, job: str) -> None:
    """Wait until a job is successful."""

    def ended() -> bool:
        state = json.loads(client.get(f"/jobs/{job}?f=json")[1])["status"]
        assert state != "failed", client.get(f"/jobs/{job}?f=json")
        return bool(state == "successful")

    wait_for(ended, 600, "the job ends")


def archives(server: Dragoman, mebibytes: int, rounds: int) -> None:
    """An archive of large rasters, and the same files by ``zip -0``, in turns."""
    side = int((mebibytes * 2**20 / FILES / 2) ** 0.5)
    with Client(server.port) as client:
        job = finished(client, "tiles", side=side)
        outputs = next(server.home.glob(f"jobs/*/{job}/outputs"))
        ours, theirs, whole, peaks = [], [], [], []
        url = f"{server.url}/executions/{job}/outputs/output.zip"
        for _ in range(rounds):
            for made in server.home.glob(f"jobs/*/{job}/derived/*.zip"):
                made.unlink()
            with peak_memory(server.process()) as seen:
                ours.append(first_byte(url))
                begun = time.perf_counter()
                with urlopen(url) as answer:
                    while answer.read(2**20):
                        pass
                whole.append(time.perf_counter() - begun)
            peaks.append((seen[1] - seen[0]) / 2**20)
            target = server.folder / "bare.zip"
            begun = time.perf_counter()
            subprocess.run(["zip", "-0", "-q", "-r", str(target), "."], cwd=outputs, check=True)
            theirs.append(time.perf_counter() - begun)
            target.unlink()
    ratio = median(ours) / median(theirs)
    print(f"archive of {mebibytes} MiB: {median(ours):.2f} s; zip -0: {median(theirs):.2f} s; {ratio:.2f}")
    print(
        f"sending it: {median(whole):.2f} s; the server's memory grew by {max(peaks):.0f} MiB at most",
        flush=True,
    )
    ranges = []
    with Client(server.port) as client:  # the other one has been silent for longer than the server waits
        for _ in range(200):
            begun = time.perf_counter()
            status, body = client.get(
                f"/executions/{job}/outputs/output.zip", {"Range": f"bytes={2**20}-{2**20 + 2**16 - 1}"}
            )
            assert (status, len(body)) == (206, 2**16)
            ranges.append(1000 * (time.perf_counter() - begun))
    print(f"64 KiB of it: p50 {median(ranges):.2f} ms")


def small(server: Dragoman) -> None:
    """The provenance of a small job."""
    with Client(server.port) as client:
        taken = []
        for _ in range(30):
            job = finished(client, "echo", text="x", value=1)
            begun = time.perf_counter()
            status, _body = client.get(f"/executions/{job}/metadata/prov.json")
            taken.append(1000 * (time.perf_counter() - begun))
            assert status == 200
    print(f"prov.json of a small job: first {taken[0]:.1f} ms, then p50 {median(taken[1:]):.1f} ms")


def echo(servers: dict[str, Dragoman], rounds: int) -> None:
    """A synchronous echo of each server, in turns; two without CCP show how much servers differ by themselves."""
    times: dict[str, list[float]] = {name: [] for name in servers}
    with ExitStack() as stack:
        clients = [(name, stack.enter_context(Client(server.port))) for name, server in servers.items()]
        for turn in range(rounds):
            for name, client in clients if turn % 2 else reversed(clients):
                for _ in range(150):
                    begun = time.perf_counter()
                    status, _body = client.execute("echo", {"inputs": {"text": "x", "value": 1}})
                    times[name].append(1000 * (time.perf_counter() - begun))
                    assert status == 200
    told = ", ".join(f"{name} {median(each):.3f} ms" for name, each in times.items())
    print(f"sync echo p50: {told}", flush=True)


def main(mebibytes: int, rounds: int) -> None:
    """Measure all of it."""
    with tempfile.TemporaryDirectory() as folder:
        declared = resources(echo=ROOT / "processes" / "echo", tiles=package(Path(folder, "tiles")))
        on = Dragoman(Path(folder, "on"), resources=declared)
        without = {"dialects": {"ccp": False}}
        off = [Dragoman(Path(folder, name), resources=declared, manager=without) for name in ("off", "off2")]
        with running(on, *off):
            echo({"without CCP": off[0], "with CCP": on, "without again": off[1]}, 3 * rounds)
            small(on)
            archives(on, mebibytes, rounds)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [2048, 3][len(numbers) :]))
