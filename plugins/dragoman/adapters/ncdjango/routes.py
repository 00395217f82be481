"""ncdjango: what answers on which path, with which methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.adapters.ncdjango.job_routes import JOBS, job_routes
from dragoman.adapters.ncdjango.maps_routes import MAPS, maps_routes
from dragoman.adapters.ncdjango.surface import Surface
from dragoman.web.surface import add_routes, new_blueprint

if TYPE_CHECKING:
    from flask import Blueprint, Response

    from dragoman.web.dispatch import Handler
    from dragoman.web.services import Services


def blueprint(services: Services) -> Blueprint:
    """ncdjango's surface; it brings all guards."""
    api = Surface(services)
    mounted = new_blueprint("ncdjango", api, [JOBS, *MAPS])

    def bind(handler: Handler) -> Handler:
        def view(**arguments: str) -> Response:
            return handler(api, api.call(), **arguments)

        return view

    add_routes(mounted, maps_routes(services), bind)
    add_routes(mounted, job_routes(services), bind)
    return mounted
