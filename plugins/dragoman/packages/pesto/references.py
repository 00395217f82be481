"""How a PESTO payload names an image: a URL, or base64. Paths stand in ``file://`` as they are on disk."""

from __future__ import annotations

import binascii
import re
from typing import Final
from urllib.parse import quote

SCHEMES: Final = ("http://", "https://", "file://", "s3://", "gs://", "service://")
FORMS: Final = f"base64 text, or a URL ({', '.join(SCHEMES)})"
"""What an image may be, in words."""

_FILE: Final = "file://"
_URI_PATH: Final = re.compile(r"(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=\s]+", re.ASCII)
_LOOK: Final = 256
"""Characters that are looked at to tell base64 from a path: an image has more, and whoever decodes reads them all."""


def href_of(text: str) -> str | None:
    """The URL that the text is, ready to be fetched; None where it is none."""
    if not text[:10].lower().startswith(SCHEMES):
        return None
    return _file_uri(text) if text[:7].lower() == _FILE else text


def may_be_base64(text: str) -> bool:
    """Whether the text begins as base64 does; one as short as a path is read to its end."""
    if len(text) > _LOOK:
        return _BASE64.fullmatch(text[:_LOOK]) is not None
    try:
        return bool(binascii.a2b_base64("".join(text.split()), strict_mode=True))
    except ValueError:  # also what is not ASCII
        return False


def _file_uri(text: str) -> str:
    """PESTO sends a path as it is, blanks and all, where a URI has them encoded.

    What is a URI already stays one, so ``%20`` in it is a blank; anything else is a path, and meant literally.
    """
    path = text[len(_FILE) :]
    if _URI_PATH.fullmatch(path):
        return text
    return _FILE + quote(path, errors="replace")
