"""Map services by hand: the recorded server's, small GeoTIFFs with overviews, and an engine that draws."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rasterio
from enginekit import engine
from rasterio.enums import Resampling
from rasterio.transform import from_bounds

from dragoman.jobs.drawing_service import GUEST, DrawingService
from dragoman.jobs.drawing_settings import DrawingSettings
from dragoman.jobs.engine_settings import GuestRoom
from dragoman.maps.drawing.orders import Band, Draw, DrawnBand, Encoding
from dragoman.maps.renderers import dump_renderer, parse_renderer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from enginekit import EngineKit
    from numpy.typing import NDArray

    from dragoman.model.process import JSON

PLACE: Final = "dragoman.jobs.engine.map_pictures:open_pictures"
BOUNDS: Final = (-120.0, 30.0, -110.0, 40.0)
"""Of the recorded services."""
NODATA: Final = -9999.0
BLUE_RED: Final = {"type": "stretched", "colors": [[0, "#0000ff"], [400, "#ff0000"]]}
ZONES: Final = {
    "type": "unique",
    "colors": [[0, "#ff0000"], [1, "#00ff00"], [2, "#0000ff"], [3, "#ffff00"]],
    "options": {"labels": ["a", "b", "c", "d"]},
}


def write_tif(
    path: Path,
    bands: NDArray[Any],
    *,
    crs: str = "EPSG:4326",
    bounds: tuple[float, float, float, float] = BOUNDS,
    nodata: float | None = None,
    overviews: tuple[int, ...] = (),
) -> Path:
    """A tiled GeoTIFF of bands in the shape (band, row, column)."""
    count, height, width = bands.shape
    profile = {
        "driver": "GTiff",
        "count": count,
        "height": height,
        "width": width,
        "dtype": bands.dtype,
        "crs": crs,
        "transform": from_bounds(*bounds, width, height),
        "nodata": nodata,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "DEFLATE",
    }
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(bands)
    if overviews:
        with rasterio.open(path, "r+") as dataset:
            dataset.build_overviews(list(overviews), Resampling.nearest)
    return path


def tmax() -> NDArray[Any]:
    """The recorded ``tmax``: cell i of step k is i + 1000 k, the first five cells are masked."""
    steps = np.stack([np.arange(400.0).reshape(20, 20) + 1000 * step for step in range(3)])
    steps[:, 0, :5] = NODATA
    return steps.astype(np.float32)


def zones() -> NDArray[Any]:
    """The recorded ``zones``: i // 100."""
    return (np.arange(400).reshape(1, 20, 20) // 100).astype(np.uint8)


def raster_out() -> NDArray[Any]:
    """The recorded result: ``tmax`` of the second step, doubled."""
    steps = tmax()[1:2]
    return np.where(steps == NODATA, np.float32(NODATA), steps * 2).astype(np.float32)


def drawn(path: Path, renderer: JSON, band: int = 1, nodata: float | None = None) -> DrawnBand:
    """A layer."""
    document = dump_renderer(parse_renderer(renderer, words=False))
    return DrawnBand(band=Band(path=str(path), number=band, nodata=nodata), renderer=document)


def picture(
    *layers: DrawnBand,
    bbox: tuple[float, float, float, float] = BOUNDS,
    crs: str = "EPSG:4326",
    size: tuple[int, int] = (100, 100),
    encoding: Encoding = "png",
    transparent: bool = True,
    key: str = "0" * 64,
) -> Draw:
    """An order for a picture."""
    return Draw(
        key=key,
        layers=layers,
        bbox=bbox,
        crs=crs,
        width=size[0],
        height=size[1],
        encoding=encoding,
        transparent=transparent,
    )


@contextmanager
def drawing_engine(home: Path, **settings: Any) -> Iterator[tuple[EngineKit, DrawingService]]:
    """An engine with render processes, and the door to them."""
    room = GuestRoom(place=PLACE, settings=DrawingSettings(**settings))
    with engine(home, guests={GUEST: room}) as kit:
        yield kit, DrawingService(kit.executor, home)
