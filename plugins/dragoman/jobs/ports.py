"""The ports of the job engine; each docstring is the contract its suite tests.

JobService ──► Executor ──► (the engine that owns the writes) ──► JobStore
     └───────────► JobStore (reads)   └──► ResultStore (reads, files of results)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from dragoman.jobs.engine_figures import EngineFigures
    from dragoman.jobs.stored_file import StoredFile
    from dragoman.maps.ports import ServiceStore
    from dragoman.model.job import Job, JobPage, JobQuery
    from dragoman.model.job_event import JobEvent
    from dragoman.model.map_service import MapService
    from dragoman.model.process import JSON
    from dragoman.model.status import JobStatus
    from dragoman.model.worker import WorkerIdentity


class JobStore(Protocol):
    """The truth about jobs. Safe for many readers and writers, in threads and processes.

    Every write is one transaction that outlasts the death of any process when the call returns; adding,
    dismissing and removing outlast a power cut as well. What else a power cut takes back is done again: a job
    that had just ended runs once more.

    A row that cannot be read (damaged, or written by another dragoman) is logged once, and missing from lists and
    from the queue; what asks for that very job raises JobUnreadable.
    """

    def add(self, job: Job, *, queue_limit: int | None = None) -> Job:
        """Insert a created or an accepted job, or one that runs already: of an engine whose worker waits for it.

        If a job of the same principal and process has the same idempotency key, that job is returned
        instead. Raises IdempotencyConflict if its fingerprint differs, QueueFull if ``queue_limit`` jobs
        (or more) are accepted and waiting, ValueError if the id is taken.
        """

    def get(self, job_id: str) -> Job:
        """The job; raises NoSuchJob."""

    def find(self, query: JobQuery) -> JobPage:
        """The jobs that match, newest first (by order of acceptance), without their requests.

        Pages that go on by ``key`` leave none out and repeat none, whatever is added or removed meanwhile.
        """

    def waiting(self) -> list[Job]:
        """Every accepted job, oldest first; which is to run next is the queue's to say."""

    def waiting_ids(self) -> list[str]:
        """The ids of the accepted jobs, oldest first; cheap enough for every few seconds."""

    def claim(self, job_id: str, worker: WorkerIdentity, lease: float) -> Job | None:
        """Make an accepted job running: see ``Job.claim_changes``.

        None if it is not accepted any more: of many claimers exactly one gets the job.
        """

    def transition(
        self,
        job_id: str,
        target: JobStatus,
        *,
        token: str | None = None,
        held: Job | None = None,
        services: Sequence[MapService] = (),
        **changes: Any,
    ) -> Job:
        """Move a job to ``target`` and set ``changes`` (fields of Job) in the same write.

        With ``token`` the write only happens while that is the token of the job's latest claim. Raises NoSuchJob,
        and IllegalTransition if the job's state does not lead to ``target`` or its token is another.
        Sets ``updated``, and ``finished`` where ``target`` is an end. Whoever has the job as its run was claimed
        gives it as ``held``: only what a run reports on its way is read then.

        ``services``, with their paths relative to HOME, are the map services that the job has published: they are
        written in the same transaction, in place of what it had, so that neither is there without the other.
        """

    def report(self, job_id: str, token: str, **changes: Any) -> bool:
        """Set ``progress``, ``message``, ``outputs`` or ``lease_until`` of a job without moving it.

        Only while ``token`` is that of the job's latest claim (empty before the first), and with ``progress`` only
        upwards while it runs; False if nothing was written.
        """

    def expired(self, now: datetime) -> list[Job]:
        """The running jobs whose lease ended before ``now``."""

    def finished_ids(self, before: datetime, limit: int) -> list[str]:
        """The ids of ``limit`` jobs that finished before that moment, those of damaged rows too."""

    def remove(self, job_id: str) -> None:
        """Forget a job and its events; raises NoSuchJob, and IllegalTransition while it is not finished."""

    def remove_all(self, job_ids: Sequence[str]) -> int:
        """Forget those of some hundred jobs that are there and finished, in one write; how many they were."""

    def counts(self, *, process_ids: Sequence[str] = (), owner: str | None = None) -> Mapping[JobStatus, int]:
        """How many jobs there are in each state, of any or these processes and owners; every state is a key.

        Cheap at any number of jobs.
        """

    def damaged(self) -> bool:
        """Whether parts of the store were found that cannot be read: what they hold is passed over."""

    def counts_by_process(self) -> Mapping[str, Mapping[JobStatus, int]]:
        """How many jobs of each process that has any are in each state; every state is a key. Cheap at any number."""

    def events(self, job_id: str) -> list[JobEvent]:
        """What happened to a job, in order; nothing of what happened before stores had events, or of no job.

        Each is part of the write that it tells of.
        """


class EngineStore(JobStore, Protocol):
    """What an engine asks of a store beyond jobs."""

    @property
    def services(self) -> ServiceStore:
        """The map services that jobs have published, by the same connections; closed with this store."""

    @property
    def shared(self) -> bool:
        """Whether engines of several hosts may come to work on it, one after another."""

    def lock_engine(self) -> bool:
        """Hold this store for one embedded engine, until the process ends; False if another host's does.

        To be asked again now and then: a hold that was lost with its connection is taken again, if it is free.
        """

    def check_writable(self) -> None:
        """Write something durable; raises Unavailable."""

    def close(self) -> None:
        """Let go of it, and of the hold."""


