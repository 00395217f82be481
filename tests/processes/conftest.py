"""The bundled algorithms, loaded by path as a worker does, and rasters to run them on."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from affine import Affine

if TYPE_CHECKING:
    from types import ModuleType

PROCESSES = Path(__file__).parents[2] / "processes"
UTM = Affine(10, 0, 500_000, 0, -10, 5_000_000)

type MakeRaster = Callable[..., Path]


@dataclass
class FakeContext:
    """What an algorithm is given; remembers the progress."""

    scratch: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    job_id: str = "job"
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("test"))
    seen: list[float] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def progress(self, percent: float, message: str = "") -> None:
        assert 0 <= percent <= 100
        assert isinstance(message, str)
        self.seen.append(percent)
        self.messages.append(message)

    def notice(self, text: str) -> None:
        self.notices.append(text)


def load(name: str) -> ModuleType:
    """``processes/<name>/algorithm.py`` as a module."""
    location = PROCESSES / name / "algorithm.py"
    spec = importlib.util.spec_from_file_location(f"algorithm_{name.replace('-', '_')}", location)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def algorithm(request: pytest.FixtureRequest) -> ModuleType:
    """The algorithm that the test module names in PROCESS."""
    return load(request.module.PROCESS)


@pytest.fixture
def load_process() -> Callable[[str], ModuleType]:
    """``load``, for a test of several processes."""
    return load


@pytest.fixture
def examples(request: pytest.FixtureRequest) -> Path:
    """The folder of its examples."""
    return PROCESSES / str(request.module.PROCESS) / "examples"


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    """A context whose windows are small, so that there are several."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return FakeContext(scratch=scratch, config={"window": 16})


@pytest.fixture
def make_raster(tmp_path: Path) -> MakeRaster:
    """``make_raster("a.tif", array, nodata=0, ...)`` writes (rows, cols) or (bands, rows, cols)."""

    def make(name: str, array: Any, **profile: Any) -> Path:
        bands = np.asarray(array)
        bands = bands[np.newaxis] if bands.ndim == 2 else bands
        count, height, width = bands.shape
        options = {"driver": "GTiff", "crs": "EPSG:32633", "transform": UTM, "dtype": bands.dtype.name}
        path = tmp_path / name
        size = {"width": width, "height": height, "count": count}
        with rasterio.open(path, "w", **size, **{**options, **profile}) as target:
            target.write(bands)
        return path

    return make
