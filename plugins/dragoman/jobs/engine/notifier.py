"""Tells subscribers what becomes of their jobs; a dead subscriber harms nobody, a slow one only itself.

Best effort: a notification is tried five times over about a minute, and not again after a restart.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from dragoman.errors import DragomanError
from dragoman.model.job import Job, Output
from dragoman.sources.http import post_json
from dragoman.sources.precheck import check_web_href

if TYPE_CHECKING:
    from dragoman.jobs.engine_settings import EngineSettings
    from dragoman.jobs.ports import ResultStore

LOGGER = logging.getLogger(__name__)

PAUSES = (0.5, 2.0, 8.0, 30.0)
"""Seconds between two tries."""
WAITING = 1000
"""Notifications that may be under way; beyond, they are dropped and logged."""
THREADS = 8
PER_HOST = 2
"""Of the threads, how many may wait for one host."""
BUSY = 0.25
"""Seconds until a host that has its share of the threads is tried again."""


class Notification(Protocol):
    """What is to be posted, and where."""

    @property
    def url(self) -> str:
        """The subscriber's URI."""

    @property
    def body(self) -> Any:
        """JSON."""


type Render = Callable[[Job, str, Any], Notification | None]
"""Makes a dialect's notification of a job, given the server's URL and a way to load an output."""


@dataclass
class _Letter:
    job_id: str
    url: str
    body: Any
    tries: int = 0


class Notifier:
    """Renders and posts in a few threads of its own."""

    def __init__(self, settings: EngineSettings, results: ResultStore, render: Render) -> None:
        self._settings = settings
        self._render = render
        self._results = results
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="notifier")
        self._clock = _Clock()
        self._lock = threading.Lock()
        self._open = 0
        self._hosts: Counter[str] = Counter()

    def __call__(self, job: Job) -> None:
        """Queue what a job's new state gives to tell; returns at once."""
        with self._lock:
            if self._open >= WAITING:
                LOGGER.warning("a notification was dropped", extra={"action": "notify", "job_id": job.id})
                return
            self._open += 1
        self._pool.submit(self._begin, job)

    def _begin(self, job: Job) -> None:
        try:
            notification = self._render(job, self._settings.server_url, partial(self._load, job))
        except Exception:  # a job that cannot be rendered must not end the thread
            LOGGER.exception("cannot render a notification", extra={"action": "notify", "job_id": job.id})
            notification = None
        if notification is None:
            self._close()
            return
        letter = _Letter(job.id, notification.url, notification.body)
        try:
            check_web_href(letter.url, self._settings.policy)
        except DragomanError as error:  # it will be refused the next time too
            self._complain(letter, error)
            self._close()
            return
        self._send(letter)

    def _send(self, letter: _Letter) -> None:
        host = urlsplit(letter.url).netloc
        if not self._enter(host):
            self._clock.after(BUSY, partial(self._pool.submit, self._send, letter))
            return
        try:
            post_json(letter.url, letter.body, self._settings.policy)
        except (DragomanError, OSError) as error:
            self._complain(letter, error)
            if letter.tries < len(PAUSES):
                letter.tries += 1
                self._clock.after(PAUSES[letter.tries - 1], partial(self._pool.submit, self._send, letter))
                return
        finally:
            with self._lock:
                self._hosts[host] -= 1
        self._close()

    def _enter(self, host: str) -> bool:
        with self._lock:
            if self._hosts[host] >= PER_HOST:
                return False
            self._hosts = +self._hosts  # hosts that are done are not kept for ever
            self._hosts[host] += 1
            return True

    def _close(self) -> None:
        with self._lock:
            self._open -= 1

    def _complain(self, letter: _Letter, error: Exception) -> None:
        LOGGER.warning("subscriber: %s", error, extra={"action": "notify", "job_id": letter.job_id})

    def _load(self, job: Job, output: Output) -> bytes:
        return self._results.content(job.id, output.file or "").content()


class _Clock:
    """Calls what is due, in a thread of its own; what is called must be quick."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._changed = threading.Condition()
        self._number = itertools.count()
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Have something called later."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._number), call))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="notifier-clock", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._due or self._due[0][0] > time.monotonic():
                    left = self._due[0][0] - time.monotonic() if self._due else None
                    self._changed.wait(left)
                call = heapq.heappop(self._due)[2]
            call()
