"""OGC API - Processes as one of the dialects; it is always on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.dialect import Dialect
from dragoman.adapters.ogc.conformance import CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Blueprint

    from dragoman.adapters.dialect import Notification, Read, ServerInfo
    from dragoman.model.job import Job
    from dragoman.model.process import JSON, Process
    from dragoman.web.services import Services


def _blueprint(services: Services) -> Blueprint:
    from dragoman.adapters.ogc import routes

    return routes.blueprint(services)


def _openapi(processes: Iterable[Process], server: ServerInfo) -> dict[str, JSON]:
    from dragoman.adapters.ogc.openapi.document import document

    return document(
        processes,
        server_url=server.url,
        title=server.title,
        description=server.description,
        security=server.security,
    )


def _notification(job: Job, server_url: str, read: Read) -> Notification | None:
    from dragoman.adapters.ogc import callbacks

    return callbacks.notification(job, server_url, read)


OGC: Final = Dialect(
    name="ogc",
    blueprint=_blueprint,
    openapi=_openapi,
    conformance=CLASSES,
    notification=_notification,
)
