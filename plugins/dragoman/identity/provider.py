"""The identity provider over HTTP, as the operator names it; while it is away, nobody waits for it.

What it is asked for is the operator's word, so it is not under the guard of fetched inputs; redirects are not followed.
After a failure one request in RETRY seconds tries again, and all others are refused at once: a provider that swallows
packets must not hold every thread of the server.
"""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from jwt.exceptions import PyJWTError

from dragoman.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

TIMEOUT: Final = 5.0
"""Seconds that one answer may take."""
RETRY: Final = 5
"""Seconds from a failure to the next try."""
MOST_BYTES: Final = 1024**2
"""Of one answer."""
AWAY: Final = "the identity provider cannot be asked just now, so no token can be checked; try again later"


class Refusal(Exception):
    """The provider finds fault with what it was asked (400): the fault of a token, not an outage."""


class Provider:
    """Asks the identity provider, and remembers whether it is away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed: float | None = None
        self._trying = False
        self._reason = ""

    @property
    def fault(self) -> str:
        """Why the provider could not be asked the last time; empty: it could, or nobody has."""
        return self._reason

    @property
    def silent(self) -> bool:
        """Whether nobody may ask now."""
        failed = self._failed
        return failed is not None and (self._trying or time.monotonic() - failed < RETRY)

    def ask[Answer](self, request: Callable[[], Answer]) -> Answer:
        """What ``request`` gives; raises Unavailable if it fails, or if the provider is known to be away.

        Refusal passes through.
        """
        with self._lock:
            if self.silent:
                raise Unavailable(AWAY, retry_after=RETRY)
            self._trying = self._failed is not None
        try:
            answer = request()
        except Refusal:
            self._note("")
            raise
        except (
            OSError,
            ValueError,
            TypeError,
            RecursionError,
            http.client.HTTPException,
            PyJWTError,
        ) as error:
            self._note(f"{type(error).__name__}: {error}")
            raise Unavailable(AWAY, retry_after=RETRY) from error
        self._note("")
        return answer

    def _note(self, reason: str) -> None:
        with self._lock:
            before, self._reason = self._reason, reason
            self._failed, self._trying = (time.monotonic() if reason else None), False
        if reason and not before:
            log.error("the identity provider cannot be asked: %s", reason, extra={"action": "identity"})
        elif before and not reason:
            log.warning("the identity provider answers again", extra={"action": "identity"})


def fetch_json(request: urllib.request.Request) -> dict[str, Any]:
    """The JSON object that a request is answered with.

    Raises Refusal for 400, OSError or ValueError for anything else that is no such object.
    """
    opener = urllib.request.build_opener(_NoRedirect())
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            data = response.read(MOST_BYTES + 1)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.BAD_REQUEST:
            raise Refusal from error
        raise OSError(f"{request.full_url} answers {error.code}") from error
    if len(data) > MOST_BYTES:
        raise ValueError(f"{request.full_url} answers with more than {MOST_BYTES} bytes")
    document = json.loads(data)
    if not isinstance(document, dict):
        raise TypeError(f"{request.full_url} answers with no JSON object")
    return document


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """None: the redirect is an error."""
