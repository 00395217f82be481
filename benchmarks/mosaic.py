"""``mosaic`` of 25 overlapping tiles, against ``rasterio.merge``, which does not feather."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from benchmarks.report import Figure, Scale, Section, median
from benchmarks.servers import ROOT
from rasterio.transform import from_origin
from rasterio.windows import Window

if TYPE_CHECKING:
    from pathlib import Path

ALONG = 5
"""Tiles along a side."""
OVERLAP = 100
"""Pixels that two neighbours share."""
BANDS = 3
WITHIN = 1.5
MEMORY = 600.0
"""MB at the peak."""


def run(folder: Path, scale: Scale) -> list[Section]:
    """Time and peak memory of each, in turns; what both have alike is compared too."""
    size = scale.pick(20_000, 6_000)
    tiles = make_tiles(folder / "tiles", size)
    costs: dict[str, list[dict[str, Any]]] = {"dragoman": [], "merge": []}
    for _ in range(scale.pick(3, 1)):
        for name, found in costs.items():
            found.append(_measured(name, folder / f"{name}.tif", tiles))
    _check(folder)
    seconds = {name: median(each["seconds"] for each in found) for name, found in costs.items()}
    peaks = {name: max(each["megabytes"] for each in found) for name, found in costs.items()}
    notes = (
        f"{len(tiles)} tiles (uint8, {BANDS} bands, ZSTD) that overlap by {OVERLAP} pixels, to {size} x {size} x "
        f"{BANDS}: the computation alone, each in a process of its own, without the start of Python. dragoman "
        "blends the seams.",
    )
    figures = [
        Figure(
            name="time", value=seconds["dragoman"], unit="s", other=seconds["merge"], versus="rasterio.merge to a file",
            aim=f"<= {WITHIN}", met=seconds["dragoman"] <= WITHIN * seconds["merge"],
        ),
        Figure(
            name="peak memory", value=peaks["dragoman"], unit="MB", other=peaks["merge"], versus="rasterio.merge",
            aim=f"<= {MEMORY:g} MB", met=peaks["dragoman"] <= MEMORY,
        ),
    ]  # fmt: skip
    return [Section(title="Mosaic of 25 tiles", figures=figures, notes=notes, quick=scale.quick)]


def make_tiles(folder: Path, size: int) -> list[Path]:
    """Tiles that together make ``size`` x ``size`` pixels, smooth with some noise, without missing pixels."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(25)
    step = size // ALONG
    noise = rng.integers(0, 12, (step + OVERLAP, step + OVERLAP), dtype=np.uint8)
    paths = []
    for number in range(ALONG * ALONG):
        row, col = divmod(number, ALONG)
        top, left = row * step, col * step
        rows, cols = min(step + OVERLAP, size - top), min(step + OVERLAP, size - left)
        y, x = np.arange(top, top + rows)[:, None], np.arange(left, left + cols)
        hills = 120 + 60 * np.sin(x / 900) * np.cos(y / 700)
        values = (hills.astype(np.uint8) + noise[:rows, :cols])[np.newaxis]
        paths.append(folder / f"{number}.tif")
        profile = {
            "driver": "GTiff", "width": cols, "height": rows, "count": BANDS, "dtype": "uint8", "crs": "EPSG:32633",
            "transform": from_origin(300_000 + left, 5_000_000 - top, 1, 1), "nodata": 0, "tiled": True,
            "blockxsize": 512, "blockysize": 512, "compress": "zstd", "zstd_level": 1, "predictor": 2,
        }  # fmt: skip
        with rasterio.open(paths[-1], "w", **profile) as target:
            target.write(np.concatenate([values, values + 10, values + 20]))
    return paths


def _measured(name: str, result: Path, tiles: list[Path]) -> dict[str, Any]:
    result.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.scripts.joining", name, str(result), *map(str, tiles)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=900, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _check(folder: Path) -> None:
    """What computed something else was not compared: away from the seams both are alike."""
    with rasterio.open(folder / "dragoman.tif") as ours, rasterio.open(folder / "merge.tif") as theirs:
        if ours.shape != theirs.shape or ours.transform != theirs.transform:
            raise RuntimeError("the mosaics do not lie on the same grid")
        step = ours.width // ALONG
        for place in range(ALONG):
            corner = place * step + OVERLAP
            inner = Window(corner, corner, step - OVERLAP, step - OVERLAP)
            if not np.array_equal(ours.read(window=inner), theirs.read(window=inner)):
                raise RuntimeError("the mosaics differ where no tiles overlap")
