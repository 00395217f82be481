"""Answers compressed by gzip where the operator says ``server.gzip: true``, as pygeoapi compresses its own.

What lies in memory is compressed: JSON, pages, texts. Files of results, and documents that hold some, go as they are:
they are sent in ranges or while they are read, and a break shows by their Content-Length.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Final

from flask import request

if TYPE_CHECKING:
    from flask import Response

LEAST: Final = 500
"""Bytes; what is shorter fits into one packet anyway."""
LEVEL: Final = 5
UNCOMPRESSED: Final = range(202, 400)
"""Statuses without a body, of a part of one, or of one that says little."""


def compress(response: Response) -> Response:
    """The answer, compressed if the current request takes that; Vary says so in either case."""
    if response.is_streamed or response.direct_passthrough or "Content-Encoding" in response.headers:
        return response
    if response.status_code in UNCOMPRESSED or not _is_text(response.mimetype or ""):
        return response
    response.vary.add("Accept-Encoding")
    data = response.get_data()
    if len(data) >= LEAST and request.accept_encodings["gzip"] > 0:
        response.set_data(gzip.compress(data, LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response


def _is_text(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type.endswith(("+json", "/json"))
