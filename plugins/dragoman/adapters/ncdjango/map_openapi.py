"""What the API document of ncdjango tells of map services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.openapi.components import JSON_TYPE, Object, ref, strings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.model.process import JSON

SERVICES: Final = "/arcgis/rest/services"
SERVER: Final = f"{SERVICES}/{{name}}/MapServer"
INFO: Final = "/data/services/{name}/{variable}/info"
TILES: Final = "/tiles/{name}"
PUBLIC: Final = ((SERVICES, "services"),)
"""The words of ``auth.public`` by path."""
KEYED: Final = (
    "With tokens on, `key` (of a link of the service) opens it without a token; the operator's services are open to "
    "everybody where `auth.public` names `services`."
)


def _in(place: str, name: str, about: str, *words: str) -> Object:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": about,
        "schema": strings(*words),
    }


OF_SERVICE: Final = (
    _in("path", "name", "The service; its slashes are slashes of the path."),
    _in("query", "key", "Of the links of the service; needed where tokens are."),
)
STYLES: Final = _in(
    "query", "styles", 'Renderers by layer, as JSON: `{"0": {"type": "stretched", "colors": [...]}}`.'
)
TIME: Final = _in("query", "time", "Milliseconds since 1970, or two of them; the nearest step is meant.")
DRAWN_AS: Final = (
    _in("query", "layers", "`show:0,1`, `hide:0`, `include:`, `exclude:`; left out: the first layer alone."),
    TIME,
    STYLES,
)
EXPORT: Final = (
    _in("query", "bbox", "`xmin,ymin,xmax,ymax`, or an envelope as JSON; made wider to the picture's shape."),
    _in("query", "size", "`width,height`, each up to 4096; 400,400."),
    _in("query", "bboxSR", "The wkid of the bbox; left out: that of the service."),
    _in("query", "imageSR", "The wkid of the picture; left out: that of the bbox."),
    _in("query", "format", "`png`, `png8`, `png24`, `png32`, `gif`, `jpg`, `bmp` or `webp`."),
    _in("query", "transparent", "Whether what has no value is transparent; true."),
    *DRAWN_AS,
    _in(
        "query",
        "dynamicLayers",
        "In place of `layers`, as ArcGIS writes it: the layers, the one on top first, and their transparency.",
    ),
    _in("query", "f", "`image`, the default, or `json`: where the picture is."),
)
IDENTIFY: Final = (
    _in("query", "geometry", "`x,y`, or a point as JSON."),
    _in("query", "geometryType", "`esriGeometryPoint`."),
    _in("query", "sr", "The wkid of the geometry; left out: that of the service."),
    _in("query", "tolerance", "Pixels; changes nothing."),
    _in("query", "mapExtent", "`xmin,ymin,xmax,ymax`; changes nothing."),
    _in("query", "imageDisplay", "`width,height,dpi`; changes nothing."),
    _in("query", "layers", "`top`, the default, `all`, `visible`, or `show:0,1`."),
    TIME,
)


def map_paths() -> Object:
    """All of them."""
    return {**_server_paths(), **_info_paths(), **_tile_paths()}


def _server_paths() -> Object:
    of_layer = [*OF_SERVICE, _in("path", "number", "Its id.")]
    return {
        SERVICES: {"get": _read("getServices", "The map services.", "Services")},
        SERVER: {"get": _read("getMapServer", "One map service.", "MapServer", OF_SERVICE)},
        f"{SERVER}/layers": {"get": _read("getLayers", "Its layers.", "Layers", OF_SERVICE)},
        f"{SERVER}/layers/{{number}}": {"get": _read("getLayer", "A layer.", "Layer", of_layer)},
        f"{SERVER}/{{number}}": {"get": _read("getLayerByNumber", "The same.", "Layer", of_layer)},
        f"{SERVER}/legend": {"get": _read("getLegend", "Its legends.", "Legend", [*OF_SERVICE, STYLES])},
        f"{SERVER}/identify": _both("identify", "What lies at a point.", IDENTIFY, "Identified"),
        f"{SERVER}/export": _both("export", "A picture.", EXPORT, "Export", picture=True),
    }


def _info_paths() -> Object:
    name, key = OF_SERVICE
    of_variable = [name, _in("path", "variable", "The name of a variable."), key]
    classes = [
        _in("query", "method", "How values are divided.", "equal", "quantile", "jenks"),
        _in("query", "breaks", "How many classes, 1 to 100."),
    ]
    point = [
        _in("query", "x", "In `projection`."),
        _in("query", "y", "In `projection`."),
        _in("query", "projection", "A wkid; left out: that of the service."),
    ]
    return {
        f"{INFO}/range": {"get": _read("getRange", "Its least and greatest value.", "Range", of_variable)},
        f"{INFO}/classify": {
            "get": _read("classify", "Where classes end.", "Classes", [*of_variable, *classes])
        },
        f"{INFO}/unique": {"get": _read("getUniqueValues", "Its values.", "UniqueValues", of_variable)},
        f"{INFO}/values-at-point": {
            "get": _read("getValuesAtPoint", "Its values at a point.", "PointValues", [*of_variable, *point])
        },
    }


def _tile_paths() -> Object:
    tile = [_in("path", each, about) for each, about in (("z", "Zoom."), ("x", "Column."), ("y", "Row."))]
    return {
        f"{TILES}/tilejson.json": {
            "get": _read("getTileJson", "Where its tiles are.", "TileJson", [*OF_SERVICE, *DRAWN_AS])
        },
        f"{TILES}/{{z}}/{{x}}/{{y}}.png": {
            "get": _operation(
                "getTile",
                "A tile of web mercator, 256 pixels wide; 512 where `y` ends in `@2x`.",
                {"image/png": {"schema": {"type": "string", "format": "binary"}}},
                parameters=[*OF_SERVICE, *tile, *DRAWN_AS],
            )
        },
    }


def _both(
    operation_id: str, summary: str, members: Sequence[Object], schema: str, *, picture: bool = False
) -> Object:
    """GET with its parameters in the query, POST with them in a form."""
    content: Object = {JSON_TYPE: {"schema": ref("schemas", schema)}}
    if picture:
        content["image/*"] = {"schema": {"type": "string", "format": "binary"}}
        content["*/*"] = {"schema": {}}
    fields = {str(each["name"]): {"type": "string", "description": each["description"]} for each in members}
    form: Object = {
        "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object", "properties": fields}}}
    }
    return {
        "get": _operation(operation_id, summary, content, parameters=[*OF_SERVICE, *members]),
        "post": _operation(
            f"{operation_id}ByForm", summary, content, parameters=list(OF_SERVICE), requestBody=form
        ),
    }


def _read(operation_id: str, summary: str, schema: str, parameters: Sequence[Object] = ()) -> Object:
    content: Object = {JSON_TYPE: {"schema": ref("schemas", schema)}}
    return _operation(
        operation_id, summary, content, **({"parameters": list(parameters)} if parameters else {})
    )


def _operation(operation_id: str, summary: str, content: Object, **more: JSON) -> Object:
    wrong: Object = {JSON_TYPE: {"schema": ref("schemas", "Error")}}
    reasons = {
        "400": "A parameter is wrong; the message names it.",
        "401": "A token is needed.",
        "403": "This is not allowed from here.",
        "404": "There is no such service, or it is somebody else's.",
        "500": "The file that the map is drawn from cannot be read.",
        "503": "No process is free to draw it, or the server is busy; Retry-After says when to try again.",
    }
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["Maps"],
        "responses": {
            "200": {"description": summary, "content": content},
            **{status: {"description": about, "content": wrong} for status, about in reasons.items()},
        },
        **more,
    }
