"""Rasters that go once around the world, continued beyond either end by what lies at the other.

A kernel that reaches over the edge of a raster takes what there is, the outermost pixel. Where the raster goes around
the world, the pixel beyond its eastern edge is its westernmost: GDAL does not know, so it is given a view that has it.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio.shutil
from rasterio.io import MemoryFile
from rasterio.windows import Window

from dragoman.rasters.opening import gdal_env
from dragoman.rasters.overlaps import period_on, points_on, turns
from dragoman.rasters.reading import Reader
from dragoman.rasters.transformation import Transformation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dragoman.rasters.grids import Grid

CLOSED = 0.01
"""Pixels that may be missing or too many where the two ends of a raster meet."""

NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What a text in a file's tags may hold, and XML may not."""

REACH = 4
"""Pixels, and one more than that, by which the widest kernel (lanczos) reaches beyond its place."""


def goes_around(grid: Grid) -> bool:
    """Whether the two ends of a grid are one meridian."""
    if grid.crs is None or grid.transform.b or grid.transform.d or not (period := period_on(grid)):
        return False
    return abs(grid.width - period / abs(grid.transform.a)) <= CLOSED


def beyond(width: int, scales: Iterable[tuple[float, float] | None]) -> int:
    """How many columns a kernel may reach over an edge: the more, the more pixels become one."""
    coarsest = min((min(1.0, scale[0]) for scale in scales if scale), default=1.0)
    return min(width, math.ceil(REACH / coarsest) + 1)


def meets_an_end(source: Grid, target: Grid, columns: int) -> bool:
    """Whether some of a target may lie within so many columns of the ends of a grid that goes around."""
    assert source.crs is not None
    assert target.crs is not None
    points = points_on(target)
    if source.crs != target.crs:
        points = Transformation(target.crs, source.crs).forward(points)
    x = (points[..., 0] - source.transform.c) / source.transform.a
    if not np.isfinite(x).all():
        return True
    x %= source.width
    step = max(
        float(np.abs(np.diff(x, axis=axis)).max()) for axis in (0, 1)
    )  # all of the width across an end
    return bool(x.min() < columns + step or x.max() > source.width - columns - step)


def further(source: Grid, target: Grid) -> int:
    """How many columns a grid that goes around is to be continued so that it lies under all of another."""
    period = period_on(source)
    assert period is not None
    return source.width * round(max(map(abs, turns(source, target))) / period)


@contextmanager
def around(dataset: Any, columns: int) -> Iterator[Any]:
    """The open GeoTIFF with so many columns more at each end.

    It has no more pixels on disk or in memory: GDAL reads the columns where they are.
    """
    with MemoryFile(ext=".vrt") as plain:
        rasterio.shutil.copy(dataset, plain.name, driver="VRT")
        text = _continued(plain.read(), dataset.name, dataset.width, columns)
    with MemoryFile(text, ext=".vrt") as memory, ExitStack() as stack:
        with gdal_env():
            view = Reader(memory.name, driver="VRT", sharing=False)
            view.input_id = getattr(dataset, "input_id", None)
            stack.callback(view.close)
            # GDAL opens the file with the first read: here, with no look at what lies beside it
            view.read(1, window=Window(0, 0, 1, 1))
        yield view


def _continued(text: bytes, path: str, width: int, columns: int) -> bytes:
    """GDAL's description of a raster, its sources told again at either end."""
    root = ET.fromstring(NO_XML.sub(" ", text.decode("utf-8", "replace")))
    root.set("rasterXSize", str(width + 2 * columns))
    for band in root.iter("VRTRasterBand"):
        for source in [child for child in band if child.find("SourceFilename") is not None]:
            band.remove(source)
            for first, count, place in _copies(width, columns):
                band.append(_placed(source, path, first, count, place))
    return ET.tostring(root)


def _copies(width: int, columns: int) -> Iterator[tuple[int, int, int]]:
    """The parts of the raster that follow each other: its first column, how many, and where they lie."""
    for number in range(-math.ceil(columns / width), math.ceil((width + columns) / width)):
        left, right = max(number * width, -columns), min((number + 1) * width, width + columns)
        yield left - number * width, right - left, left + columns


def _placed(source: ET.Element, path: str, first: int, count: int, place: int) -> ET.Element:
    """A source with so many of the file's columns, to lie at ``place``."""
    part = deepcopy(source)
    for child in part.iter("SourceFilename"):
        child.text = path
        child.attrib.update(relativeToVRT="0", shared="0")
    for name, offset in (("SrcRect", first), ("DstRect", place)):
        for rectangle in part.iter(name):
            rectangle.attrib.update(xOff=str(offset), xSize=str(count))
    return part
