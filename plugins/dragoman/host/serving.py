"""How ``pygeoapi serve`` is made to serve well: its application's ``run`` is replaced."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

from dragoman.web.draining import draining

if TYPE_CHECKING:
    from flask import Flask

ACCESS = logging.getLogger("dragoman.access")
STARTED = logging.getLogger("dragoman.server")


class _Handler(WSGIRequestHandler):
    """Chunks may be sent; a request is a line of the server's own log, in which the time stands already."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: the second would wait for an ACK

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """See werkzeug, which would paint it."""
        self.log("info", '"%s" %s', self.requestline, code)

    def log(self, type: str, message: str, *args: Any) -> None:
        """See werkzeug."""
        level = logging.getLevelNamesMapping().get(type.upper(), logging.INFO)
        text = (message % args).translate(self._control_char_table)
        ACCESS.log(level, "%s %s", self.address_string(), text, extra={"action": "request"})


def serve_well(app: Flask) -> None:
    """Leave no body unread; have ``pygeoapi serve`` serve without debugger, reloader and banner, and log as we do.

    Every answer closes its connection: werkzeug does so, since it cannot tell where an unread body ends. Under
    gunicorn connections are kept alive.
    """
    app.wsgi_app = draining(app.wsgi_app)  # type: ignore[method-assign,assignment]

    def serve(host: str | None = None, port: int | None = None, **_options: Any) -> None:
        server = make_server(host or "127.0.0.1", port or 5000, app, threaded=True, request_handler=_Handler)
        STARTED.info("serves on http://%s:%d; Ctrl-C stops it", host, server.port)
        server.serve_forever()

    app.run = serve  # type: ignore[method-assign,assignment]
