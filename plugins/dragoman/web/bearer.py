"""The token of a request, and the challenges that answer a wrong one (RFC 6750).

A token stands in the header Authorization and nowhere else: one in the URL would lie in every log on its way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from dragoman.errors import InsufficientScope, InvalidToken, MisplacedToken, Unauthorized

if TYPE_CHECKING:
    from flask import Request

    from dragoman.errors import DragomanError

REALM: Final = "dragoman"
PARAMETER: Final = "access_token"
FORM: Final = "application/x-www-form-urlencoded"
LONGEST_FORM: Final = 64 * 1024
"""Bytes of a form up to which it is looked for a second token."""
IN_URL: Final = "a token in the URL is not accepted; send it in the header Authorization, as Bearer TOKEN"

_TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


def token_of(request: Request) -> str | None:
    """The bearer token of a request; None if there is none.

    Raises InvalidToken for what is none, or several, and MisplacedToken for one that stands elsewhere as well.
    """
    values = request.headers.getlist("Authorization")
    scheme, _, rest = "".join(values[:1]).strip().partition(" ")
    if scheme.lower() != "bearer":
        if PARAMETER in request.args:
            raise Unauthorized(IN_URL)
        return None
    token = rest.strip()
    if len(values) > 1 or not _TOKEN.fullmatch(token):
        raise InvalidToken("the header Authorization holds more than one token, or what is none")
    if PARAMETER in request.args or _in_form(request):
        raise MisplacedToken("the token is sent twice; allowed: once, in the header Authorization")
    return token


def _in_form(request: Request) -> bool:
    """Whether a small form holds a token; its bytes are kept for who reads the body next."""
    if request.mimetype != FORM or not 0 < (request.content_length or 0) <= LONGEST_FORM:
        return False
    return PARAMETER in parse_qs(request.get_data(cache=True).decode("latin-1"), keep_blank_values=True)


def challenge(error: DragomanError) -> str | None:
    """The header WWW-Authenticate that belongs to an error; None: there is none.

    ``error`` only where a token was sent (RFC 6750, 3.1).
    """
    if isinstance(error, InvalidToken):
        return _bearer(error="invalid_token", error_description=error.detail)
    if isinstance(error, MisplacedToken):
        return _bearer(error="invalid_request", error_description=error.detail)
    if isinstance(error, InsufficientScope):
        return _bearer(
            error="insufficient_scope", error_description=error.detail, scope=" ".join(error.scopes)
        )
    if isinstance(error, Unauthorized):
        return error.challenge or _bearer()
    return None


def _bearer(**attributes: str) -> str:
    pairs = {"realm": REALM, **{name: value for name, value in attributes.items() if value}}
    return "Bearer " + ", ".join(f'{name}="{_quotable(value)}"' for name, value in pairs.items())


def _quotable(text: str) -> str:
    """What may stand in the quotes: printable ASCII without quotes and backslashes."""
    return "".join(each if " " <= each <= "~" and each not in '"\\' else "'" for each in text)
