"""Our routes on pygeoapi's application, before its own, and how ``pygeoapi serve`` is made to serve them well."""

from __future__ import annotations

import functools
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from werkzeug.serving import WSGIRequestHandler

from dragoman import composition
from dragoman.adapters import registry
from dragoman.errors import DragomanError
from dragoman.host.api_document import other_classes, other_paths
from dragoman.host.bootstrap import give_up, read_settings
from dragoman.web import health, metrics
from dragoman.web.dispatch import name_host_paths
from dragoman.web.draining import draining
from dragoman.web.services import HostApi

if TYPE_CHECKING:
    from flask import Flask
    from flask.blueprints import BlueprintSetupState

    from dragoman.config.settings import Settings
    from dragoman.web.services import Services


HOST_PATHS: Final = {"pygeoapi.*": "collections", "static": "collections", "admin.*": "admin"}
"""pygeoapi's own endpoints, and the word of ``auth.public`` for their paths, where we do not serve these."""


def mount(state: BlueprintSetupState) -> None:
    """Register our routes before pygeoapi's own, so that ours win on the same paths."""
    settings = read_settings()
    if Path(sys.argv[0]).name == "pygeoapi":
        _check_port(settings)
    try:
        services = replace(build_services(settings), host=_host_api(settings))
    except DragomanError as error:  # an engine that does not come up: its own words stand above
        give_up(error)
    name_host_paths(state.app, HOST_PATHS)
    registry.mount(state.app, services, url_prefix=state.url_prefix)
    state.app.register_blueprint(health.blueprint(services), url_prefix=state.url_prefix)
    state.app.register_blueprint(metrics.blueprint(services), url_prefix=state.url_prefix)
    _serve_well(cast("Flask", state.app))


def _host_api(settings: Settings) -> HostApi:
    """What pygeoapi serves beside us, and the conformance classes of the dialects that are on."""
    dialects = (name for dialect in registry.enabled(settings) for name in dialect.conformance)
    return HostApi(
        paths=functools.cache(lambda: other_paths(settings)),
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
    catalogue = composition.catalogue(settings)
    engine = composition.executor(settings)
    engine.start()
    return composition.services(settings, catalogue, engine)


def _serve_well(app: Flask) -> None:
    """Leave no body unread; undo what ``pygeoapi serve`` hard-codes: no debugger, no reloader; chunks may be sent.

    Every answer closes its connection: werkzeug does so, since it cannot tell where an unread body ends. Under
    gunicorn connections are kept alive.
    """
    app.wsgi_app = draining(app.wsgi_app)  # type: ignore[method-assign,assignment]
    run = app.run

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes: the second would wait for an ACK

    def serve(host: str | None = None, port: int | None = None, **_options: Any) -> None:
        run(host, port, debug=False, use_reloader=False, threaded=True, request_handler=Handler)

    app.run = serve  # type: ignore[method-assign,assignment]