class Executor(Protocol):
    """Takes jobs and sees to it that they run; the engine behind it owns every write.

    The embedded engine and Celery differ in nothing that a caller can see here.
    """

    def submit(
        self, job: Job, wait: float | None = 0.0, abandoned: Callable[[], bool] = lambda: False
    ) -> Job:
        """Accept a job durably, then return it (or the first one under its idempotency key).

        With ``wait`` it is returned as soon as it is finished, or as it is after that many seconds (None: no
        limit), or soon after ``abandoned``, which is asked about once a second, says that nobody waits any more: the
        job goes on. Raises what JobStore.add raises, and Unavailable if the engine cannot be reached, or is silent.
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

    def printed(self, job: Job, offset: int, limit: int) -> bytes:
        """At most ``limit`` bytes, from ``offset`` on, of what the present run of a running job has printed so far.

        None of it is in the result store's log yet. Where it cannot be seen from here it is empty.
        """

    def keep_sha256(self, job_id: str, output_id: str, sha256: str, item: int | None = None) -> None:
        """Keep the SHA-256 of an output's file, or of one file of a list; nothing happens if it is not there."""

    def alive(self) -> bool:
        """Whether the engine answers, within seconds; raises Unavailable if it says that it cannot write the store."""

    def figures(self) -> EngineFigures:
        """What the engine tells in numbers; raises Unavailable if it does not answer within seconds."""

    def close(self) -> None:
        """Let go of the engine; jobs go on if another server process holds it."""


class GuestDesk(Protocol):
    """Carries questions to the parts of the engine that are not about jobs; see ``engine/guests.py``."""

    def ask_guest(self, guest: str, body: JSON, abandoned: Callable[[], bool] = lambda: False) -> JSON:
        """What a part of the engine that is not about jobs answers; None once the call is ``abandoned``.

        Raises what that part refuses, NotFound where there is none of that name, and Unavailable if the engine
        cannot be reached, is silent, or dies while it is asked: whether it did what was asked is not known then.
        """


class ResultStore(Protocol):
    """The files of jobs, found by job id and name alone; where they lie is nobody else's business.

    Jobs write on their own host, and hand over what they wrote. Every method but ``free_bytes``, ``job_ids`` and
    ``empty_trash`` raises NoSuchJob for what cannot be the id of a job.
    """

    def publish(self, job_id: str, folder: Path) -> None:
        """Make a local folder the job's outputs, all of it at once; the folder is gone then.

        Raises OSError if that cannot be done, or if the job has outputs already: then nothing is changed.
        """

    def content(self, job_id: str, name: str) -> StoredFile:
        """A file of the outputs by its name relative to them; raises ResultNotAvailable."""

    def remove_file(self, job_id: str, name: str) -> None:
        """Delete a file of the outputs; nothing happens if it is not there. Raises as ``content`` for no name."""

    def append_log(self, job_id: str, printed: Path) -> None:
        """Append a local file to what the job's ended runs printed; the file is gone then. Raises OSError."""

    def log(self, job_id: str) -> StoredFile | None:
        """What the job's ended runs printed and logged, in the order written; None if nothing."""

    def save_request(self, job_id: str, text: str) -> None:
        """Keep a request that is too large for the store, durably. Raises OSError."""

    def load_request(self, job_id: str) -> str:
        """What ``save_request`` kept; raises NoSuchJob."""

    def remove_request(self, job_id: str) -> None:
        """Delete what ``save_request`` kept; nothing happens if it is not there."""

    def save_sent(self, job_id: str, text: str) -> None:
        """Keep what a client sent, to be had back with the job; no run needs it. Raises OSError."""

    def load_sent(self, job_id: str) -> str | None:
        """What ``save_sent`` kept; None if nothing."""

    def save_hashes(self, job_id: str, text: str) -> None:
        """Keep what a run's inputs by reference were hashed to. Raises OSError."""

    def load_hashes(self, job_id: str) -> str | None:
        """What ``save_hashes`` kept; None if nothing."""

    def derived(self, job_id: str, name: str, write: Callable[[BinaryIO], None]) -> StoredFile:
        """A file that was made of the job's outputs, named ``KIND-REST``; ``write`` makes it where it is not there.

        Of each kind the latest is kept.

        By one at a time, whoever asks: the others wait for it. It is whole before it can be seen, whatever dies, and
        gone with the outputs. Raises ResultNotAvailable if the job is removed meanwhile, and OSError.
        """

    def remove_derived(self, job_id: str) -> None:
        """Delete all that ``derived`` made."""

    def clear(self, job_id: str, *, keep_log: bool = False) -> None:
        """Delete the outputs and, unless ``keep_log``, the log and the request: all that there is of the job.

        They cannot be read any more when this returns, though it may take until ``empty_trash`` to free their room.
        """

    def job_ids(self, older_than: float) -> Iterator[str]:
        """The jobs of which there is anything, last added or removed before ``older_than`` (seconds since 1970)."""

    def empty_trash(self) -> None:
        """Free what took too long to delete when it was cleared."""

    def free_bytes(self) -> int:
        """Bytes free where results are written."""
