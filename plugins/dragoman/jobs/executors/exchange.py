"""One request to the engine and its reply, with no patience for an engine that is frozen.

While a reply is awaited, the engine is asked now and then on the same connection who it is (``Hello``), which it
answers at once whatever runs. So a long wait for a job's end is told from silence, and silence ends in seconds.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import Unavailable
from dragoman.jobs.supervisor_requests import REPLIES, REQUESTS, Hello
from dragoman.workers.framing import Disconnected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragoman.jobs.supervisor_requests import Reply, Request
    from dragoman.workers.framing import Channel

FIRST: Final = 2.0
"""Seconds without a reply after which the engine is asked whether it lives."""
PULSE: Final = 1.0
"""Seconds from its answer to the next such question."""
PATIENCE: Final = 4.0
"""Seconds that it may take to answer that, if it has not answered anything yet."""
LONG_PATIENCE: Final = 30.0
"""The same, if it has: it has taken the request, and whoever waits for a job had rather wait on."""
RETRY: Final = 1.0
"""Seconds from one try to the next while the engine is known to be silent; meanwhile all others are refused."""

SILENT: Final = "the engine does not answer; try again"
CROWDED: Final = "the engine is slow to answer, and as many requests as may wait for it do; try again"


class Silence:
    """What the threads of a server process know of the engine's silence; safe for threads.

    At most ``limit`` of them wait for a sign of life, so that others are left for what needs no engine; None: all.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._unheard = 0
        self._next_try: float | None = None
        """Monotonic time; None while the engine is not known to be silent."""

    def admit(self) -> None:
        """Refuse a new request at once, by raising Unavailable, if it would only wait in vain."""
        now = time.monotonic()
        with self._lock:
            if self._full():
                raise Unavailable(CROWDED)
            if self._next_try is not None:
                if now < self._next_try:
                    raise Unavailable(SILENT)
                self._next_try = now + RETRY

    @contextmanager
    def unheard(self, *, resumed: bool) -> Iterator[None]:
        """Wait for a sign of life; raises Unavailable if too many do, and the request is not ``resumed``."""
        with self._lock:
            if self._full() and not resumed:
                raise Unavailable(CROWDED)
            self._unheard += 1
        try:
            yield
        finally:
            with self._lock:
                self._unheard -= 1

    def note(self, *, heard: bool) -> None:
        """Whether the engine has given a sign of life, or been given up."""
        with self._lock:
            self._next_try = None if heard else time.monotonic() + RETRY

    def _full(self) -> bool:
        return self._limit is not None and self._unheard >= self._limit


def exchange(
    channel: Channel,
    request: Request,
    silence: Silence,
    *,
    abandoned: Callable[[], bool],
    resumed: bool = False,
) -> Reply | None:
    """The reply to a request; None if, after the engine has taken the request, it is ``abandoned``.

    ``resumed``: the engine has taken it already, or its predecessor has. Raises Unavailable if the engine is silent,
    and Disconnected, also if the reply is not one of ours. Only after a reply can the channel be used again, and not
    if it is closed then.
    """
    channel.limit_sending(PATIENCE)  # to one that reads no more
    _send(channel, 0, request)
    pause = FIRST
    while True:
        message, asked = channel.receive_within(pause), False
        if message is None:
            if resumed and abandoned():
                return None
            message, asked = _sign_of_life(channel, silence, resumed=resumed), True
            resumed, pause = True, PULSE
        reply = _reply(message)
        if reply is not None:
            silence.note(heard=True)
            if asked:  # the answer to the question is still on its way
                channel.close()
            return reply


def _sign_of_life(channel: Channel, silence: Silence, *, resumed: bool) -> Any:
    """Whatever message comes first after the engine was asked whether it lives."""
    with silence.unheard(resumed=resumed):
        _send(channel, 1, Hello())
        message = channel.receive_within(LONG_PATIENCE if resumed else PATIENCE)
    silence.note(heard=message is not None)
    if message is None:
        raise Unavailable(SILENT)
    return message


def _send(channel: Channel, number: int, request: Request) -> None:
    try:
        channel.send({"n": number, **REQUESTS.dump(request)})
    except Disconnected as error:
        if isinstance(error.__cause__, BlockingIOError):  # see Channel.limit_sending
            raise Unavailable(SILENT) from error
        raise


def _reply(message: Any) -> Reply | None:
    """The reply to the request; None for the answer to a question in between."""
    try:
        if message.pop("n") != 0:
            return None
        return REPLIES.load(message)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Disconnected("the supervisor speaks another language") from error
