"""The Executor on the embedded engine: finds the supervisor of this HOME, or starts it, and asks it."""

from __future__ import annotations

import os
import threading
import time
import weakref
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from dragoman import errors
from dragoman.errors import DragomanError, NoSuchJob, Unavailable
from dragoman.jobs.executors.supervisor_link import SupervisorLink
from dragoman.jobs.json_codec import dump_job, load_job
from dragoman.workers.framing import Disconnected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragoman.jobs.engine_settings import EngineSettings
    from dragoman.model.job import Job
    from dragoman.workers.framing import Channel

PROBE = 2.0
"""Seconds in which the engine must say that it is well."""


class LocalExecutor:
    """See ``dragoman.jobs.ports.Executor``. Safe for threads, and across a fork.

    ``command`` starts a supervisor that reads its pickled EngineSettings from standard input.
    """

    def __init__(self, settings: EngineSettings, command: Sequence[str]) -> None:
        self._presence = SupervisorLink(settings, command)
        self._lock = threading.Lock()
        self._idle: list[Channel] = []
        self._number = 0
        os.register_at_fork(after_in_child=partial(_forked, weakref.ref(self)))

    def start(self) -> None:
        """Have a supervisor of this very build and these settings; an older one is replaced."""
        self._presence.start()

    def submit(self, job: Job, wait: float | None = 0.0) -> Job:
        """See the port."""
        deadline = _deadline(wait)
        try:
            answer = self._ask("submit", job=dump_job(job), wait=wait)
        except Disconnected:
            return self._resubmit(job, deadline)
        return load_job(answer["job"]) if "job" in answer else job

    def wait(self, job_id: str, timeout: float | None) -> Job:
        """See the port."""
        deadline = _deadline(timeout)
        while True:
            try:
                return load_job(self._ask("wait", job_id=job_id, timeout=_left(deadline))["job"])
            except Disconnected:  # the supervisor died: the next one goes on with the job
                continue

    def dismiss(self, job_id: str) -> Job:
        """See the port."""
        return load_job(self._again(lambda: self._ask("dismiss", job_id=job_id))["job"])

    def remove(self, job_id: str) -> None:
        """See the port."""
        self._again(lambda: self._ask("remove", job_id=job_id))

    def remove_output(self, job_id: str, output_id: str, item: int | None = None) -> None:
        """See the port."""
        self._again(lambda: self._ask("remove_output", job_id=job_id, output_id=output_id, item=item))

    def keep_sha256(self, job_id: str, output_id: str, sha256: str, item: int | None = None) -> None:
        """See the port."""
        what = {"job_id": job_id, "output_id": output_id, "item": item, "sha256": sha256}
        self._again(lambda: self._ask("keep_sha256", **what))

    def alive(self) -> bool:
        """See the port; within PROBE seconds."""
        answer = self._presence.health(PROBE)
        if answer is not None and "error" in answer:
            raise load_error(answer["error"])
        return answer is not None

    def close(self) -> None:
        """See the port."""
        with self._lock:
            idle, self._idle = self._idle, []
        for channel in idle:
            channel.close()
        self._presence.close()

    # -- within ----------------------------------------------------------------------------------------

    def _again(self, ask: Callable[[], Any]) -> Any:
        """Ask, and once more of the next supervisor: these verbs may be repeated."""
        try:
            return ask()
        except Disconnected:
            with suppress(Disconnected):
                return ask()
        raise Unavailable("the supervisor died twice while it was asked")

    def _ask(self, verb: str, **message: Any) -> Any:
        """One question, one answer; raises Disconnected if the supervisor died in between."""
        channel = self._channel()
        try:
            answer = self._exchange(channel, verb, message)
        except Disconnected:
            channel.close()
            raise
        with self._lock:
            self._idle.append(channel)
        if "error" in answer:
            raise load_error(answer["error"])
        return answer

    def _resubmit(self, job: Job, deadline: float | None) -> Job:
        """A submission whose answer was lost: it was committed, or it can be made again under the same id."""
        try:
            return self.wait(job.id, _left(deadline))
        except NoSuchJob:
            pass
        try:
            answer = self._ask("submit", job=dump_job(job), wait=_left(deadline))
        except Disconnected as error:
            raise Unavailable("the supervisor died twice while the job was being accepted") from error
        return load_job(answer["job"]) if "job" in answer else job

    def _exchange(self, channel: Channel, verb: str, message: dict[str, Any]) -> Any:
        self._number += 1
        channel.send({"n": self._number, "verb": verb, **message})
        return channel.receive()

    def _channel(self) -> Channel:
        """An idle connection that still stands, or a new one."""
        with self._lock:
            while self._idle:
                channel = self._idle.pop()
                if channel.open():
                    return channel
                channel.close()
        return self._presence.connect()  # without the lock: it may wait until a supervisor is up

    def _after_fork(self) -> None:
        """A forked server process must not share connections, or a lock that is held, with its parent."""
        self._lock = threading.Lock()
        self._idle = []
        self._presence.after_fork()


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _forked(reference: weakref.ref[LocalExecutor]) -> None:
    executor = reference()
    if executor is not None:
        executor._after_fork()


def load_error(data: dict[str, Any]) -> DragomanError:
    """An error from the wire, as the class that was raised."""
    cls: type[DragomanError] = getattr(errors, data["class"], DragomanError)
    if issubclass(cls, Unavailable):
        return cls(data["detail"], retry_after=data["retry_after"])
    return cls(data["detail"])
