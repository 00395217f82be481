"""What the API document of ncdjango tells of map services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.openapi.components import JSON_TYPE, Object, listed, record, ref, strings

if TYPE_CHECKING:
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
NUMBER: Final[Object] = {"type": "number", "nullable": True}
EXTENT: Final = record(
    ("xmin", "ymin", "xmax", "ymax"),
    xmin={"type": "number"},
    ymin={"type": "number"},
    xmax={"type": "number"},
    ymax={"type": "number"},
    spatialReference={"type": "object"},
)
LINKS: Final = listed(record(("rel", "type", "href"), rel=strings(), type=strings(), href=strings()))
LAYER: Final = record(("id", "name"), id={"type": "integer"}, name=strings(), extent=ref("schemas", "Extent"))
SCHEMAS: Final[Object] = {
    "Error": record(
        ("error",),
        error=record(
            ("code", "message", "details"),
            code={"type": "integer"},
            message=strings(),
            details=listed(strings()),
        ),
    ),
    "Extent": EXTENT,
    "Services": record(
        ("currentVersion", "folders", "services"),
        currentVersion=strings(),
        folders=listed(strings()),
        services=listed(record(("name", "type"), name=strings(), type=strings())),
    ),
    "MapServer": record(
        ("currentVersion", "mapName", "layers", "fullExtent"),
        currentVersion=strings(),
        serviceDescription=strings(),
        mapName=strings(),
        layers=listed(LAYER),
        initialExtent=ref("schemas", "Extent"),
        fullExtent=ref("schemas", "Extent"),
        timeInfo={"type": "object"},
        links=LINKS,
    ),
    "Layer": LAYER,
    "Layers": record(("layers",), layers=listed(ref("schemas", "Layer"))),
    "Legend": record(
        ("layers",),
        layers=listed(
            record(
                ("layerId", "layerName", "legend"),
                layerId={"type": "integer"},
                layerName=strings(),
                legend=listed(
                    record(
                        ("label", "imageData", "contentType"),
                        label=strings(),
                        imageData=strings(description="A PNG in base64."),
                        contentType=strings(),
                        height={"type": "integer"},
                        width={"type": "integer"},
                    )
                ),
            )
        ),
    ),
    "Identified": record(
        ("results",),
        results=listed(
            record(
                ("layerId", "layerName", "value"),
                layerId={"type": "integer"},
                layerName=strings(),
                value=NUMBER,
            )
        ),
    ),
    "Export": record(
        ("href", "width", "height", "extent"),
        href=strings(description="The picture."),
        width={"type": "integer"},
        height={"type": "integer"},
        extent=ref("schemas", "Extent"),
        scale={"type": "number"},
    ),
    "TileJson": record(
        ("tilejson", "tiles", "bounds", "minzoom", "maxzoom"),
        tilejson=strings(),
        name=strings(),
        tiles=listed(strings()),
        bounds=listed({"type": "number"}),
        minzoom={"type": "integer"},
        maxzoom={"type": "integer"},
        legend=strings(),
        links=LINKS,
    ),
    "Range": record(("min", "max"), min=NUMBER, max=NUMBER),
    "Classes": record(("breaks", "min"), breaks=listed({"type": "number"}), min=NUMBER),
    "UniqueValues": record(
        ("num_values", "values"), num_values={"type": "integer"}, values=listed({"type": "number"})
    ),
    "PointValues": record(("values",), values=listed(NUMBER)),
}


def map_paths() -> Object:
    """All of them."""
    name = _in("path", "name", "The service; its slashes are slashes of the path.")
    key = _in("query", "key", "Of the links of the service; needed where tokens are.")
    variable = _in("path", "variable", "The name of a variable.")
    of_service, of_variable = [name, key], [name, variable, key]
    styles = _in(
        "query", "styles", 'Renderers by layer, as JSON: `{"0": {"type": "stretched", "colors": [...]}}`.'
    )
    drawn_as = [
        _in("query", "layers", "`show:0,1`, `hide:0`; the first layer alone where it is left out."),
        _in("query", "time", "Milliseconds since 1970, or two of them; the nearest step is drawn."),
        styles,
    ]
    tile = [_in("path", each, about) for each, about in (("z", "Zoom."), ("x", "Column."), ("y", "Row."))]
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
        SERVICES: {"get": _read("getServices", "The map services.", "Services")},
        SERVER: {"get": _read("getMapServer", "One map service.", "MapServer", of_service)},
        f"{SERVER}/layers": {"get": _read("getLayers", "Its layers.", "Layers", of_service)},
        f"{SERVER}/layers/{{number}}": {
            "get": _read("getLayer", "A layer.", "Layer", [*of_service, _in("path", "number", "Its id.")])
        },
        f"{SERVER}/legend": {"get": _read("getLegend", "Its legends.", "Legend", [*of_service, styles])},
        f"{SERVER}/identify": _both(
            "identify", "What lies at a point.", of_service, _identify(), "Identified"
        ),
        f"{SERVER}/export": _both("export", "A picture.", of_service, _export(), "Export", picture=True),
        f"{INFO}/range": {"get": _read("getRange", "Its least and greatest value.", "Range", of_variable)},
        f"{INFO}/classify": {
            "get": _read("classify", "Where classes end.", "Classes", [*of_variable, *classes])
        },
        f"{INFO}/unique": {"get": _read("getUniqueValues", "Its values.", "UniqueValues", of_variable)},
        f"{INFO}/values-at-point": {
            "get": _read("getValuesAtPoint", "Its values at a point.", "PointValues", [*of_variable, *point])
        },
        f"{TILES}/tilejson.json": {
            "get": _read("getTileJson", "Where its tiles are.", "TileJson", [*of_service, *drawn_as])
        },
        f"{TILES}/{{z}}/{{x}}/{{y}}.png": {
            "get": _operation(
                "getTile",
                "A tile of web mercator, 256 pixels wide; 512 where `y` ends in `@2x`.",
                {"image/png": {"schema": {"type": "string", "format": "binary"}}},
                parameters=[*of_service, *tile, *drawn_as],
            )
        },
    }


def _export() -> list[Object]:
    return [
        _in(
            "query",
            "bbox",
            "`xmin,ymin,xmax,ymax`, or an envelope as JSON; made wider to the picture's shape.",
        ),
        _in("query", "size", "`width,height`, each up to 4096; 400,400."),
        _in("query", "bboxSR", "The wkid of the bbox; left out: that of the service."),
        _in("query", "imageSR", "The wkid of the picture; left out: that of the bbox."),
        _in("query", "format", "`png`, `png8`, `png24`, `png32`, `gif`, `jpg`, `bmp` or `webp`."),
        _in("query", "transparent", "Whether what has no value is transparent; true."),
        _in(
            "query",
            "layers",
            "`show:0,1`, `hide:0`, `include:`, `exclude:`; the first layer alone where left out.",
        ),
        _in("query", "time", "Milliseconds since 1970, or two of them; the nearest step is drawn."),
        _in(
            "query", "styles", 'Renderers by layer, as JSON: `{"0": {"type": "stretched", "colors": [...]}}`.'
        ),
        _in("query", "f", "`image`, the default, or `json`: where the picture is."),
    ]


def _identify() -> list[Object]:
    return [
        _in("query", "geometry", "`x,y`, or a point as JSON."),
        _in("query", "geometryType", "`esriGeometryPoint`."),
        _in("query", "sr", "The wkid of the geometry; left out: that of the service."),
        _in("query", "tolerance", "Pixels; changes nothing."),
        _in("query", "mapExtent", "`xmin,ymin,xmax,ymax`; changes nothing."),
        _in("query", "imageDisplay", "`width,height,dpi`; changes nothing."),
        _in("query", "layers", "`top`, the default, `all`, `visible`, or `show:0,1`."),
        _in("query", "time", "Milliseconds since 1970, or two of them."),
    ]


def _both(
    operation_id: str,
    summary: str,
    of_service: list[Object],
    members: list[Object],
    schema: str,
    *,
    picture: bool = False,
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
        "get": _operation(operation_id, summary, content, parameters=[*of_service, *members]),
        "post": _operation(
            f"{operation_id}ByForm", summary, content, parameters=of_service, requestBody=form
        ),
    }


def _in(place: str, name: str, about: str, *words: str) -> Object:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": about,
        "schema": strings(*words),
    }


def _read(operation_id: str, summary: str, schema: str, parameters: list[Object] | None = None) -> Object:
    content: Object = {JSON_TYPE: {"schema": ref("schemas", schema)}}
    return _operation(operation_id, summary, content, **({"parameters": parameters} if parameters else {}))


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
