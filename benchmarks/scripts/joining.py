"""One mosaic: (dragoman|merge) RESULT IMAGE...; prints seconds and MB at its peak.

``dragoman`` is the packaged algorithm, ``merge`` rasterio's, which writes to the file too, by pieces of its own choice.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import rasterio
from benchmarks.scripts.bare_ndvi import peak_memory
from rasterio.merge import merge

from dragoman.rasters.opening import gdal_env

PROCESS = Path(__file__).parents[2] / "processes" / "mosaic" / "algorithm.py"
OUTPUT = {
    "driver": "GTiff",
    "tiled": True,
    "blockxsize": 512,
    "blockysize": 512,
    "interleave": "band",
    "compress": "zstd",
    "zstd_level": 1,
    "predictor": 2,
    "num_threads": 2,
    "bigtiff": "IF_SAFER",
}


def algorithm() -> Any:
    """The packaged algorithm's module."""
    location = importlib.util.spec_from_file_location("mosaic_algorithm", PROCESS)
    assert location is not None
    assert location.loader is not None
    module = importlib.util.module_from_spec(location)
    location.loader.exec_module(module)
    return module


def ours(module: Any, images: list[Path], result: Path) -> None:
    """By the packaged algorithm."""
    context: Any = SimpleNamespace(
        scratch=result.parent, config={}, log=logging.getLogger(), progress=lambda *_: None, notice=print
    )
    with gdal_env():
        module.run(images, context=context)["mosaic"].rename(result)


def theirs(images: list[Path], result: Path) -> None:
    """By rasterio; the first image is on top."""
    with rasterio.Env(GDAL_CACHEMAX=200):
        merge(images, dst_path=result, dst_kwds=OUTPUT)


if __name__ == "__main__":
    how, result, images = sys.argv[1], Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]]
    module = algorithm()
    begun = time.perf_counter()
    if how == "dragoman":
        ours(module, images, result)
    else:
        theirs(images, result)
    print(json.dumps({"seconds": time.perf_counter() - begun, "megabytes": peak_memory(os.getpid())}))
