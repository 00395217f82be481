"""CCP: what answers on which path, with which methods. All of OGC's below ``/ccp``, with CCP's habits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.adapters.ccp.habits import habits
from dragoman.adapters.ccp.settings import settings_of
from dragoman.adapters.ogc import routes as ogc
from dragoman.adapters.ogc.surface import Surface
from dragoman.web.surface import new_blueprint

if TYPE_CHECKING:
    from flask import Blueprint

    from dragoman.web.services import Services


def blueprint(services: Services) -> Blueprint:
    """The routes, with all guards."""
    own = habits(settings_of(services.settings))
    api = Surface(services, own)
    mounted = new_blueprint(own.name, api, [own.prefix])
    ogc.serve(mounted, api, ogc.ROUTES, ("processes", "jobs"))
    return mounted
