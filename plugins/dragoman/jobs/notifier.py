"""Tells subscribers what becomes of their jobs; a dead subscriber harms nobody.

Best effort: a notification is tried five times over about a minute, and not again after a restart.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from dragoman.errors import DragomanError
from dragoman.jobs.results import FolderResults
from dragoman.model.job import Job, Output
from dragoman.sources.http import post_json

if TYPE_CHECKING:
    from dragoman.jobs.settings import EngineSettings

LOGGER = logging.getLogger(__name__)

PAUSES = (0.5, 2.0, 8.0, 30.0)
"""Seconds between two tries."""
WAITING = 1000
"""Notifications that may wait; beyond, they are dropped and logged."""


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

    def __init__(self, settings: EngineSettings, render: Render) -> None:
        self._settings = settings
        self._render = render
        self._results = FolderResults(settings.home)
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="notifier")

    def __call__(self, job: Job) -> None:
        """Queue what a job's new state gives to tell; returns at once."""
        if self._pool._work_queue.qsize() >= WAITING:
            LOGGER.warning("a notification was dropped", extra={"action": "notify", "job_id": job.id})
            return
        self._pool.submit(self._tell, job)

    def _tell(self, job: Job) -> None:
        try:
            notification = self._render(job, self._settings.server_url, partial(self._load, job))
        except Exception:  # a job that cannot be rendered must not end the thread
            LOGGER.exception("cannot render a notification", extra={"action": "notify", "job_id": job.id})
            return
        if notification is None:
            return
        for pause in (*PAUSES, None):
            try:
                post_json(notification.url, notification.body, self._settings.policy)
            except (DragomanError, OSError) as error:
                LOGGER.warning("subscriber: %s", error, extra={"action": "notify", "job_id": job.id})
            else:
                return
            if pause is not None:
                time.sleep(pause)

    def _load(self, job: Job, output: Output) -> bytes:
        path = self._results.outputs(job.id) / (output.file or "")
        return path.read_bytes()
