"""The embedded engine's mind: which job runs where, and what becomes of it. No sockets, one thread.

Every write to the store passes here. A write that fails (a full disk, a database that is away) is kept and
tried again at each tick, so that what a worker has finished is not lost with it.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dragoman.errors import (
    DragomanError,
    IllegalTransition,
    JobUnreadable,
    NoSuchJob,
    TimedOut,
    Unavailable,
    WorkerLost,
)
from dragoman.jobs.engine.pending_writes import PendingWrites
from dragoman.jobs.engine.queue import JobQueue
from dragoman.jobs.json_codec import dump_job, load_failure, load_outputs
from dragoman.model.job import Job, JobFailure
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from dragoman.jobs.engine.pool import Pool, Worker
    from dragoman.jobs.engine_settings import EngineLimits
    from dragoman.jobs.ports import JobStore, ResultStore
    from dragoman.model.job import WorkerIdentity

LOGGER = logging.getLogger(__name__)

LEASE = 30.0
"""Seconds that a claimed job stays the engine's without renewal."""
MAX_RESTARTS = 10
"""Runs of one job that may be ended from outside: by the supervisor's death, or by a signal to stop."""

type Told = Callable[[Job | DragomanError], None]


class Engine:
    """Takes jobs, gives them to workers, and writes down what happens."""

    def __init__(
        self,
        *,
        store: JobStore,
        results: ResultStore,
        pool: Pool,
        limits: EngineLimits,
        changed: Callable[[Job], None],
        host: str = "",
    ) -> None:
        self._store = store
        self._results = results
        self._pool = pool
        self._limits = limits
        self._changed = changed
        """Told of every job that has begun to run or has finished."""
        self._host = host
        """The id of this host, by which it knows its own runs after a restart."""
        self._queue = JobQueue()
        self._placed: dict[str, Worker] = {}
        """Jobs that have a worker, born or not."""
        self._dismissing: dict[str, list[Told]] = {}
        self._ledger = PendingWrites()
        self.closing = False
        """Set at the end: nothing new is started."""

    def load(self) -> None:
        """Take over everything that waits in the store."""
        for job in self._store.waiting():
            self._queue.push(job)
        self.dispatch()

    def accept(self, job: Job) -> Job:
        """See Executor.submit."""
        worker = None if self._queue else self._free_worker(job)
        if worker is not None:
            return self._accept_running(job, worker)
        full = len(self._queue) >= self._limits.queue_limit
        accepted = self._store.add(job, queue_limit=0 if full else None)  # a repetition is let through
        if accepted.id == job.id:
            self._queue.push(accepted)  # the next tick, which follows at once, gives it to a worker
        return accepted

    def _accept_running(self, job: Job, worker: Worker) -> Job:
        """A worker is waiting for it: one write makes the row and claims it."""
        running = job.claimed_by(self._identity(worker), datetime.now(UTC), LEASE)
        accepted = self._store.add(running)
        if accepted.id == job.id:
            self._give(worker, running)
        return accepted

    def holds(self, job_id: str) -> bool:
        """Whether the job waits or runs here, so that its end will be told."""
        return job_id in self._queue or job_id in self._placed

    def dismiss(self, job_id: str, told: Told) -> None:
        """Stop a job; ``told`` gets it once nothing of it is left, or the reason why that cannot be."""
        worker = self._placed.get(job_id)
        if worker is None or not worker.claimed:
            told(self._dismiss_waiting(job_id))
            return
        self._dismissing.setdefault(job_id, []).append(told)
        worker.begin_end("dismissed")

    def remove(self, job_id: str) -> None:
        """See Executor.remove: files first, so that a row never outlives a crash without being found again."""
        job = self._store.get(job_id)
        if not job.status.finished:
            raise IllegalTransition(f"job '{job_id}' is {job.status}; only a finished job can be removed")
        self._results.clear(job_id)
        self._store.remove(job_id)

    def remove_output(self, job_id: str, output_id: str, item: int | None = None) -> None:
        """See Executor.remove_output."""
        job = self._store.get(job_id)
        output = job.outputs.get(output_id)
        if output is None:
            return
        gone = (output, *output.items) if item is None else output.items[item : item + 1]
        for each in gone:
            if each.file is not None:
                (self._results.outputs(job_id) / each.file).unlink(missing_ok=True)
        left = job.outputs_without(output_id, item)
        self._store.report(job_id, job.token, outputs=left)

    def keep_sha256(self, job_id: str, output_id: str, sha256: str, item: int | None = None) -> None:
        """See Executor.keep_sha256."""
        job = self._store.get(job_id)
        output = job.outputs.get(output_id)
        files = () if output is None else (output,) if item is None else output.items[item : item + 1]
        if any(each.file is not None for each in files):
            self._store.report(job_id, job.token, outputs=job.outputs_with_sha256(output_id, item, sha256))

    def born(self, worker: Worker) -> None:
        """A worker that was ordered can be told to run."""
        worker.ready = True
        if worker.ending:
            worker.kill()
        elif worker.job is None:  # its job was dismissed meanwhile
            worker.idle_since = time.monotonic()
            self.dispatch()
        else:
            self._start(worker, worker.job)

    def heard(self, worker: Worker, message: Any) -> None:
        """A worker said something of the job it runs."""
        job = worker.job
        if job is None or worker.ending or message.get("attempt") != job.attempts:
            return
        if "progress" in message:
            percent, text = message["progress"]
            self._ledger.write(lambda: self._note(job, percent, text))
            return
        changes: dict[str, Any]
        if "done" in message:
            changes = {
                "target": JobStatus.SUCCESSFUL,
                "progress": 100,
                "message": "",
                "outputs": load_outputs(message["done"]),
            }
        else:
            failure = load_failure(message["failed"])
            changes = {
                "target": JobStatus.FAILED,
                "failure": failure,
                "message": failure.detail if failure else "",
            }
            self._results.clear(job.id, keep_log=True)
        if message.get("leaving"):
            worker.ending = "retired"
        self._release(worker)
        self._ledger.write(lambda: self._finish(job, **changes))
        self.dispatch()

    def died(self, worker: Worker) -> None:
        """A worker is gone, killed or by itself; what it was doing is decided here."""
        worker.kill_rest()
        self._pool.forget(worker)
        job, worker.job = worker.job, None
        pid = worker.identity.pid if worker.identity is not None else 0
        if job is not None and worker.claimed and worker.ending != "dismissed":
            self._results.keep_log(job.id, pid)
        self._results.spool(pid).unlink(missing_ok=True)
        if job is None:
            return
        self._placed.pop(job.id, None)
        self._results.clear(job.id, keep_log=worker.ending != "dismissed")
        self._ledger.write(lambda: self._after_death(job, worker))
        self.dispatch()

    def tick(self) -> None:
        """Deadlines, SIGKILLs that are due, and writes that failed."""
        now = time.monotonic()
        for worker in list(self._pool.workers):
            if worker.kill_at is not None and now >= worker.kill_at:
                worker.kill()
            if worker.deadline is not None and now >= worker.deadline and not worker.ending:
                worker.begin_end("timed-out")
        self._ledger.retry()
        self.dispatch()

    def renew(self) -> None:
        """Keep the leases of what runs, and take back what nobody renewed."""
        now = datetime.now(UTC)
        running = {w.job.id: w.job for w in self._pool.workers if w.job is not None and w.claimed}
        for job in running.values():
            if not self._store.report(job.id, job.token, lease_until=now + timedelta(seconds=LEASE)):
                self._end_disowned(job)
        for job in self._store.expired(now):
            if job.id not in running:
                self.requeue(job, "its worker was not heard of again")
        self._adopt()

    def _adopt(self) -> None:
        """Take over what waits in the store and is not known here: the table is the queue.

        Another host's engine may have left it there; a database that crashed may have forgotten that it ran; or
        it was accepted, and the answer that told so was lost.
        """
        for job_id in self._store.waiting_ids():
            if not self.holds(job_id):
                with suppress(NoSuchJob, JobUnreadable):
                    job = self._store.get(job_id)
                    self._results.clear(job_id, keep_log=True)
                    self._queue.push(job)
        self.dispatch()

    def requeue(self, job: Job, why: str) -> None:
        """Run a job again whose run ended through no fault of its own."""
        if job.restarts >= MAX_RESTARTS:
            times = job.restarts + 1
            self._fail(
                job, WorkerLost(f"its run was ended from outside {times} times, at last because {why}")
            )
            return
        self._run_again(job, restarts=job.restarts + 1, message=f"waits to run again: {why}")

    def dispatch(self) -> None:
        """Give the next jobs to workers while there are slots."""
        while not self.closing and self._pool.busy < self._limits.slots:
            job = self._queue.pop()
            if job is None:
                break
            worker = self._free_worker(job)
            if worker is None:
                self._placed[job.id] = self._pool.order((job.process_id, job.runtime), job)
            else:
                self._placed[job.id] = worker
                worker.job = job
                self._start(worker, job)
        for worker in self._pool.surplus():
            worker.begin_end("retired")

    def _free_worker(self, job: Job) -> Worker | None:
        """A worker of the job's own that waits, while there is a slot for it."""
        if self.closing or self._pool.busy >= self._limits.slots:
            return None
        return self._pool.idle((job.process_id, job.runtime))

    def _identity(self, worker: Worker) -> WorkerIdentity:
        assert worker.identity is not None
        return replace(worker.identity, host=self._host)

    def _start(self, worker: Worker, job: Job) -> None:
        try:
            claimed = self._store.claim(job.id, self._identity(worker), LEASE)
        except Unavailable as error:
            self._release(worker)
            self._ledger.defer(lambda: self._queue.push(job), error)
            return
        if claimed is None:
            self._release(worker)
            return
        self._give(worker, claimed)

    def _give(self, worker: Worker, claimed: Job) -> None:
        """Have a worker run what has been claimed for it."""
        self._placed[claimed.id] = worker
        worker.job, worker.claimed = claimed, True
        worker.deadline = time.monotonic() + claimed.timeout if claimed.timeout else None
        worker.tell({"run": dump_job(claimed)})
        self._changed(claimed)

    def _release(self, worker: Worker) -> None:
        if worker.job is not None:
            self._placed.pop(worker.job.id, None)
        worker.job, worker.claimed = None, False
        worker.deadline = None
        worker.idle_since = time.monotonic()

    def _dismiss_waiting(self, job_id: str) -> Job | DragomanError:
        try:
            job = self._store.transition(job_id, JobStatus.DISMISSED, message="dismissed before it ran")
        except (NoSuchJob, IllegalTransition, Unavailable) as error:
            return error
        self._queue.discard(job_id)
        worker = self._placed.pop(job_id, None)
        if worker is not None:
            worker.job = None
        self._results.clear(job_id)
        self._changed(job)
        self.dispatch()
        return job

    def _note(self, job: Job, percent: int, text: str) -> None:
        if not self._store.report(job.id, job.token, progress=percent, message=text):
            self._end_disowned(job)  # or it has only fallen

    def _end_disowned(self, job: Job) -> None:
        """End a run whose job is not its own any more: another host's engine has it, or its claim was forgotten."""
        worker = self._placed.get(job.id)
        if worker is None or worker.job is not job or worker.ending:
            return
        try:
            now = self._store.get(job.id)
        except NoSuchJob:
            pass
        else:
            if (now.status, now.token) == (JobStatus.RUNNING, job.token):
                return
        LOGGER.warning(
            "a run is ended: its job is not its own any more", extra={"action": "disown", "job_id": job.id}
        )
        worker.begin_end("disowned")

    def _finish(self, job: Job, target: JobStatus, **changes: Any) -> None:
        try:
            finished = self._move(job, target, **changes)
        except (IllegalTransition, NoSuchJob) as error:
            LOGGER.warning("a late report: %s", error.detail, extra={"action": "finish", "job_id": job.id})
            outcome: Job | DragomanError = error
        else:
            self._changed(finished)
            late = IllegalTransition(f"the job is {target} already")
            outcome = finished if target is JobStatus.DISMISSED else late
        for told in self._dismissing.pop(job.id, []):
            told(outcome)

    def _move(self, job: Job, target: JobStatus, **changes: Any) -> Job:
        """The transition of a run's job. A write that is repeated because its answer was lost finds itself done."""
        try:
            return self._store.transition(job.id, target, token=job.token, **changes)
        except IllegalTransition:
            now = self._store.get(job.id)
            if (now.status, now.token) != (target, job.token):
                raise
            return now

    def _fail(self, job: Job, error: DragomanError) -> None:
        failure = JobFailure(code=error.code, detail=error.detail)
        self._finish(job, JobStatus.FAILED, failure=failure, message=error.detail)

    def _after_death(self, job: Job, worker: Worker) -> None:
        if not worker.claimed:
            self._queue.push(job)
        elif worker.ending == "dismissed":
            self._finish(job, JobStatus.DISMISSED, message="dismissed while it ran")
        elif worker.ending == "timed-out":
            self._fail(job, TimedOut(f"the job ran longer than its timeout of {job.timeout:g} s"))
        elif worker.ending == "disowned":
            for told in self._dismissing.pop(job.id, []):  # whoever it belongs to now
                self.dismiss(job.id, told)
        elif worker.ending:
            self.requeue(job, "the server was stopped")
        else:
            self._lost(job, worker)

    def _lost(self, job: Job, worker: Worker) -> None:
        code = worker.process.exitcode if worker.process is not None else None
        if code == -signal.SIGTERM:  # somebody stops everything, as systemd does: no fault of the job's
            self.requeue(job, "its worker was told to stop")
            return
        if worker.orphaned():
            self.requeue(job, "the process that workers are forked from died")
            return
        how = f"was killed by signal {-code}" if code and code < 0 else f"ended with exit code {code}"
        runs = job.attempts - job.restarts
        LOGGER.warning("a worker %s", how, extra={"action": "worker-lost", "job_id": job.id})
        if runs >= self._limits.max_attempts:
            self._fail(
                job, WorkerLost(f"the worker process {how} in run {runs} of {self._limits.max_attempts}")
            )
            return
        self._run_again(
            job, message=f"waits to run again: its worker {how} in run {runs} of {self._limits.max_attempts}"
        )

    def _run_again(self, job: Job, **changes: Any) -> None:
        changes |= {"progress": 0, "lease_until": None}
        try:
            again = self._move(job, JobStatus.ACCEPTED, **changes)
        except (IllegalTransition, NoSuchJob) as error:  # it was dismissed while the store was away, say
            LOGGER.warning("not run again: %s", error.detail, extra={"action": "requeue", "job_id": job.id})
            return
        self._results.clear(job.id, keep_log=True)  # what its last run may have left
        self._queue.push(again)
