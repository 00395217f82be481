"""Our routes on pygeoapi's application, before its own."""

from __future__ import annotations

import functools
import json
import logging
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from pygeoapi.util import get_api_rules

from dragoman import composition
from dragoman.adapters import registry
from dragoman.errors import DragomanError
from dragoman.host import front_pages
from dragoman.host.api_document import front_is_pygeoapis, other_classes, other_document
from dragoman.host.bootstrap import give_up, read_settings
from dragoman.host.served_note import has_served, note_served
from dragoman.host.serving import serve_well
from dragoman.web import health, metrics
from dragoman.web.compression import compress
from dragoman.web.dispatch import name_host_paths
from dragoman.web.services import HostApi

if TYPE_CHECKING:
    from flask import Flask, Response
    from flask.blueprints import BlueprintSetupState
    from flask.sansio.app import App

    from dragoman.config.settings import Settings
    from dragoman.web.services import Services

LOGGER = logging.getLogger(__name__)


HOST_PATHS: Final = {
    "pygeoapi.*": "collections",
    "static": "collections",
    "admin.*": "admin",
    "dragoman_front.landing": "landing",
    "dragoman_front.conformance": "conformance",
    "dragoman_front.openapi": "openapi",
}
"""pygeoapi's own endpoints, and the word of ``auth.public`` for their paths, where we do not serve these."""


def mount(state: BlueprintSetupState) -> None:
    """Register our routes before pygeoapi's own, so that ours win on the same paths."""
    settings = read_settings()
    if Path(sys.argv[0]).name == "pygeoapi":
        _check_port(settings)
    try:
        services = replace(build_services(settings), host=_host_api(settings))
    except DragomanError as error:  # an engine that does not come up: its own words stand above
        give_up(error, again=has_served(settings.home))
    name_host_paths(state.app, HOST_PATHS)
    if front_is_pygeoapis(settings):
        state.app.register_blueprint(front_pages.blueprint(services), url_prefix=state.url_prefix)
    registry.mount(state.app, services, url_prefix=state.url_prefix)
    for line in registry.misfits(settings, services.catalogue.current):
        LOGGER.error("%s", line, extra={"action": "load"})
    if services.maps is not None:
        services.maps.start()
    state.app.register_blueprint(health.blueprint(services), url_prefix=state.url_prefix)
    state.app.register_blueprint(metrics.blueprint(services), url_prefix=state.url_prefix)
    _answer_as_pygeoapi(state.app, settings)
    serve_well(cast("Flask", state.app))
    note_served(settings.home)


def _answer_as_pygeoapi(app: App, settings: Settings) -> None:
    """What the operator asks of every answer holds for ours as well: the header of the API's version, gzip."""
    version = get_api_rules(json.loads(json.dumps(settings.raw, default=str))).response_headers

    def add(response: Response) -> Response:
        for name, value in version.items():
            response.headers.setdefault(name, value)
        return compress(response) if settings.gzip else response

    app.after_request_funcs.setdefault(None, []).append(add)
    if settings.cors_everyone:
        LOGGER.warning(
            "server.cors: true lets pages of every origin POST and DELETE; "
            "server.manager.cors.origins in its place names those that may"
        )


def _host_api(settings: Settings) -> HostApi:
    """What pygeoapi serves beside us, and the conformance classes of the dialects that are on."""
    dialects = (name for dialect in registry.enabled(settings) for name in dialect.conformance)
    return HostApi(
        paths=functools.cache(lambda: other_document(settings)),
        conformance=(*dialects, *other_classes(settings)),
    )


def _check_port(settings: Settings) -> None:
    """End with one line if the port is taken: a second server must not touch the engine of the first."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            print(
                f"server.bind: {settings.host}:{settings.port} cannot be used: {error.strerror}",
                file=sys.stderr,
            )
            raise SystemExit(1) from error


def build_services(settings: Settings) -> Services:
    """Services on a running engine: queued jobs go on after a restart without a request."""
    catalogue = composition.served_catalogue(settings)
    engine = composition.executor(settings)
    engine.start()
    return composition.services(settings, catalogue, engine)
