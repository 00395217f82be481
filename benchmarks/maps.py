"""Map pictures: exports and tiles of a 10000 x 10000 service from 8 clients, two server processes.

    .venv/bin/python benchmarks/maps.py [SIDE] [PICTURES]

Publishes a raster of SIDE x SIDE by a job, draws PICTURES exports and as many tiles, each another place, and prints
the first map's time, the percentiles, pictures a second, memory before and after, and what a synchronous echo costs
with and without maps being drawn. Not part of ``make bench``; beside another server on the same raster with
``--export URL`` (a MapServer's export, as the real ncdjango has it) or ``--tiles URL`` (with {z}, {x} and {y}).
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import numpy as np
import psutil
import rasterio
import requests
import yaml
from rasterio.transform import from_bounds
from rasterio.warp import transform

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
PORT: Final = 5078
CLIENTS: Final = 8
BOUNDS: Final = (300_000.0, 4_000_000.0, 800_000.0, 4_500_000.0)
"""In EPSG:32610."""
HALF: Final = 20037508.342789244
RENDERER: Final = {"type": "stretched", "colors": [[-1, "#0000ff"], [1, "#ff0000"]]}
ECHOES: Final = 150
TURNS: Final = 3


def write_rasters(folder: Path, side: int) -> None:
    """Two bands that look like land: waves with noise."""
    profile = {
        "driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": "float32", "crs": "EPSG:32610",
        "transform": from_bounds(*BOUNDS, side, side), "tiled": True, "blockxsize": 512, "blockysize": 512,
    }  # fmt: skip
    noise = np.random.default_rng(1)
    for name, turn in (("red", 0.0), ("nir", 1.5)):
        with rasterio.open(folder / f"{name}.tif", "w", **profile) as dataset:
            for row in range(0, side, 512):
                rows = min(512, side - row)
                y, x = np.mgrid[row : row + rows, 0:side].astype(np.float32)
                cells = 100 + 50 * np.sin(x / 500 + turn) * np.cos(y / 700) + noise.random((rows, side))
                window = rasterio.windows.Window(0, row, side, rows)
                dataset.write(cells.astype(np.float32), 1, window=window)


def serve(folder: Path) -> psutil.Popen:
    """Two processes of gunicorn, ready."""
    config = yaml.safe_load((ROOT / "pygeoapi-config.yml").read_text())
    config["resources"] = {
        name: {
            "type": "process",
            "processor": {
                "name": "dragoman.plugin.PackagedProcessor",
                "package": str(ROOT / "processes" / name),
            },
        }
        for name in ("ndvi", "echo")
    }
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config))
    environment = {
        **os.environ,
        "PYGEOAPI_CONFIG": str(path),
        "DRAGOMAN_HOME": str(folder / "home"),
        "DRAGOMAN_DATA_ROOTS": str(folder),
        "DRAGOMAN_PORT": str(PORT),
    }
    command = [
        str(Path(sys.executable).with_name("dragoman")),
        "serve",
        "--threads",
        "16",
        "--processes",
        "2",
    ]
    server = psutil.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{base()}/readyz", timeout=5).ok:
                return server
        except requests.RequestException:
            time.sleep(0.2)
    server.terminate()
    raise SystemExit("the server does not come up")


def base() -> str:
    return f"http://127.0.0.1:{PORT}"


def publish(folder: Path) -> tuple[str, float]:
    """The name of the service, and the seconds that the job took with its publishing."""
    inputs = {name: {"href": (folder / f"{name}.tif").as_uri()} for name in ("red", "nir")}
    begun = time.perf_counter()
    answer = requests.post(
        f"{base()}/processes/ndvi/execution",
        json={"inputs": inputs, "outputs": {"ndvi": {"publish": RENDERER}}},
        headers={"Prefer": "respond-async"},
        timeout=60,
    )
    answer.raise_for_status()
    job = answer.json()["jobID"]
    while True:
        status = requests.get(f"{base()}/jobs/{job}?f=json", timeout=60).json()
        if status["status"] in ("successful", "failed"):
            break
        time.sleep(0.1)
    if status["status"] == "failed":
        raise SystemExit(status["message"])
    return f"{job}/ndvi", time.perf_counter() - begun


def boxes(count: int) -> Iterator[tuple[float, float, float, float]]:
    """Places to be looked at in web mercator, from all of it to single cells; the middle of each has a value."""
    west, south, east, north = BOUNDS
    chance = random.Random(1)
    for _ in range(count):
        x, y = chance.uniform(west, east), chance.uniform(south, north)
        (x,), (y,) = transform("EPSG:32610", "EPSG:3857", [x], [y])
        half = (east - west) * 2 ** -chance.uniform(0, 7) / 2
        yield x - half, y - half, x + half, y + half


def tiles(count: int) -> Iterator[tuple[int, int, int]]:
    """Zoom, column and row, none twice."""
    seen: set[tuple[int, int, int]] = set()
    for west, south, east, north in boxes(100 * count):
        zoom = max(5, min(12, round(np.log2(2 * HALF / (east - west)))))
        side = 2 * HALF / 2**zoom
        tile = (zoom, int(((west + east) / 2 + HALF) / side), int((HALF - (south + north) / 2) / side))
        if tile not in seen:
            seen.add(tile)
            yield tile
        if len(seen) == count:
            return


def fetched(urls: list[str]) -> tuple[list[float], float]:
    """Milliseconds of each picture, and pictures a second, of all clients together."""
    local = threading.local()

    def get(url: str) -> float:
        if not hasattr(local, "session"):
            local.session = requests.Session()
        begun = time.perf_counter()
        answer = local.session.get(url, timeout=60)
        taken = 1000 * (time.perf_counter() - begun)
        if answer.status_code != 200 or not answer.headers["Content-Type"].startswith("image/"):
            raise SystemExit(f"{answer.status_code} {answer.text[:300]} {url}")
        return taken

    begun = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        times = list(pool.map(get, urls))
    return times, len(urls) / (time.perf_counter() - begun)


def told(name: str, times: list[float], rate: float) -> str:
    ordered = sorted(times)
    p50, p99 = statistics.median(ordered), ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    return f"{name}: p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {ordered[-1]:.0f} ms, {rate:.0f} a second"


def echo() -> list[float]:
    """Milliseconds of synchronous echoes."""
    session, times = requests.Session(), []
    for number in range(ECHOES):
        begun = time.perf_counter()
        body = {"inputs": {"text": f"{number}"}}
        session.post(f"{base()}/processes/echo/execution", json=body, timeout=60).raise_for_status()
        times.append(1000 * (time.perf_counter() - begun))
    return times


def draw_on(urls: list[str], clients: int, over: Any, drawn: Any) -> None:
    """Have maps drawn by some clients without a pause; in a process of its own, which counts what it got."""
    os.nice(10)
    places = itertools.cycle(urls)

    def draw() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        while not over.is_set():
            connection.request("GET", next(places).removeprefix(base()))
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                with drawn.get_lock():
                    drawn.value += 1

    threads = [threading.Thread(target=draw) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def echo_beside(urls: list[str], clients: int) -> tuple[list[float], float]:
    """The same while maps are drawn, and how many of them a second.

    Who asks for the maps has an interpreter of its own, and is nice: it is the server that is measured.
    """
    context = multiprocessing.get_context("spawn")
    over, drawn = context.Event(), context.Value("i", 0)
    others = context.Process(target=draw_on, args=(urls, clients, over, drawn))
    others.start()
    try:
        while drawn.value < clients:
            time.sleep(0.01)
        before, begun = drawn.value, time.perf_counter()
        times = echo()
        return times, (drawn.value - before) / (time.perf_counter() - begun)
    finally:
        over.set()
        others.join()


def echoes(export: str, clients: int) -> str:
    """The medians of several turns, idle and beside others who draw what nobody has drawn before."""
    idle: list[float] = []
    beside: list[float] = []
    rates: list[float] = []
    for turn in range(TURNS):
        idle += echo()
        style = {
            "0": {
                "type": "stretched",
                "colors": [[-1 - clients, "#0000ff"], [turn + time.time() % 1, "#ff0000"]],
            }
        }
        times, rate = echo_beside(export_urls(export, 2000, styles=quote(json.dumps(style))), clients)
        beside += times
        rates.append(rate)
    alone, together = statistics.median(idle), statistics.median(beside)
    ratio = together / alone
    drawn = statistics.median(rates)
    beside_whom = f"{clients} who draw {drawn:.0f} a second"
    return f"sync echo p50: {alone:.2f} ms idle, {together:.2f} ms with {beside_whom} ({ratio:.2f})"


def memory(server: psutil.Popen) -> str:
    """MiB of the server's processes, what they share counted in parts."""
    home, sizes = server.environ().get("DRAGOMAN_HOME"), []
    for each in psutil.process_iter():
        try:
            if each.environ().get("DRAGOMAN_HOME") == home:
                sizes.append(each.memory_full_info().pss)
        except psutil.Error:
            continue
    return f"{sum(sizes) / 2**20:.0f} MiB in {len(sizes)} processes, the largest {max(sizes) / 2**20:.0f}"


