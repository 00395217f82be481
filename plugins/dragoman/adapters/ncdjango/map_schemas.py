"""The schemas of what map services answer, for the API document of ncdjango."""

from __future__ import annotations

from typing import Final

from dragoman.openapi.components import Object, listed, record, ref, strings

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
