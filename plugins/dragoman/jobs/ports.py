"""The three ports of the job engine; each docstring is the contract its suite tests.

JobService ──► Executor ──► (the engine that owns the writes) ──► JobStore
     └───────────► JobStore (reads)   └──► ResultStore (reads, files of results)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from dragoman.model.job import Job, JobPage, JobQuery, WorkerIdentity
    from dragoman.model.status import JobStatus


class JobStore(Protocol):
    """The truth about jobs. Safe for many readers and writers, in threads and processes.

    Every write is one transaction that outlasts the death of any process when the call returns; adding,
    dismissing and removing outlast a power cut as well. What else a power cut takes back is done again: a job
    that had just ended runs once more.
    """

    def add(self, job: Job, *, queue_limit: int | None = None) -> Job:
        """Insert an accepted job, or one that is running already: by the engine that has a worker waiting for it.

        If a job of the same principal and process has the same idempotency key, that job is returned
        instead. Raises IdempotencyConflict if its fingerprint differs, QueueFull if ``queue_limit`` jobs
        (or more) are accepted and waiting, ValueError if the id is taken.
        """

    def get(self, job_id: str) -> Job:
        """The job; raises NoSuchJob."""

    def find(self, query: JobQuery) -> JobPage:
        """The jobs that match, newest first (by order of acceptance), without their requests."""

    def waiting(self) -> list[Job]:
        """Every accepted job in the order it should be run: sync first, higher priority, then oldest."""

    def waiting_ids(self) -> list[str]:
        """The ids of the accepted jobs, oldest first; cheap enough for every few seconds."""

    def claim(self, job_id: str, worker: WorkerIdentity, lease: float) -> Job | None:
        """Make an accepted job running, its attempt one higher, its lease ``lease`` seconds long,
        its progress and message as at the start.

        None if it is not accepted any more: of many claimers exactly one gets the job.
        """

    def transition(
        self, job_id: str, target: JobStatus, *, attempt: int | None = None, **changes: Any
    ) -> Job:
        """Move a job to ``target`` and set ``changes`` (fields of Job) in the same write.

        With ``attempt`` the write only happens while that is the job's attempt. Raises NoSuchJob, and
        IllegalTransition if the job's state does not lead to ``target`` or its attempt is another.
        Sets ``updated``, and ``finished`` where ``target`` is an end.
        """

    def report(self, job_id: str, attempt: int, **changes: Any) -> bool:
        """Set ``progress``, ``message``, ``outputs`` or ``lease_until`` of a job without moving it.

        Only while ``attempt`` is the job's attempt, and with ``progress`` only upwards while it runs;
        False if nothing was written.
        """

    def expired(self, now: datetime) -> list[Job]:
        """The running jobs whose lease ended before ``now``."""

    def remove(self, job_id: str) -> None:
        """Forget a job; raises NoSuchJob, and IllegalTransition while it is not finished."""

    def remove_all(self, job_ids: Sequence[str]) -> int:
        """Forget those of some hundred jobs that are there and finished, in one write; how many they were."""

    def counts(self, *, process_ids: Sequence[str] = (), owner: str | None = None) -> Mapping[JobStatus, int]:
        """How many jobs there are in each state, of any or these processes and owners; every state is a key.

        Cheap at any number of jobs.
        """


class Executor(Protocol):
    """Takes jobs and sees to it that they run; the engine behind it owns every write.

    The embedded engine and Celery differ in nothing that a caller can see here.
    """

    def submit(self, job: Job, wait: float | None = 0.0) -> Job:
        """Accept a job durably, then return it (or the first one under its idempotency key).

        With ``wait`` it is returned as soon as it is finished, or as it is after that many seconds (None: no
        limit). Raises what JobStore.add raises, and Unavailable if the engine cannot be reached.
        """

    def wait(self, job_id: str, timeout: float | None) -> Job:
        """The job as soon as it is finished, or as it is after ``timeout`` seconds; raises NoSuchJob."""

    def dismiss(self, job_id: str) -> Job:
        """Stop a job. When this returns nothing of it runs, its slot is free and its files are gone.

        Raises NoSuchJob, and IllegalTransition if it had finished already.
        """

    def remove(self, job_id: str) -> None:
        """Forget a finished job and delete its files; raises as JobStore.remove."""

    def remove_output(self, job_id: str, output_id: str, item: int | None = None) -> None:
        """Delete one output of a finished job, or one file of a list; nothing happens if it is not there.

        The other files of the list keep their places: what is deleted leaves one without a file.
        """

    def alive(self) -> bool:
        """Whether the engine answers, within seconds; raises Unavailable if it says that it cannot write the store."""

    def close(self) -> None:
        """Let go of the engine; jobs go on if another server process holds it."""


class ResultStore(Protocol):
    """The files of jobs: one folder each, found by job id alone."""

    def outputs(self, job_id: str) -> Path:
        """The folder of finished outputs; it need not exist."""

    def scratch(self, job_id: str) -> Path:
        """The folder of whatever a run writes before it has succeeded; it need not exist."""

    def log(self, job_id: str) -> Path:
        """The file that holds what the job's ended runs printed and logged, in the order written."""

    def spool(self, pid: int) -> Path:
        """The file that a worker process writes to while it runs a job.

        A file of the job's own would have to be made for every one, though few say anything.
        """

    def keep_log(self, job_id: str, pid: int) -> None:
        """Append what a worker's spool holds to the job's log; the spool is gone then.

        Of a very long one the end is lost; of any, where the disk is full. That harms no job.
        """

    def save_request(self, job_id: str, text: str) -> None:
        """Keep a request that is too large for the store, durably."""

    def load_request(self, job_id: str) -> str:
        """What ``save_request`` kept; raises NoSuchJob."""

    def clear(self, job_id: str, *, keep_log: bool = False) -> None:
        """Delete scratch, outputs and, unless kept, the log and the request: the folder as a whole."""

    def free_bytes(self) -> int:
        """Bytes free where results are written."""
