"""Files with some bytes changed are refused in words, or read; nobody who opens them crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
from hostilefiles import sound_jpeg2000
from rasterio.shutil import copy as rasterio_copy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rasters.conftest import MakeRaster

MUTATIONS = 150
"""Of each file; seeds are fixed."""
HANGING = 10
"""Seconds after which the child is ended: its supervisor would end a worker then."""

OPEN = """
import random, signal, sys, warnings
from contextlib import closing
from pathlib import Path
from dragoman.errors import RequestError
from dragoman.rasters.file_guard import check_file
from dragoman.rasters.netcdf_opening import open_dataset
from dragoman.rasters.opening import open_raster
warnings.simplefilter("ignore")
source, first, count, seconds = Path(sys.argv[1]), *map(int, sys.argv[2:])
content = source.read_bytes()
target = source.with_name("mutated" + source.suffix)
for number in range(first, count):
    dice, mutated = random.Random(number), bytearray(content)
    for _ in range(dice.choice((1, 2, 4, 16))):
        place = dice.randrange(min(len(mutated), 2000))
        mutated[place] = dice.choice((0, 1, 127, 128, 255, dice.randrange(256)))
    if dice.random() < 0.2:
        del mutated[dice.randrange(len(mutated)):]
    target.write_bytes(mutated)
    signal.alarm(seconds)
    for opener in (check_file, open_raster, open_dataset):
        try:
            opened = opener(target)
            if opened is not None:
                with closing(opened):
                    opened.load() if opener is open_dataset else opened.read()
        except RequestError as error:
            assert str(target.parent) not in error.detail
        except MemoryError:
            pass
    signal.alarm(0)
    print(number, flush=True)
"""


@pytest.fixture(params=["tif", "png", "jp2", "webp", "nc4", "nc3"])
def source(request: pytest.FixtureRequest, make_raster: MakeRaster, tmp_path: Path) -> Path:
    kind = request.param
    path = tmp_path / f"a.{kind}"
    scene = np.arange(3 * 32 * 32, dtype="uint8").reshape(3, 32, 32)
    if kind == "jp2":
        return sound_jpeg2000(path)
    if kind in ("nc4", "nc3"):
        values = {"a": (("time", "x"), np.ones((3, 4))), "label": ("x", list("abcd"))}
        data = xr.Dataset(values, coords={"time": ("time", [0, 1, 2], {"units": "days since 2000-01-01"})})
        data.to_netcdf(path, engine="netcdf4", format="NETCDF4" if kind == "nc4" else "NETCDF3_CLASSIC")
        return path
    raster = make_raster("source.tif", scene, compress="deflate")
    if kind == "tif":
        return raster
    rasterio_copy(raster, path, driver=kind.upper())
    return path


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a crash is told by its signal")
def test_they_are_refused_or_read(source: Path) -> None:
    first, hung = 0, []
    while first < MUTATIONS:
        command = [sys.executable, "-c", OPEN, str(source), str(first), str(MUTATIONS), str(HANGING)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
        if done.returncode == 0:
            break
        told = done.stdout.split()
        last = int(told[-1]) if told else first - 1
        assert done.returncode == -signal.SIGALRM, (
            f"mutation {last + 1}: {done.returncode} {done.stderr[-2000:]}"
        )
        hung.append(last + 1)
        first = last + 2
    assert len(hung) <= MUTATIONS // 10, "what hangs is given up, but most files do not"
