"""ncdjango as one of the dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.dialect import Dialect
from dragoman.adapters.ncdjango.settings import NAME, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Blueprint

    from dragoman.adapters.dialect import ServerInfo
    from dragoman.model.process import JSON, Process
    from dragoman.web.services import Services


def _blueprint(services: Services) -> Blueprint:
    from dragoman.adapters.ncdjango import routes

    return routes.blueprint(services)


def _openapi(_processes: Iterable[Process], server: ServerInfo) -> dict[str, JSON]:
    from dragoman.adapters.ncdjango.openapi import document

    return document(server.url, server.security)


NCDJANGO: Final = Dialect(name=NAME, blueprint=_blueprint, openapi=_openapi, settings=SETTINGS)
