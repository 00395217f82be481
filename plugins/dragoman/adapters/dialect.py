"""What one dialect is to the rest of the house; ``registry`` lists them all.

Nothing here, nor in a dialect's own ``dialect.py``, imports Flask: settings are read while the host is still being
imported. What needs it is imported by the functions when they are called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flask import Blueprint

    from dragoman.config.dialects import DialectSettings
    from dragoman.config.settings import Settings
    from dragoman.model.job import Job, Output
    from dragoman.model.process import JSON, Process
    from dragoman.openapi.security import Security
    from dragoman.web.reserved_inputs import ReservedInput
    from dragoman.web.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """What an API document says of the server."""

    url: str
    """The public base URL, without a slash at its end."""
    title: str
    description: str = ""
    security: Security | None = None
    """Whose tokens are asked for; None: none are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One POST of a JSON body to a subscriber; its URL is the client's: mind the SSRF guard."""

    url: str
    body: JSON


type Read = Callable[[Output], bytes]
"""Reads an output that is a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One way of speaking to clients."""

    name: str
    """Its key below ``dialects``, what its jobs are marked with, and the name of its file in ``openapi/``."""
    blueprint: Callable[[Services], Blueprint]
    """Its routes, guarded, with its own words for every error below its paths (``web.blueprints``)."""
    openapi: Callable[[Iterable[Process], ServerInfo], dict[str, JSON]]
    """Its API document."""
    settings: DialectSettings | None = None
    """Its part of the configuration; None: it has none, and is always on."""
    conformance: tuple[str, ...] = ()
    """The conformance classes that it adds to the landing page's."""
    reserved: tuple[ReservedInput, ...] = ()
    """Inputs that every process takes while this dialect is on."""
    misfits: Callable[[Settings, Iterable[Process]], Iterable[str]] | None = None
    """What of its settings does not fit the processes that are served, a line each for the operator."""
    has_jobs: bool = True
    """Whether its clients run processes; aeon's open sessions."""
    notification: Callable[[Job, str, Read], Notification | None] | None = None
    """The message due to a subscriber for the present state of one of its jobs, given the server's URL."""