def export_urls(url: str, count: int, **more: str) -> list[str]:
    """Exports of 256 pixels."""
    query = "&".join(f"{name}={value}" for name, value in {"f": "image", "format": "png", **more}.items())
    return [
        f"{url}?bbox={','.join(map(str, box))}&bboxSR=102100&imageSR=102100&size=256,256&transparent=true&{query}"
        for box in boxes(count)
    ]


def tile_urls(url: str, count: int, shift: int = 0) -> list[str]:
    places = list(tiles(count + shift))[shift:]
    return [url.replace("{z}", str(z)).replace("{x}", str(x)).replace("{y}", str(y)) for z, x, y in places]


def echo_lines(export: str) -> Iterator[str]:
    """A line for each number of clients."""
    echo()  # its worker is born
    fetched(export_urls(export, 1, styles=quote(json.dumps({"0": RENDERER}))))
    for clients in (1, 2, CLIENTS):
        yield echoes(export, clients)


def measured(folder: Path, side: int, count: int, *, echo_alone: bool = False) -> Iterator[str]:
    """A line for each figure."""
    if not (folder / "nir.tif").exists():
        write_rasters(folder, side)
    server = serve(folder)
    try:
        if echo_alone:
            made = next((folder / "home/services").glob("*/ndvi.tif"))
            yield from echo_lines(f"{base()}/arcgis/rest/services/{made.parent.name}/ndvi/MapServer/export")
            return
        name, seconds = publish(folder)
        yield f"ndvi of {side} x {side}, published: {seconds:.1f} s"
        yield f"memory before the first map: {memory(server)}"
        export = f"{base()}/arcgis/rest/services/{name}/MapServer/export"
        tile = f"{base()}/tiles/{name}/{{z}}/{{x}}/{{y}}.png"
        begun = time.perf_counter()
        fetched(export_urls(export, 1)[:1])
        yield f"first map: {time.perf_counter() - begun:.2f} s"
        exports = export_urls(export, count)
        yield told(f"{count} exports", *fetched(exports[1:]))
        yield f"memory: {memory(server)}"
        yield told(f"{count} tiles", *fetched(tile_urls(tile, count)))
        yield f"memory: {memory(server)}"
        yield told(f"{count} exports again, from the cache", *fetched(exports))
        yield from echo_lines(export)
    finally:
        server.terminate()
        server.wait(30)


def elsewhere(arguments: Any) -> Iterator[str]:
    """The same pictures of another server."""
    if arguments.export:
        yield told("exports there", *fetched(export_urls(arguments.export, arguments.pictures)))
    if arguments.tiles:
        yield told("tiles there", *fetched(tile_urls(arguments.tiles, arguments.pictures)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("side", nargs="?", type=int, default=10_000)
    parser.add_argument("pictures", nargs="?", type=int, default=1000)
    parser.add_argument("--echo", action="store_true", help="of a folder's service, the echoes alone")
    parser.add_argument("--folder", type=Path, help="where rasters and HOME are made, and kept")
    parser.add_argument("--export", help="a MapServer's export elsewhere")
    parser.add_argument("--tiles", help="tiles elsewhere, with {z}, {x} and {y}")
    arguments = parser.parse_args()
    if arguments.export or arguments.tiles:
        for line in elsewhere(arguments):
            print(line, flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="maps-") as folder:
        place = arguments.folder or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for line in measured(place, arguments.side, arguments.pictures, echo_alone=arguments.echo):
            print(line, flush=True)


if __name__ == "__main__":
    main()
