"""One step of one layer of a map service: what a ``service://`` reference was resolved to, once and for all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStep:
    """Where the cells lie that an input is to be; whatever becomes of the service, it is these."""

    path: str
    """A GeoTIFF, absolute."""
    band: int
    """In it, from 1."""
    variable: str
    step: int | None = None
    """Of the service's time axis, from 0; None: it has none."""
