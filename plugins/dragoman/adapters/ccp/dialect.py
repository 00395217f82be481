"""CCP as one of the dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.ccp.reserved import RESERVED
from dragoman.adapters.ccp.settings import NAME, SETTINGS
from dragoman.adapters.dialect import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Blueprint

    from dragoman.adapters.dialect import Notification, Read, ServerInfo
    from dragoman.model.job import Job
    from dragoman.model.process import JSON, Process
    from dragoman.web.services import Services


def _blueprint(services: Services) -> Blueprint:
    from dragoman.adapters.ccp import routes

    return routes.blueprint(services)


def _openapi(processes: Iterable[Process], server: ServerInfo) -> dict[str, JSON]:
    from dragoman.adapters.ccp.openapi import document

    return document(processes, server)


def _notification(job: Job, server_url: str, read: Read) -> Notification | None:
    from dragoman.adapters.ogc import callbacks

    return callbacks.notification(job, f"{server_url}/ccp", read)


CCP: Final = Dialect(
    name=NAME,
    blueprint=_blueprint,
    openapi=_openapi,
    settings=SETTINGS,
    reserved=RESERVED,
    notification=_notification,
)
