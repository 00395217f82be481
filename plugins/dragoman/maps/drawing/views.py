"""A band as it is seen through a window of pixels: warped by GDAL, nearest neighbour, from the overview that fits.

The file's handle stays open; a VRT for each picture costs 2 to 9 ms with what is read (rio-tiler's reader: 35 to 46).
Of a file of many bands the one that is drawn is warped, by itself (``one_band``): 300 would take 300 times as long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.transform import from_bounds
from rasterio.warp import transform

from dragoman.errors import InvalidRequest, MapUnreadable
from dragoman.rasters.crs import TRANSFORM_ERRORS, parse_crs
from dragoman.rasters.reading import Warped, checking
from dragoman.rasters.transformation import period_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dragoman.maps.drawing.open_files import MapFile

SAMPLES: Final = 5
"""Places along each side of a view at which its resolution is compared with the file's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A window of pixels, north up."""

    bbox: tuple[float, float, float, float]
    """Least x, least y, greatest x, greatest y in ``crs``."""
    crs: CRS
    width: int
    height: int

    @property
    def transform(self) -> Affine:
        """From (column, row) to coordinates."""
        grid: Affine = from_bounds(*self.bbox, self.width, self.height)
        return grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """What is seen, in the shape (height, width)."""

    values: NDArray[Any]
    """In the file's type."""
    valid: NDArray[np.bool_]
    """False outside the file, and where it has no value."""


@lru_cache(256)
def crs_of(name: str) -> CRS:
    """The CRS of an order: a name that a client wrote, or a service's own WKT; raises InvalidRequest."""
    if name.partition(":")[0] in ("EPSG", "ESRI"):
        return parse_crs(name)
    try:
        return CRS.from_wkt(name)
    except TRANSFORM_ERRORS as error:
        raise MapUnreadable from error


def read_view(file: MapFile, band: int, nodata: float | None, view: View) -> Cells | None:
    """The cells of a band in a view; None: nothing of the file lies there. Raises MapUnreadable."""
    columns = columns_of_pixel(file, view)
    if columns is None:
        return None
    dataset, number = file.band_for(columns, band)
    absent = usable_nodata(dataset, number, nodata)
    cells = None
    for turn in file.turns:
        cells = _upon(cells, _warped(dataset, number, absent, view, turn))
    return cells


def _warped(dataset: Any, band: int, nodata: float | None, view: View, turn: float) -> Cells:
    """The cells of a band, its columns moved by ``turn`` degrees of longitude."""
    options: dict[str, Any] = (
        {"add_alpha": True} if nodata is None else {"src_nodata": nodata, "nodata": nodata}
    )
    if turn:
        options["src_transform"] = Affine.translation(turn, 0) @ dataset.transform
    try:
        with (
            checking(edged=not period_of(view.crs)),
            Warped(
                dataset,
                crs=view.crs,
                transform=view.transform,
                width=view.width,
                height=view.height,
                resampling=Resampling.nearest,
                **options,
            ) as warped,
        ):
            values = warped.read(band)
            inside = warped.read(warped.count) > 0 if nodata is None else values != nodata
    except (*TRANSFORM_ERRORS, InvalidRequest, MemoryError) as error:
        raise MapUnreadable from error
    if values.dtype.kind == "f":
        inside &= np.isfinite(values)
    return Cells(values=values, valid=inside)


def _upon(below: Cells | None, cells: Cells) -> Cells:
    if below is None:
        return cells
    values = np.where(cells.valid, cells.values, below.values)
    return Cells(values=values, valid=cells.valid | below.valid)


def usable_nodata(dataset: Any, band: int, nodata: float | None) -> float | None:
    """The value of cells without one, in the file's type; None: there is none, or none that a cell can have."""
    value = dataset.nodatavals[band - 1] if nodata is None else nodata
    dtype = np.dtype(dataset.dtypes[band - 1])
    if value is None:
        return None
    if dtype.kind == "f":
        if math.isfinite(value):
            return float(dtype.type(value)) if abs(value) <= float(np.finfo(dtype).max) else None
        return float(value)
    limits = np.iinfo(dtype)
    whole = math.isfinite(value) and float(value).is_integer()
    return float(value) if whole and limits.min <= value <= limits.max else None


def columns_of_pixel(file: MapFile, view: View) -> float | None:
    """How many of the file's columns, or rows, a pixel of the view has; None: the view lies beside the file."""
    west, south, east, north = file.bounds_in(view.crs) or view.bbox
    left, right = max(west, view.bbox[0]), min(east, view.bbox[2])
    bottom, top = max(south, view.bbox[1]), min(north, view.bbox[3])
    if left >= right or bottom >= top:
        return None
    return _scale(file.full, view, (left, bottom, right, top))


def _scale(dataset: Any, view: View, seen: tuple[float, float, float, float]) -> float:
    """The median of what a step of one pixel to the right, or down, is in columns and rows of the file."""
    left, bottom, right, top = seen
    grid = [(each + 0.5) / SAMPLES for each in range(SAMPLES)]
    step_x, step_y = view.transform.a, view.transform.e
    xs, ys = [], []
    for along in grid:
        for up in grid:
            x, y = left + (right - left) * along, bottom + (top - bottom) * up
            xs += [x, x + step_x, x]
            ys += [y, y, y + step_y]
    try:
        east, north = transform(view.crs, dataset.crs, xs, ys)[:2]
    except TRANSFORM_ERRORS:
        return 1.0
    inverse = ~dataset.transform
    places = [inverse @ place for place in zip(east, north, strict=True)]
    steps = []
    for first in range(0, len(places), 3):
        here, right_of, below = places[first : first + 3]
        step = min(math.dist(here, right_of), math.dist(here, below))
        if math.isfinite(step) and step > 0:
            steps.append(step)
    return median(steps) if steps else 1.0


def read_points(
    file: MapFile, bands: list[tuple[int, float | None]], place: tuple[float, float], crs: CRS
) -> list[float | None]:
    """What each band (its number and nodata value) has at a place; None where there is nothing."""
    dataset = file.full
    try:
        xs, ys = transform(crs, dataset.crs, [place[0]], [place[1]])[:2]
    except TRANSFORM_ERRORS:
        return [None] * len(bands)
    places = [~dataset.transform @ (xs[0] - turn, ys[0]) for turn in file.turns]
    inside = [(c, r) for c, r in places if 0 <= c < dataset.width and 0 <= r < dataset.height]
    if not inside:  # NaN is nowhere
        return [None] * len(bands)
    column, row = inside[0]
    window = ((int(row), int(row) + 1), (int(column), int(column) + 1))
    try:
        cells = dataset.read([number for number, _ in bands], window=window)[:, 0, 0]
    except (RasterioError, IndexError) as error:
        raise MapUnreadable from error
    values: list[float | None] = []
    for cell, (number, nodata) in zip(cells, bands, strict=True):
        absent = usable_nodata(dataset, number, nodata)
        values.append(None if not np.isfinite(cell) or cell == absent else float(cell))
    return values
