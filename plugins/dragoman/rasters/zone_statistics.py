"""Statistics of one band within polygons, each pixel weighted by the part of it that a polygon covers.

exactextract sees pixels as squares of side 1 from 0, 0, whole numbers apart, and no zone beyond the raster: a corner
that misses the corner of a pixel by a rounding may have it count all of a pixel, and parts beside the raster that touch
its edge may end the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from exactextract import Operation, exact_extract
from exactextract.feature import Feature, FeatureSource
from exactextract.raster import RasterSource
from rasterio.windows import Window

from dragoman.rasters.opening import gdal_env
from dragoman.rasters.polygons import cut
from dragoman.rasters.windows import float_type, read_float

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from dragoman.rasters.polygons import Shapes

type Operations = dict[str, tuple[str, dict[str, float]]]
"""Property -> name and options of exactextract's operation."""

ON_EDGE = 1e-9
"""Share of a pixel that is no distance from an edge, but a rounding."""

SNAPPED = 1e-6
"""Share of a pixel by which the corners of a zone are moved that exactextract cannot walk along."""


class Band(RasterSource):  # type: ignore[misc]  # exactextract has no types
    """One band as exactextract reads it: by windows, north up, NaN for nodata."""

    def __init__(self, dataset: Any, band: int) -> None:
        super().__init__()
        self.dataset, self.band = dataset, band
        self.flipped = dataset.transform.e > 0
        self.mirrored = dataset.transform.a < 0

    def res(self) -> tuple[float, float]:
        """Width and height of a cell."""
        return 1.0, 1.0

    def extent(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top."""
        return 0.0, 0.0, float(self.dataset.width), float(self.dataset.height)

    def in_cells(self, shapes: Shapes) -> Shapes:
        """Valid shapes of the raster's CRS in cells, up and right from its lower left; cut to the raster."""
        left, bottom, right, top = self.dataset.bounds
        corner = np.array([min(left, right), min(bottom, top)])
        size = np.array([abs(self.dataset.transform.a), abs(self.dataset.transform.e)])

        def placed(points: NDArray[Any]) -> NDArray[Any]:
            cells = (points - corner) / size
            whole = np.round(cells)
            return np.asarray(np.where(np.abs(cells - whole) <= ON_EDGE, whole, cells))

        return cut(shapely.transform(shapes, placed), self.extent())

    def srs_wkt(self) -> None:
        """Not told: the zones come in the raster's CRS already."""

    def nodata_value(self) -> None:
        """None: NaN alone is nodata."""

    def read_window(self, x0: int, y0: int, nx: int, ny: int) -> Any:
        """Values of a window counted from the upper left; infinite ones are missing."""
        if nx == 0 or ny == 0:  # how exactextract asks for the type
            return np.empty((ny, nx), dtype=float_type(self.dataset, self.band))
        col = self.dataset.width - x0 - nx if self.mirrored else x0
        row = self.dataset.height - y0 - ny if self.flipped else y0
        values = read_float(self.dataset, self.band, Window(col, row, nx, ny))
        values[np.isinf(values)] = np.nan
        return np.ascontiguousarray(values[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1])


class Zone(Feature):  # type: ignore[misc]  # exactextract has no types
    """A polygon as exactextract reads it; as WKB, which is many times faster than its GeoJSON."""

    def __init__(self, wkb: bytes) -> None:
        super().__init__()
        self.wkb = wkb

    def geometry(self) -> bytes:
        """Well-known binary."""
        return self.wkb

    def fields(self) -> list[str]:
        """None besides the geometry."""
        return []


class Zones(FeatureSource):  # type: ignore[misc]  # exactextract has no types
    """The polygons, in the raster's CRS."""

    def __init__(self, shapes: Any) -> None:
        super().__init__()
        self.wkbs = shapely.to_wkb(shapes)

    def count(self) -> int:
        """How many there are."""
        return len(self.wkbs)

    def __iter__(self) -> Iterator[Zone]:
        return map(Zone, self.wkbs)

    def srs_wkt(self) -> None:
        """Not told, as the raster's."""


def extracted(
    band: Band, shapes: Any, operations: Operations, *, cells: int, progress: Callable[[float], None]
) -> list[dict[str, Any] | None]:
    """The statistics of each valid shape, by the names of ``operations``; none of one that lies beside the raster.

    None for a shape that exactextract cannot walk along. ``cells``: raster cells in memory at once;
    ``progress`` is told the share done, 0..1.
    """
    shapes = band.in_cells(shapes)
    rows: list[dict[str, Any] | None] = [{} for _ in shapes]
    inside = np.flatnonzero(~shapely.is_empty(shapes))
    if not len(inside):
        return rows
    for number, row in zip(inside, _all(band, shapes[inside], operations, cells, progress), strict=True):
        rows[number] = row
    return rows


def _all(
    band: Band, shapes: Shapes, operations: Operations, cells: int, progress: Callable[[float], None]
) -> Iterator[dict[str, Any] | None]:
    """As ``extracted``, of shapes in cells, none of them empty: at once, or one by one if one is at fault."""
    try:
        yield from list(_extracted(band, shapes, operations, cells, progress))
    except RuntimeError:
        for number, shape in enumerate(shapes):
            yield _alone(band, shape, operations, cells)
            progress((number + 1) / len(shapes))


def _alone(band: Band, shape: Any, operations: Operations, cells: int) -> dict[str, Any] | None:
    """As it is; else its corners moved by a hair, since exactextract stumbles over some that lie on its cells."""
    for way in (
        shape,
        shapely.normalize(shape),
        shapely.set_precision(shape, SNAPPED),
        shape.buffer(-SNAPPED),
    ):
        if way.is_empty:
            continue
        try:
            return _extracted(band, np.array([way], dtype=object), operations, cells, lambda _: None)[0]
        except RuntimeError:
            continue
    return None


def _extracted(
    band: Band, shapes: Any, operations: Operations, cells: int, progress: Callable[[float], None]
) -> list[dict[str, Any]]:
    fields = {f"s{number}": label for number, label in enumerate(operations)}
    with gdal_env():
        rows = exact_extract(
            band,
            Zones(shapes),
            [Operation(operations[x][0], field, band, None, operations[x][1]) for field, x in fields.items()],
            max_cells_in_memory=cells,
            progress=lambda done, _: progress(done),
        )
    # exactextract hangs the rounded percentage onto the field of a quantile: s3_12
    return [
        {fields[key.partition("_")[0]]: value for key, value in row["properties"].items()} for row in rows
    ]
