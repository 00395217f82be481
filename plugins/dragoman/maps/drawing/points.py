"""What lies at a point, in each of several bands."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from dragoman.maps.drawing.views import crs_of, read_points

if TYPE_CHECKING:
    from dragoman.maps.drawing.open_files import OpenFiles
    from dragoman.maps.drawing.orders import PointValues


def point_values(order: PointValues, files: OpenFiles) -> list[float | None]:
    """One value for each band, in order; None: there is none. Raises InvalidRequest and MapUnreadable."""
    crs = crs_of(order.crs)
    values: list[float | None] = []
    for path, bands in groupby(order.bands, key=lambda band: band.path):
        numbers = [(band.number, band.nodata) for band in bands]
        values += read_points(files.get(path), numbers, (order.x, order.y), crs)
    return values
