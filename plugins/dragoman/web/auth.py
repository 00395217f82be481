"""Who asks: the one place where a request becomes a principal."""

from __future__ import annotations

from collections.abc import Callable

from flask import Request, g, has_request_context

from dragoman.model.principal import ANONYMOUS, Principal

type Authenticate = Callable[[Request], Principal]
"""Finds out for whom a request is made; raises Unauthorized, Forbidden, Unavailable. It sees every path."""


def anonymous(_request: Request) -> Principal:
    """The principal of every request while there is no authentication."""
    return ANONYMOUS


def identify(request: Request, authenticate: Authenticate) -> None:
    """Authenticate the current request, once, before any view; raises as ``authenticate``."""
    g.dragoman_principal = authenticate(request)


def current() -> Principal:
    """Whom the current request is made for; anonymous outside of any request, where pygeoapi itself asks.

    A request that the guards have not seen has no principal, which is an error and not anonymous.
    """
    if not has_request_context():
        return ANONYMOUS
    principal: Principal = g.dragoman_principal
    return principal
