"""Why a database cannot be used: for the operator's log and the start, never for a client."""

from __future__ import annotations

import logging
import time
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

LOGGER = logging.getLogger(__name__)

APART: Final = 60.0
"""Seconds without a failure after which the next one is another outage."""


def cause_of(error: BaseException, url: str) -> str:
    """The database's own words in one line, without the password that the URL may hold."""
    inner: object = error.orig if isinstance(error, DBAPIError) else error
    text = f"{type(inner).__name__}: {(isinstance(inner, OSError) and inner.strerror) or inner}"
    password = make_url(url).password
    if password:
        text = text.replace(str(password), "***")
    return " ".join(text.split())[:300]


class OutageLog:
    """Logs why, once per outage: every request fails for the same reason meanwhile.

    Not until something succeeds: on a full disk reads do, between writes that do not.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._cause = ""
        self._last = 0.0

    def note(self, error: BaseException) -> None:
        """Something has failed."""
        cause, now = cause_of(error, self._url), time.monotonic()
        known = cause == self._cause and now - self._last < APART
        self._cause, self._last = cause, now
        if not known:
            LOGGER.error("the job store cannot be used: %s", cause, extra={"action": "store"})
