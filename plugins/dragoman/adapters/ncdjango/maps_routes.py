"""The paths of map services, and the form of their errors: that of ArcGIS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from dragoman.web import problems
from dragoman.web.responses import data_response

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.ncdjango.surface import Surface
    from dragoman.model.process import JSON
    from dragoman.web.call import Call
    from dragoman.web.services import Services
    from dragoman.web.surface import Route

MAPS: Final = ("/arcgis/rest", "/data/services", "/tiles")
"""The roots below which errors are worded as those of maps."""
VERSION: Final = "10.1"


def maps_routes(_services: Services) -> tuple[Route, ...]:
    """All of them."""
    return (
        ("/arcgis/rest/services", "services", {"GET": catalogue}, "services"),
        ("/arcgis/rest/services/<path:name>/MapServer", "map_server", {"GET": map_server}, "services"),
    )


def map_error(error: Exception) -> Response:
    """Any error in ArcGIS' form: ``{"error": {"code", "message", "details"}}``."""
    status = problems.status_of(error).value
    member = {"code": status, "message": problems.detail_of(error), "details": []}
    return arcgis_json({"error": member}, status)


def arcgis_json(document: JSON, status: int = 200) -> Response:
    """JSON as the real server writes it: blanks after commas and colons."""
    return data_response(json.dumps(document).encode(), "application/json", status)


def catalogue(api: Surface, call: Call) -> Response:
    """GET: the services that the caller may see; the first part of a name with a slash is a folder."""
    names = [service.name for service in api.maps.visible_to(call.principal)]
    folders = list(dict.fromkeys(name.partition("/")[0] for name in names if "/" in name))
    listed = [{"name": name, "type": "MapServer"} for name in names]
    return arcgis_json({"currentVersion": VERSION, "folders": folders, "services": listed})


def map_server(api: Surface, call: Call, name: str) -> Response:
    """GET: one service and its layers."""
    service = api.maps.get(name, call.principal)
    layers = [{"id": variable.index, "name": variable.name} for variable in service.variables]
    return arcgis_json(
        {"currentVersion": VERSION, "serviceDescription": service.description, "layers": layers}
    )
