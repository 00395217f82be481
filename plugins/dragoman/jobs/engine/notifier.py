"""Tells subscribers what becomes of their jobs; a dead subscriber harms nobody, a slow one only itself.

Best effort: a notification is tried five times over about a minute, and not again after a restart.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from dragoman.errors import DragomanError
from dragoman.jobs.engine import mailboxes
from dragoman.jobs.engine.mailboxes import Letter, Mailboxes
from dragoman.model.job import Job, Output
from dragoman.sources.http import post_json
from dragoman.sources.precheck import check_web_href

if TYPE_CHECKING:
    from dragoman.jobs.engine_settings import EngineSettings
    from dragoman.jobs.ports import ResultStore

LOGGER = logging.getLogger(__name__)

PAUSES = (0.5, 2.0, 8.0, 30.0)
"""Seconds between two tries."""
RENDERERS = 2
"""Threads that make letters of jobs: no subscriber can hold them up."""


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


class Notifier:
    """Renders and posts in a few threads of its own."""

    def __init__(self, settings: EngineSettings, results: ResultStore, render: Render) -> None:
        self._settings = settings
        self._render = render
        self._results = results
        self._renderers = ThreadPoolExecutor(RENDERERS, thread_name_prefix="notifier-renderer")
        self._senders = ThreadPoolExecutor(mailboxes.THREADS, thread_name_prefix="notifier")
        self._clock = _Clock()
        self._lock = threading.Lock()
        self._rendering = 0
        self._boxes = Mailboxes()

    def __call__(self, job: Job) -> None:
        """Queue what a job's new state gives to tell; returns at once."""
        with self._lock:
            full = self._rendering >= mailboxes.WAITING
            self._rendering += not full
        if full:
            self._dropped(job.id)
        else:
            self._renderers.submit(self._begin, job)

    def open(self) -> int:
        """Notifications that are under way."""
        with self._lock:
            return self._rendering + len(self._boxes)

    def _begin(self, job: Job) -> None:
        letter = dropped = None
        try:
            letter = self._letter(job)
        except Exception:  # a job that cannot be rendered must not cost a place
            LOGGER.exception("cannot render a notification", extra={"action": "notify", "job_id": job.id})
        with self._lock:
            if letter is not None:
                dropped = self._boxes.put(letter)
            self._rendering -= 1
        if dropped is not None:
            self._dropped(dropped.job_id)
        self._send_due()

    def _letter(self, job: Job) -> Letter | None:
        """The letter to the job's subscriber, if there is one that may be told."""
        notification = self._render(job, self._settings.server_url, partial(self._load, job))
        if notification is None:
            return None
        letter = Letter(job.id, notification.url, notification.body)
        try:
            check_web_href(letter.url, self._settings.policy)
        except DragomanError as error:  # it will be refused the next time too
            self._complain(letter, error)
            return None
        return letter

    def _send_due(self) -> None:
        with self._lock:
            letters = list(self._boxes.take(time.monotonic()))
        for letter in letters:
            self._senders.submit(self._send, letter)

    def _send(self, letter: Letter) -> None:
        pause = None
        try:
            post_json(letter.url, letter.body, self._settings.policy)
        except Exception as error:  # whatever a subscriber makes of its answer, its place becomes free again
            self._complain(letter, error)
            if letter.tries < len(PAUSES):
                pause = PAUSES[letter.tries]
                letter.tries += 1
        with self._lock:
            self._boxes.sent(letter, again_at=None if pause is None else time.monotonic() + pause)
        if pause is not None:
            self._clock.after(pause, self._send_due)
        self._send_due()

    def _dropped(self, job_id: str) -> None:
        LOGGER.warning("a notification was dropped", extra={"action": "notify", "job_id": job_id})

    def _complain(self, letter: Letter, error: Exception) -> None:
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
