"""One file fetched, with as many tries as it takes.

try ──► whole
 ▲ └──► broken ──► waits, and goes on where it was if the server lets it
 │      refused ──► failed: a 4xx, a host that may not be asked, what is too large or not what it says
 └────────┘
"""

from __future__ import annotations

import errno
import logging
import random
import shutil
import time
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from dragoman.errors import InvalidRequest
from dragoman.sources.answers import Interrupted
from dragoman.sources.content_encoding import decoder_for
from dragoman.sources.fetching.partial import PartialFile
from dragoman.sources.fetching.resuming import Reading, asking, note_of, packed, reading, total_of
from dragoman.sources.http import follow, received_from, refused
from dragoman.sources.http_session import Resolver, checked_session, system_resolver

if TYPE_CHECKING:
    from pathlib import Path

    import requests

    from dragoman.sources.fetching.settings import FetchPoolSettings
    from dragoman.sources.fetching.stopping import Stop

LOGGER = logging.getLogger(__name__)

PROGRESS: Final = 1024**2
"""Bytes that a try must have brought to be no vain one."""
LOOK: Final = 16 * 1024**2
"""Bytes between two looks at the free disk."""
NO_ROOM: Final = "this server has not enough free disk"
FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class Busy(Interrupted):
    """The server asks to be left alone for a while."""

    wait = 0.0
    """Seconds that it names."""


class NoRoom(Interrupted):
    """This server has not enough free disk."""


class Transfer:
    """One of a process's threads runs it; ``stop`` ends it within a moment."""

    def __init__(
        self,
        url: str,
        target: Path,
        settings: FetchPoolSettings,
        stop: Stop,
        resolver: Resolver = system_resolver,
    ) -> None:
        self._url, self._target, self._settings, self._stop = url, target, settings, stop
        self._resolver = resolver
        self._end = time.monotonic() + settings.policy.fetch.timeout
        self._vain = 0

    def run(self) -> PartialFile:
        """The file, whole and closed; raises InvalidRequest with the reason, OSError, or Stopped."""
        with PartialFile(self._target, self._url, self._stop.check) as partial:
            try:
                while not partial.whole:
                    self._try(partial)
            except InvalidRequest:
                partial.forget()
                raise
        return partial

    def _try(self, partial: PartialFile) -> None:
        """Fetch what is missing, or wait before it is tried again; raises as ``run``."""
        before = partial.size
        try:
            if partial.note is None or partial.note.total != partial.size or partial.note.validator is None:
                self._ask(partial)
            partial.finish()
        except Interrupted as error:
            broken = error
        except OSError as error:
            if error.errno not in FULL:
                raise
            broken = NoRoom(NO_ROOM)
        else:
            return
        self._vain = 0 if partial.size >= before + PROGRESS else self._vain + 1
        self._wait(broken)

    def _ask(self, partial: PartialFile) -> None:
        """One request; whatever goes wrong is told by its true reason."""
        settings = self._settings
        left = self._left()
        with (
            checked_session(settings.policy, self._resolver, left) as (session, deadline),
            self._stop.cutting(deadline),
        ):
            try:
                headers = asking(partial.note, partial.size)
                stall = settings.patience.stall
                with follow(session, self._url, settings.policy, headers=headers, stall=stall) as response:
                    self._take(response, partial)
            except Exception as error:  # a connection that is cut fails in any layer, in its own way
                self._stop.check()
                self._left(error)
                raise
            self._stop.check()  # a body without a length looks whole when it is cut
            self._left()

    def _take(self, response: requests.Response, partial: PartialFile) -> None:
        match reading(response.status_code, response.headers, partial.note, partial.size):
            case Reading.AFRESH:
                partial.begin(note_of(self._url, response.headers))
            case Reading.REST:
                assert partial.note is not None
                partial.note = replace(partial.note, total=total_of(response.headers))
            case Reading.USELESS:
                partial.forget()
                raise Interrupted(f"{_host(response.url)} cannot go on where the transfer was cut off")
            case Reading.REFUSAL:
                raise _refusal(response)
        self._save(response, partial)

    def _save(self, response: requests.Response, partial: PartialFile) -> None:
        """Write the body; both what is received and what it unpacks to stay within the limit."""
        assert partial.note is not None
        limit, total = self._settings.policy.fetch.max_bytes, partial.note.total
        self._look_for_room(0 if total is None else min(total, limit) - partial.size)
        if total is not None and total > limit:
            raise _too_large(limit)
        decoder = decoder_for(response.headers.get("Content-Encoding", ""))
        received = partial.size
        looked = partial.size
        for chunk in received_from(response):
            received += len(chunk)
            if received > limit:
                raise _too_large(limit)
            for piece in decoder.feed(chunk):
                _write(partial, piece, limit)
            if partial.size - looked >= LOOK:
                partial.hasten(looked)
                looked = partial.size
                self._look_for_room(0)
        for piece in decoder.finish():
            _write(partial, piece, limit)
        if not packed(response.headers):
            _check_size(partial, _host(response.url))

    def _look_for_room(self, size: int) -> None:
        """Raise NoRoom if ``size`` more bytes would not leave the disk what is to be left."""
        self._stop.check()
        if shutil.disk_usage(self._target.parent).free - size < self._settings.min_free_disk:
            raise NoRoom(NO_ROOM)

    def _wait(self, broken: Interrupted) -> None:
        """Wait for the next try; raises the reason where there is to be none."""
        patience = self._settings.patience
        if self._vain >= patience.tries:
            raise InvalidRequest(f"{broken.detail} (tried {self._vain} times)") from broken
        wait = patience.first_wait * 2 ** max(0, self._vain - 1) * random.uniform(0.7, 1.0)
        if isinstance(broken, Busy):
            wait = max(wait, broken.wait)
        wait = min(wait, patience.longest_wait)
        if time.monotonic() + wait >= self._end:
            raise InvalidRequest(f"{broken.detail}, until the time was up") from broken
        self._stop.wait(wait)

    def _left(self, cause: BaseException | None = None) -> float:
        """Seconds that are left; raises InvalidRequest when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            seconds = self._settings.policy.fetch.timeout
            raise InvalidRequest(f"fetching took longer than {seconds:g} s, which is the limit") from cause
        return left


def _write(partial: PartialFile, piece: bytes, limit: int) -> None:
    if partial.size + len(piece) > limit:
        raise _too_large(limit)
    partial.write(piece)


def _check_size(partial: PartialFile, host: str) -> None:
    """Raise Interrupted if it is not as long as the server had said."""
    assert partial.note is not None
    total = partial.note.total
    if total is None or partial.size == total:
        return
    if partial.size > total:
        partial.forget()
    raise Interrupted(f"{host}: the file is not as long as the server had said")


def _too_large(limit: int) -> InvalidRequest:
    return InvalidRequest(f"the content is larger than {limit} bytes, which is the limit")


def _refusal(response: requests.Response) -> InvalidRequest:
    """The error for a status that is no content; another try may help with 429 and 5xx."""
    error = refused(response, "200")
    if response.status_code != 429 and response.status_code < 500:
        return error
    busy = Busy(error.detail)
    busy.wait = _retry_after(response.headers.get("Retry-After", ""))
    return busy


def _retry_after(text: str) -> float:
    """Seconds, of either form (RFC 9110, 10.2.3); 0 for what is neither."""
    if text.isdecimal() and text.isascii():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
