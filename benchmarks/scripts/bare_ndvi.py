"""NDVI as one would write it without a server: ``bare_ndvi.py (windows|raster-only|whole) RED NIR RESULT``.

Prints JSON: seconds of the computation, the peak of resident memory in MB, and the statistics.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.windows import Window

WINDOW = 2048
THREADS = 2
PIECE = 1 << 17
OUTPUT = {
    "driver": "GTiff",
    "dtype": "float32",
    "nodata": float("nan"),
    "count": 1,
    "tiled": True,
    "blockxsize": 512,
    "blockysize": 512,
    "compress": "zstd",
    "zstd_level": 1,
    "predictor": 3,
    "num_threads": 2,
    "bigtiff": "IF_SAFER",
}


def ndvi(red: Any, nir: Any) -> Any:
    """float32, NaN where one of both has no data (0) or their sum is 0."""
    red, nir = red.astype(np.float32), nir.astype(np.float32)
    red[red == 0] = np.nan
    nir[nir == 0] = np.nan
    return (nir - red) / (nir + red)


def sums(index: Any) -> tuple[float, ...]:
    """Count, sum, sum of squares, minimum and maximum of what is valid; by pieces that fit the cache."""
    flat = index.reshape(-1)
    parts: list[tuple[float, ...]] = []
    for start in range(0, flat.size, PIECE):
        piece = flat[start : start + PIECE].astype(np.float64)
        valid = np.isfinite(piece)
        if not valid.all():
            piece = piece[valid]
        if piece.size:
            squares = float(np.einsum("i,i->", piece, piece))  # no BLAS, whose own threads get in the way
            parts.append((piece.size, float(piece.sum()), squares, float(piece.min()), float(piece.max())))
    return added(parts)


def added(parts: list[tuple[float, ...]]) -> tuple[float, ...]:
    """The sums of all parts."""
    parts = [part for part in parts if part and part[0]]
    if not parts:
        return ()
    count, total, squares, low, high = zip(*parts, strict=True)
    return sum(count), math.fsum(total), math.fsum(squares), min(low), max(high)


def statistics(found: tuple[float, ...]) -> dict[str, float]:
    """As ``ndvi`` gives them."""
    if not found:
        return {}
    count, total, squares, low, high = found
    mean = total / count
    return {
        "min": low,
        "max": high,
        "mean": mean,
        "std": math.sqrt(squares / count - mean**2),
        "valid_count": count,
    }


def grid_of(source: Any) -> dict[str, Any]:
    """The output's profile."""
    grid = {name: source.profile[name] for name in ("width", "height", "crs", "transform")}
    return {**OUTPUT, **grid}


def windows_of(width: int, height: int) -> list[Window]:
    """Squares of WINDOW pixels that cover the grid."""
    return [
        Window(col, row, min(WINDOW, width - col), min(WINDOW, height - row))
        for row in range(0, height, WINDOW)
        for col in range(0, width, WINDOW)
    ]


def by_windows(red: str, nir: str, result: str, *, summed: bool) -> tuple[float, ...]:
    """Two threads, each with handles of its own; one writes at a time."""
    with rasterio.open(red) as source:
        profile = grid_of(source)
    todo, lock = iter(windows_of(profile["width"], profile["height"])), threading.Lock()
    parts: list[tuple[float, ...]] = []

    def loop() -> None:
        with rasterio.Env(GDAL_CACHEMAX=200), rasterio.open(red) as one, rasterio.open(nir) as two:
            while True:
                with lock:
                    window = next(todo, None)
                if window is None:
                    return
                index = ndvi(one.read(1, window=window), two.read(1, window=window))
                with lock:
                    target.write(index, 1, window=window)
                if summed:
                    parts.append(sums(index))

    with rasterio.Env(GDAL_CACHEMAX=200), rasterio.open(result, "w", **profile) as target:
        with ThreadPoolExecutor(THREADS) as pool:
            futures = [pool.submit(loop) for _ in range(THREADS)]
        for future in futures:
            future.result()
    return added(parts)


def whole(red: str, nir: str, result: str) -> tuple[float, ...]:
    """Everything in memory at once."""
    with rasterio.open(red) as one, rasterio.open(nir) as two:
        profile = grid_of(one)
        index = ndvi(one.read(1), two.read(1))
    with rasterio.open(result, "w", **profile) as target:
        target.write(index, 1)
    valid = index[np.isfinite(index)].astype(np.float64)
    return valid.size, valid.sum(), np.einsum("i,i->", valid, valid), valid.min(), valid.max()


def peak_memory(pid: int) -> float:
    """MB of resident memory at its highest (Linux); elsewhere of this process, or of its children."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii")
    except OSError:
        who = resource.RUSAGE_SELF if pid == os.getpid() else resource.RUSAGE_CHILDREN
        return resource.getrusage(who).ru_maxrss / 1e6
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def main(how: str, red: str, nir: str, result: str) -> None:
    """Compute, and tell what it took."""
    begun = time.perf_counter()
    found = (
        whole(red, nir, result) if how == "whole" else by_windows(red, nir, result, summed=how == "windows")
    )
    seconds = time.perf_counter() - begun
    megabytes = peak_memory(os.getpid())
    print(
        json.dumps(
            {"seconds": seconds, "megabytes": megabytes, "statistics": statistics(found)}, default=float
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
