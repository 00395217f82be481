"""The conformance classes of OGC API - Processes, Part 1, 1.0 (18-062r2): all of them."""

from __future__ import annotations

from typing import Final

CONFORMANCE: Final = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"

CLASSES: Final = tuple(
    CONFORMANCE + name
    for name in (
        "core",
        "ogc-process-description",
        "json",
        "html",
        "oas30",
        "job-list",
        "callback",
        "dismiss",
    )
)
