"""The OpenAPI 3.0.3 document of ncdjango: jobs and map services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman import __version__
from dragoman.openapi.components import JSON_TYPE, Object, record, ref, strings
from dragoman.openapi.security import secured

if TYPE_CHECKING:
    from dragoman.model.process import JSON
    from dragoman.openapi.security import Security

DESCRIPTION: Final = "ncdjango's interfaces, as dragoman speaks them: results and files as map services."
PUBLIC: Final = (
    ("/arcgis/rest/services", "services"),
    ("/arcgis/rest/services/{name}/MapServer", "services"),
)
"""The words of ``auth.public`` by path."""
SCHEMAS: Final[Object] = {
    "Error": record(
        ("error",),
        error=record(
            ("code", "message", "details"),
            code={"type": "integer"},
            message=strings(),
            details={"type": "array", "items": strings()},
        ),
    ),
    "Services": record(
        ("currentVersion", "folders", "services"),
        currentVersion=strings(),
        folders={"type": "array", "items": strings()},
        services={"type": "array", "items": record(("name", "type"), name=strings(), type=strings())},
    ),
    "MapServer": record(
        ("currentVersion", "layers"),
        currentVersion=strings(),
        serviceDescription=strings(),
        layers={"type": "array", "items": {"type": "object"}},
    ),
}
NAME: Final[Object] = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "The service; its slashes are slashes of the path.",
    "schema": {"type": "string"},
}


def document(url: str, security: Security | None = None) -> dict[str, JSON]:
    """The document, for the server at ``url``."""
    whole: dict[str, JSON] = {
        "openapi": "3.0.3",
        "info": {"title": "ncdjango", "version": __version__, "description": DESCRIPTION},
        "servers": [{"url": url}],
        "security": [],
        "paths": {
            "/arcgis/rest/services": {"get": _operation("getServices", "The map services.", "Services")},
            "/arcgis/rest/services/{name}/MapServer": {
                "get": _operation("getMapServer", "One map service.", "MapServer", parameters=[NAME])
            },
        },
        "components": {"schemas": dict(SCHEMAS)},
    }
    return secured(whole, security, PUBLIC)


def _operation(operation_id: str, summary: str, schema: str, **more: JSON) -> Object:
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["Maps"],
        "responses": {
            "200": {"description": summary, "content": {JSON_TYPE: {"schema": ref("schemas", schema)}}},
            **{
                status: {
                    "description": "What is wrong.",
                    "content": {JSON_TYPE: {"schema": ref("schemas", "Error")}},
                }
                for status in ("401", "404", "405")
            },
        },
        **more,
    }
