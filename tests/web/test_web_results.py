"""What a browser may do with a result."""

from __future__ import annotations

import pytest
from flask import Response

from dragoman.web.responses import harden


@pytest.mark.parametrize(
    "media_type",
    [
        "text/html",
        "text/xml; charset=utf-8",
        "application/xml",
        "text/xsl",
        "image/svg+xml",
        "application/xhtml+xml",
        "application/rdf+xml",
        "application/gml+xml; version=3.2",
        "Application/Vnd.OGC.WMS_XML+XML",
    ],
)
def test_what_may_bring_a_script_is_put_in_a_sandbox(media_type: str) -> None:
    response = Response(b"x", content_type=media_type)
    harden(response)
    assert response.headers["Content-Security-Policy"].startswith("sandbox;")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "media_type", ["image/png", "application/json", "text/plain", "application/x-netcdf"]
)
def test_what_cannot_is_not(media_type: str) -> None:
    response = Response(b"x", content_type=media_type)
    harden(response)
    assert "Content-Security-Policy" not in response.headers
    assert response.headers["X-Content-Type-Options"] == "nosniff"
