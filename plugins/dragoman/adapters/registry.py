"""All dialects: the one place that a new one is added to. Settings, mount, documents and notifications loop over it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dragoman.adapters.aeon.dialect import AEON
from dragoman.adapters.appstore.dialect import APPSTORE
from dragoman.adapters.ccp.dialect import CCP
from dragoman.adapters.dialect import ServerInfo
from dragoman.adapters.ncdjango.dialect import NCDJANGO
from dragoman.adapters.ogc.dialect import OGC
from dragoman.adapters.pesto.dialect import PESTO
from dragoman.openapi.security import Security

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flask import Flask
    from flask.sansio.app import App

    from dragoman.adapters.dialect import Dialect, Notification, Read
    from dragoman.config.dialects import DialectSettings
    from dragoman.config.settings import Settings
    from dragoman.model.job import Job
    from dragoman.model.process import JSON, Process
    from dragoman.web.services import Services

DIALECTS: Final[tuple[Dialect, ...]] = (OGC, PESTO, CCP, AEON, NCDJANGO, APPSTORE)

REPOSITORY: Final = ServerInfo(
    url="http://localhost:5000",
    title="dragoman",
    description="Packaged algorithms over OGC API - Processes, on jobs that are never lost.",
    security=Security(issuer="https://id.example.org/realms/geo", public=None),
)
"""What the documents that the repository carries say of their server."""


def dialect_settings(dialects: Iterable[Dialect] = DIALECTS) -> tuple[DialectSettings, ...]:
    """How each dialect reads its part of the configuration, for ``load_settings``."""
    own = (dialect.settings for dialect in dialects)
    return tuple(each for each in own if each is not None)


def enabled(settings: Settings, dialects: Iterable[Dialect] = DIALECTS) -> tuple[Dialect, ...]:
    """The dialects that the operator did not switch off."""
    return tuple(dialect for dialect in dialects if settings.dialects.get(dialect.name) is not False)


def mount(
    app: Flask | App,
    services: Services,
    *,
    url_prefix: str | None = None,
    dialects: Sequence[Dialect] = DIALECTS,
) -> None:
    """Register the routes of every dialect that is on."""
    chosen = enabled(services.settings, dialects)
    services = replace(services, reserved=tuple(each for dialect in chosen for each in dialect.reserved))
    for dialect in chosen:
        app.register_blueprint(dialect.blueprint(services), url_prefix=url_prefix)


def documents(
    processes: Iterable[Process], server: ServerInfo = REPOSITORY, dialects: Iterable[Dialect] = DIALECTS
) -> dict[str, JSON]:
    """The API document of every dialect by its name."""
    catalogue = list(processes)
    return {dialect.name: dialect.openapi(catalogue, server) for dialect in dialects}


def misfits(
    settings: Settings, processes: Iterable[Process], dialects: Iterable[Dialect] = DIALECTS
) -> list[str]:
    """What of the settings of the dialects that are on does not fit the processes that are served."""
    known = list(processes)
    return [
        line
        for dialect in enabled(settings, dialects)
        if dialect.misfits is not None
        for line in dialect.misfits(settings, known)
    ]


def notification(
    job: Job, server_url: str, read: Read, dialects: Iterable[Dialect] = DIALECTS
) -> Notification | None:
    """What a subscriber is told, in the words of the dialect that made the job; None: nothing."""
    for dialect in dialects:
        if dialect.name == job.dialect and dialect.notification is not None:
            return dialect.notification(job, server_url, read)
    return None
