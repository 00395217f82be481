"""Where services lie in other reference systems; by pyproj alone, so that a server process needs no raster library."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import InvalidRequest

if TYPE_CHECKING:
    from dragoman.model.map_service import MapGrid

type Box = tuple[float, float, float, float]
"""Least x, least y, greatest x, greatest y."""

WEB_MERCATOR: Final = "EPSG:3857"
LONGITUDES: Final = "EPSG:4326"
HALF_WORLD: Final = 20037508.342789244
"""Metres from the middle of web mercator to its edge."""
TILE: Final = 256
FINEST: Final = 24
"""The last zoom level."""
_EDGE: Final = 1e-6
"""Metres that an extent may differ from the edge of the world and still be there."""


@lru_cache(256)
def check_reference(name: str) -> None:
    """Raise InvalidRequest unless ``EPSG:n`` or ``ESRI:n`` is known, and has places on a map."""
    crs = _crs(name)
    if not (crs.is_geographic or crs.is_projected):
        raise InvalidRequest(f"{name} is neither geographic nor projected")


@lru_cache(1024)
def transformed(box: Box, source: str, target: str) -> Box:
    """The box around a box in another reference system; raises InvalidRequest where it has no place."""
    if source == target:
        return box
    from pyproj.exceptions import ProjError

    try:
        bounds = _transformer(source, target).transform_bounds(*box, densify_pts=21)
    except ProjError as error:
        raise InvalidRequest("the box has no place in the other reference system") from error
    if not all(map(math.isfinite, bounds)) or bounds[0] >= bounds[2] or bounds[1] >= bounds[3]:
        raise InvalidRequest("the box has no place in the other reference system")
    return float(bounds[0]), float(bounds[1]), float(bounds[2]), float(bounds[3])


def may_be_degrees(box: Box) -> bool:
    """Whether a box could lie in longitudes and latitudes, whatever turn the longitudes have."""
    return max(abs(box[0]), abs(box[2])) <= 540.0 and max(abs(box[1]), abs(box[3])) <= 90.0


@lru_cache(256)
def is_geographic(crs: str) -> bool:
    """Whether a reference system has longitudes and latitudes."""
    return bool(_crs(crs).is_geographic)


@lru_cache(256)
def region_of(grid: MapGrid) -> Box:
    """Where boxes in a service's own reference system are to be expected.

    The area that its authority says it is for; of one that nobody has given an area, about the service itself.
    """
    west, south, east, north = own = own_extent(grid)
    area = _area_of_use(grid.crs_wkt)
    if area is None:
        wide, high = east - west, north - south
        return west - wide, south - high, east + wide, north + high
    return min(area[0], own[0]), min(area[1], own[1]), max(area[2], own[2]), max(area[3], own[3])


def _area_of_use(crs: str) -> Box | None:
    """In the reference system itself."""
    known = _crs(crs)
    if known.area_of_use is None:
        authority = known.to_authority()
        known = known if authority is None else _crs(":".join(authority))
    area = known.area_of_use
    if area is None or area.west >= area.east:  # unknown, or over the antimeridian
        return None
    try:
        return transformed((area.west, area.south, area.east, area.north), LONGITUDES, crs)
    except InvalidRequest:
        return None


def own_extent(grid: MapGrid) -> Box:
    """Of a service in its own reference system."""
    a, _, c, _, e, f = grid.transform
    return c, f + e * grid.height, c + a * grid.width, f


def mercator_extent(grid: MapGrid) -> Box:
    """Of a service in web mercator; what lies beyond the edge of that map is left out."""
    return _within(own_extent(grid), grid.crs_wkt, WEB_MERCATOR, HALF_WORLD, HALF_WORLD)


def world_extent(grid: MapGrid) -> Box:
    """Of a service in longitudes and latitudes."""
    return _within(own_extent(grid), grid.crs_wkt, LONGITUDES, 180.0, 90.0)


def finest_zoom(grid: MapGrid) -> int:
    """The zoom level at which a tile's pixel is no larger than a cell."""
    west, _, east, _ = mercator_extent(grid)
    cell = (east - west) / grid.width
    return max(0, min(FINEST, math.ceil(math.log2(2 * HALF_WORLD / TILE / cell) - 0.01))) if cell > 0 else 0


def tile_box(zoom: int, column: int, row: int) -> Box:
    """Of a tile in web mercator; rows are counted from the north."""
    side = 2 * HALF_WORLD / 2**zoom
    west, north = column * side - HALF_WORLD, HALF_WORLD - row * side
    return west, north - side, west + side, north


def _within(box: Box, source: str, target: str, most_x: float, most_y: float) -> Box:
    """The box cut to what the target shows; all of it where that cannot be told."""
    if target == WEB_MERCATOR:  # the poles have no place there
        west, south, east, north = _within(box, source, LONGITUDES, 180.0, 85.05)
        box, source = (west, max(south, -85.05), east, min(north, 85.05)), LONGITUDES
    try:
        west, south, east, north = transformed(box, source, target)
    except InvalidRequest:
        return -most_x, -most_y, most_x, most_y
    if east > most_x + _EDGE or west < -most_x - _EDGE:  # told in other longitudes, or over the antimeridian
        width = east - west
        west = (west + most_x) % (2 * most_x) - most_x
        east = west + width
        if east > most_x + _EDGE:
            west, east = -most_x, most_x
    return max(west, -most_x), max(south, -most_y), min(east, most_x), min(north, most_y)


@lru_cache(256)
def _transformer(source: str, target: str) -> Any:
    from pyproj import Transformer

    return Transformer.from_crs(_crs(source), _crs(target), always_xy=True)


@lru_cache(256)
def _crs(name: str) -> Any:
    """Of a name, or of a service's own WKT."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return CRS.from_user_input(name)
    except CRSError as error:
        raise InvalidRequest(f"the reference system {name[:40]} is not known here") from error
