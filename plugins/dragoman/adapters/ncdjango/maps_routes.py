"""The paths of map services, and the form of their errors: that of ArcGIS.

Names hold slashes. After a ``<path:>`` a rule does not match with a slash at its end, so each has two; below each root
whatever else there is is no page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.ncdjango import map_pictures, map_values, map_views
from dragoman.adapters.ncdjango.map_views import arcgis_json
from dragoman.errors import NoSuchPage
from dragoman.web import problems
from dragoman.web.dispatch import BY_KEY

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.ncdjango.surface import Surface
    from dragoman.web.call import Call
    from dragoman.web.dispatch import Handler
    from dragoman.web.services import Services
    from dragoman.web.surface import Route

MAPS: Final = ("/arcgis/rest", "/data/services", "/tiles")
"""The roots below which errors are worded as those of maps."""
SERVICES: Final = "/arcgis/rest/services"
SERVER: Final = f"{SERVICES}/<path:name>/MapServer"
INFO: Final = "/data/services/<path:name>/<variable>/info"
TILES: Final = "/tiles/<path:name>"

EVERY: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Methods of what is no page."""

READ: Final[tuple[tuple[str, str, Handler], ...]] = (
    (SERVER, "map_server", map_views.map_server),
    (f"{SERVER}/layers", "map_layers", map_views.layers),
    (f"{SERVER}/layers/<number>", "map_layer", map_views.layer),
    (f"{SERVER}/<int:number>", "map_layer_by_number", map_views.layer_by_number),
    (f"{SERVER}/legend", "map_legend", map_views.legend),
    (f"{INFO}/range", "map_range", map_values.value_range),
    (f"{INFO}/classify", "map_classes", map_values.classify),
    (f"{INFO}/unique", "map_unique", map_values.unique),
    (f"{INFO}/values-at-point", "map_point", map_values.values_at_point),
    (f"{TILES}/tilejson.json", "map_tilejson", map_views.tilejson),
    (f"{TILES}/<zoom>/<column>/<row>.png", "map_tile", map_pictures.tile),
)
"""Path, name and handler of what is only read."""
ASKED: Final[tuple[tuple[str, str, Handler], ...]] = (
    (f"{SERVER}/identify", "map_identify", map_values.identify),
    (f"{SERVER}/export", "map_export", map_pictures.export),
)
"""The same of what may be asked by GET and POST, since its parameters may be many."""


def maps_routes(_services: Services) -> tuple[Route, ...]:
    """All of them."""
    routes: list[Route] = [(SERVICES, "services", {"GET": map_views.catalogue}, "services")]
    for path, name, handler in READ:
        routes += _twice(path, name, {"GET": handler})
    for path, name, handler in ASKED:
        routes += _twice(path, name, {"GET": handler, "POST": handler})
    for number, root in enumerate(MAPS):
        routes += [
            (root, f"no_map_{number}", dict.fromkeys(EVERY, nothing)),
            (f"{root}/<path:_rest>", f"no_map_below_{number}", dict.fromkeys(EVERY, nothing)),
        ]
    return tuple(routes)


def _twice(path: str, name: str, handlers: dict[str, Handler]) -> list[Route]:
    return [(path, name, handlers, BY_KEY), (f"{path}/", f"{name}_slash", handlers, BY_KEY)]


def nothing(_api: Surface, _call: Call, **_arguments: str) -> Response:
    """Raises NoSuchPage."""
    raise NoSuchPage


def map_error(error: Exception) -> Response:
    """Any error in ArcGIS' form: ``{"error": {"code", "message", "details"}}``."""
    status = problems.status_of(error).value
    member = {"code": status, "message": problems.detail_of(error), "details": []}
    return arcgis_json({"error": member}, status)
