"""AppStore as one of the dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.appstore.settings import NAME, SETTINGS, settings_of
from dragoman.adapters.dialect import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Blueprint

    from dragoman.adapters.dialect import ServerInfo
    from dragoman.config.settings import Settings
    from dragoman.model.process import JSON, Process
    from dragoman.web.services import Services


def _blueprint(services: Services) -> Blueprint:
    from dragoman.adapters.appstore import routes

    return routes.blueprint(services)


def _openapi(_processes: Iterable[Process], server: ServerInfo) -> dict[str, JSON]:
    from dragoman.adapters.appstore.openapi import document

    return document(server.url, server.security)


def _misfits(settings: Settings, processes: Iterable[Process]) -> Iterable[str]:
    from dragoman.adapters.appstore.plans import misfits

    return misfits(settings_of(settings).applications or {}, processes)


APPSTORE: Final = Dialect(
    name=NAME,
    blueprint=_blueprint,
    openapi=_openapi,
    settings=SETTINGS,
    misfits=_misfits,
    has_jobs=False,
)
"""``has_jobs`` is about jobs that one request submits; a task is put together by several."""
