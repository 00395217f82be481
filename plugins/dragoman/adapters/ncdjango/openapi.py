"""The OpenAPI 3.0.3 document of ncdjango: jobs and map services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman import __version__
from dragoman.adapters.ncdjango import job_openapi
from dragoman.adapters.ncdjango.job_openapi import job_paths
from dragoman.adapters.ncdjango.map_openapi import KEYED, PUBLIC, map_paths
from dragoman.adapters.ncdjango.map_schemas import SCHEMAS
from dragoman.openapi.security import secured

if TYPE_CHECKING:
    from dragoman.model.process import JSON
    from dragoman.openapi.security import Security

DESCRIPTION: Final = f"""ncdjango's interfaces, as dragoman speaks them: results and files as map services.

{KEYED}"""


def document(url: str, security: Security | None = None) -> dict[str, JSON]:
    """The document, for the server at ``url``."""
    whole: dict[str, JSON] = {
        "openapi": "3.0.3",
        "info": {"title": "ncdjango", "version": __version__, "description": DESCRIPTION},
        "servers": [{"url": url}],
        "security": [],
        "paths": {**map_paths(), **job_paths()},
        "components": {"schemas": {**SCHEMAS, **job_openapi.SCHEMAS}},
    }
    return secured(whole, security, PUBLIC)
