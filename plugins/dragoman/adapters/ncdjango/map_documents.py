"""What a map service says of itself, as ArcGIS' JSON and TileJSON; pure. Contract: ncdjango.md, 5."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from dragoman.maps.places import finest_zoom, mercator_extent, world_extent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.maps.places import Box
    from dragoman.model.map_service import MapService, MapVariable
    from dragoman.model.process import JSON

VERSION: Final = "10.1"
WEB_MERCATOR: Final = {"wkid": 102100}
FORMATS: Final = "PNG,PNG8,PNG24,PNG32,JPEG,GIF,BMP"
UNITS: Final = (
    (7 * 86_400, "Weeks"),
    (86_400, "Days"),
    (3_600, "Hours"),
    (60, "Minutes"),
    (1, "Seconds"),
    (0.001, "Milliseconds"),
)
"""Seconds of ArcGIS' units of time, without those of the calendar."""


def catalogue_document(services: Sequence[MapService]) -> dict[str, JSON]:
    """The list of services; the first part of a name with a slash is a folder."""
    names = [service.name for service in services]
    return {
        "currentVersion": VERSION,
        "folders": list(dict.fromkeys(name.partition("/")[0] for name in names if "/" in name)),
        "services": [{"name": name, "type": "MapServer"} for name in names],
    }


def service_document(service: MapService, links: Sequence[JSON]) -> dict[str, JSON]:
    """MapServer; ``links`` are to what the real server does not have."""
    extent = envelope(mercator_extent(service.grid), WEB_MERCATOR)
    document: dict[str, JSON] = {
        "currentVersion": VERSION,
        "serviceDescription": service.description,
        "mapName": service.name,
        "description": service.description,
        "copyrightText": "",
        "supportsDynamicLayers": True,
        "layers": [_layer(variable) for variable in service.variables],
        "spatialReference": WEB_MERCATOR,
        "singleFusedMapCache": False,
        "initialExtent": extent,
        "fullExtent": extent,
        "supportedImageFormatTypes": FORMATS,
        "capabilities": "Map,Query",
        "supportedQueryFormat": "JSON",
    }
    times = next((variable.times for variable in service.variables if variable.times), ())
    if times:
        document["timeInfo"] = time_info(times)
    return {**document, "links": list(links)}


def _layer(variable: MapVariable) -> dict[str, JSON]:
    return {
        "id": variable.index,
        "name": variable.name,
        "defaultVisibility": True,
        "parentLayerId": -1,
        "subLayerIds": None,
        "minScale": 0,
        "maxScale": 0,
    }


def layer_document(service: MapService, variable: MapVariable) -> dict[str, JSON]:
    """One of ``/layers``."""
    document: dict[str, JSON] = {
        "id": variable.index,
        "name": variable.name,
        "type": "Raster Layer",
        "description": None,
        "geometryType": None,
        "hasZ": False,
        "hasM": False,
        "copyrightText": None,
        "parentLayer": None,
        "subLayers": None,
        "minScale": 0,
        "maxScale": 0,
        "defaultVisibility": True,
        "extent": envelope(mercator_extent(service.grid), WEB_MERCATOR),
        "displayField": variable.name,
        "maxRecordCount": 1000,
        "supportsStatistics": False,
        "supportsAdvancedQueries": False,
        "capabilities": "Map,Query",
        "supportedQueryFormats": "JSON",
        "isDataVersioned": False,
    }
    return {**document, "timeInfo": time_info(variable.times)} if variable.times else document


def legend_document(variables: Sequence[MapVariable], legends: Sequence[Sequence[JSON]]) -> dict[str, JSON]:
    """``/legend``."""
    return {
        "layers": [
            {
                "layerId": variable.index,
                "layerName": variable.name,
                "layerType": "Raster Layer",
                "minScale": 0,
                "maxScale": 0,
                "legend": list(legend),
            }
            for variable, legend in zip(variables, legends, strict=True)
        ]
    }


def identify_document(variables: Sequence[MapVariable], values: Sequence[float | None]) -> dict[str, JSON]:
    """``/identify``."""
    return {
        "results": [
            {
                "layerId": variable.index,
                "layerName": variable.name,
                "value": value,
                "displayFieldName": variable.name,
                "attributes": {"Pixel value": value},
            }
            for variable, value in zip(variables, values, strict=True)
        ]
    }


def tilejson_document(
    service: MapService, *, tiles: str, legend: str, links: Sequence[JSON]
) -> dict[str, JSON]:
    """TileJSON 3.0; ``tiles`` is the URL with {z}, {x} and {y}, ``legend`` that of the legend."""
    west, south, east, north = world_extent(service.grid)
    finest = finest_zoom(service.grid)
    return {
        "tilejson": "3.0.0",
        "name": service.name,
        "description": service.description,
        "scheme": "xyz",
        "tiles": [tiles],
        "minzoom": 0,
        "maxzoom": finest,
        "bounds": [west, south, east, north],
        "center": [(west + east) / 2, (south + north) / 2, max(0, finest - 4)],
        "legend": legend,
        "links": list(links),
    }


def envelope(box: Box, reference: JSON) -> dict[str, JSON]:
    """An extent."""
    west, south, east, north = box
    return {"xmin": west, "ymin": south, "xmax": east, "ymax": north, "spatialReference": reference}


def reference_document(name: str) -> dict[str, JSON]:
    """The reference system of a picture; one without a number is told as WKT."""
    authority, _, code = name.rpartition(":")
    if authority not in ("EPSG", "ESRI"):
        return {"wkt": name}
    return WEB_MERCATOR if code == "3857" else {"wkid": int(code)}


# -- time ------------------------------------------------------------------------------------------------


def time_info(times: Sequence[float]) -> dict[str, JSON]:
    """``timeInfo``: the axis' ends in milliseconds, and its step in the largest unit that divides it."""
    count, unit = step_of_axis(times)
    return {
        "timeExtent": [round(times[0] * 1000), round(times[-1] * 1000)],
        "timeRelation": "esriTimeRelationOverlaps",
        "defaultTimeInterval": count,
        "defaultTimeIntervalUnits": f"esriTimeUnits{unit}",
        "hasLiveData": False,
    }


def step_of_axis(times: Sequence[float]) -> tuple[int, str]:
    """How many of which unit; of an axis without a regular step its shortest."""
    if len(times) < 2:
        return 1, "Days"
    months = _months(times)
    if months:
        return (months // 12, "Years") if months % 12 == 0 else (months, "Months")
    shortest = min(later - earlier for earlier, later in pairwise(times))
    for seconds, unit in UNITS:
        count = shortest / seconds
        if count >= 1 and abs(count - round(count)) < 1e-6:
            return round(count), unit
    return max(1, round(shortest * 1000)), "Milliseconds"


def _months(times: Sequence[float]) -> int:
    """The regular step in months of the calendar; 0: there is none."""
    try:
        dates = [datetime.fromtimestamp(time, UTC) for time in times]
    except (OverflowError, ValueError, OSError):
        return 0
    if len({(date.day, date.hour, date.minute, date.second, date.microsecond) for date in dates}) > 1:
        return 0
    numbers = [date.year * 12 + date.month for date in dates]
    steps = {later - earlier for earlier, later in pairwise(numbers)}
    return steps.pop() if len(steps) == 1 else 0
