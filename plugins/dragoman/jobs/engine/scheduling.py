"""Schedules jobs onto workers: accepts, queues, starts, dismisses and adopts them. No sockets, one thread.

What becomes of a job whose run ended without a report is decided in ``policy`` and written in ``outcomes``. A write
that fails (a full disk, a database that is away) is kept and tried again at each tick, so that what a worker has
finished is not lost with it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from dragoman.errors import DragomanError, IllegalTransition, NoSuchJob, Unavailable
from dragoman.jobs.engine.counters import EngineCounters
from dragoman.jobs.engine.leases import LEASE, Leases
from dragoman.jobs.engine.messages import ORDERS, Failed, Opening, Progress, Run, load_report
from dragoman.jobs.engine.outcomes import OnDismissed, Outcomes
from dragoman.jobs.engine.pending_writes import PendingWrites
from dragoman.jobs.engine.policy import describe, interrupted, outcome_of_death
from dragoman.jobs.engine.queue import JobQueue
from dragoman.jobs.engine.slots import Slots
from dragoman.jobs.engine.state import worker_state
from dragoman.jobs.engine.versions import Versions
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dragoman.jobs.engine.job_workers import JobPool, JobWorker
    from dragoman.jobs.engine.messages import Report
    from dragoman.jobs.engine.run_files import RunFiles
    from dragoman.jobs.engine_figures import EngineFigures
    from dragoman.jobs.engine_settings import EngineLimits
    from dragoman.jobs.ports import JobStore
    from dragoman.model.job import Job
    from dragoman.model.worker import WorkerIdentity

LOGGER = logging.getLogger(__name__)


class Scheduler:
    """Takes jobs and has workers run them; the owner of the jobs' pool (see ``workers.watch.Owner``)."""

    def __init__(
        self,
        *,
        store: JobStore,
        results: RunFiles,
        pool: JobPool,
        limits: EngineLimits,
        changed: Callable[[Job], None],
        host: str = "",
        counters: EngineCounters | None = None,
    ) -> None:
        self._store = store
        self._results = results
        self._pool = pool
        self._limits = limits
        self._slots = Slots(pool, limits)
        self._changed = changed
        """Called with every job that has begun to run or has finished."""
        self._host = host
        """The id of this host, by which it knows its own runs after a restart."""
        self._counters = counters or EngineCounters()
        self._queue = JobQueue()
        self._versions = Versions(pool)
        self._assigned: dict[str, JobWorker] = {}
        """Jobs that have a worker, born or not."""
        self._outcomes = Outcomes(
            store=store, results=results, changed=changed, enqueue=self._enqueue, redirect=self.dismiss
        )
        self._writes = PendingWrites()
        self._leases = Leases(
            store=store,
            results=results,
            pool=pool,
            holds=self.holds,
            enqueue=self._enqueue,
            requeue=self.requeue,
        )
        self.closing = False
        """Set at the end: nothing new is started."""

    def load(self) -> None:
        """Take over everything that waits in the store."""
        for job in self._store.waiting():
            self._queue.push(job)
        self.dispatch()

    def accept(self, job: Job) -> Job:
        """See Executor.submit."""
        self._versions.accepted(job)
        worker = None if self._queue or not self._slots.may_start(job) else self._free_worker(job)
        if worker is not None:
            return self._accept_running(job, worker)
        full = len(self._queue) >= self._limits.queue_limit
        accepted = self._store.add(job, queue_limit=0 if full else None)  # a repetition is let through
        if accepted.id == job.id:
            self._queue.push(accepted)  # the next tick, which follows at once, gives it to a worker
        return accepted

    def _accept_running(self, job: Job, worker: JobWorker) -> Job:
        """A worker is waiting for it: one write makes the row and claims it."""
        running = job.claimed_by(self._identity(worker), datetime.now(UTC), LEASE)
        accepted = self._store.add(running)
        if accepted.id == job.id:
            self._give(worker, running)
        return accepted

    def enqueue(self, job: Job) -> None:
        """Take a job that somebody else has put together and accepted in the store; the next tick starts it.

        It is due by the time at which it was accepted: while it was put together it waited for nobody.
        """
        self._versions.accepted(job)
        self._queue.push(job.evolve(created=job.updated))

    def holds(self, job_id: str) -> bool:
        """Whether the job waits or runs here, so that ``changed`` will be called with its end."""
        return job_id in self._queue or job_id in self._assigned

    def dismiss(self, job_id: str, on_dismissed: OnDismissed) -> None:
        """Stop a job; ``on_dismissed`` gets it once nothing of it is left, or the reason why that cannot be."""
        worker = self._assigned.get(job_id)
        if worker is None or not worker.begun:
            on_dismissed(self._dismiss_waiting(job_id))
            return
        self._outcomes.await_dismissal(job_id, on_dismissed)
        worker.begin_end("dismissed")

    def figures(self) -> EngineFigures:
        """What there is to tell in numbers."""
        oldest = self._queue.oldest()
        busy = self._pool.busy
        return self._counters.figures(
            queued=len(self._queue),
            oldest=max(0.0, (datetime.now(UTC) - oldest).total_seconds()) if oldest is not None else 0.0,
            busy=busy,
            idle=len(self._pool.workers) - busy,
        )

    def state(self) -> Mapping[str, Any]:
        """What waits, and what each worker is about, as JSON."""
        return {
            "queue": self._queue.ids(),
            "assigned": {job_id: worker.pid for job_id, worker in self._assigned.items()},
            "workers": [worker_state(worker) for worker in self._pool.workers],
            "busy": self._pool.busy,
            "slots": self._limits.slots,
            "writes that wait": len(self._writes),
            "closing": self.closing,
        }

    def born(self, worker: JobWorker) -> None:
        """A worker that was ordered is ready to run its job."""
        self._counters.worker_started()
        if worker.task is None:  # its job was dismissed meanwhile
            worker.release()
            self.dispatch()
        else:
            self._start(worker, worker.task)

    def heard(self, worker: JobWorker, message: Any) -> None:
        """A worker has reported on the job it runs; one that sends what no worker of ours does is killed."""
        try:
            report = load_report(message)
        except ValueError as error:
            LOGGER.warning("a worker is broken: %s", error, extra={"action": "worker-broken"})
            worker.kill()
            return
        self._reported(worker, report)

    def _reported(self, worker: JobWorker, report: Report) -> None:
        job = worker.task
        if job is None or worker.ending or report.attempt != job.attempts:
            return
        if isinstance(report, Progress):
            self._writes.write(lambda: self._note(job, report))
            return
        if isinstance(report, Opening):
            self._opening(worker, report.input_id)
            return
        self._counters.fetched(report.fetched)
        if isinstance(report, Failed):
            self._results.clear(job.id, keep_log=True)
        if report.leaving:
            worker.ending = "retired"
        self._release(worker)
        self._writes.write(lambda: self._outcomes.ended(job, report))
        self.dispatch()

    def _opening(self, worker: JobWorker, input_id: str) -> None:
        if input_id:
            worker.begin_step(input_id, self._limits.opening_timeout)
        else:
            worker.end_step()

    def died(self, worker: JobWorker) -> None:
        """A worker process has ended: keep its log, free its slot, and decide what becomes of its job."""
        worker.kill_rest()
        death, begun = worker.death(), worker.begun  # before its connection is closed
        self._pool.forget(worker)
        self._counters.worker_ended(death.ending)
        job, worker.task = worker.task, None
        pid = worker.identity.pid if worker.identity is not None else 0
        if job is not None and begun and worker.ending != "dismissed":
            self._results.keep_log(job.id, pid)
        self._results.discard_worker(pid)
        if job is None:
            return
        self._assigned.pop(job.id, None)
        self._results.clear(job.id, keep_log=worker.ending != "dismissed")
        outcome = outcome_of_death(job, death, begun=begun, max_attempts=self._limits.max_attempts)
        if begun and not death.ending:
            LOGGER.warning("a worker %s", describe(death), extra={"action": "worker-lost", "job_id": job.id})
        self._writes.write(lambda: self._outcomes.apply(job, outcome))
        self.dispatch()

    def tick(self) -> None:
        """Deadlines, SIGKILLs that are due, and writes that failed."""
        self._pool.tick()
        self._writes.retry()
        self.dispatch()

    def renew(self) -> None:
        """Keep the leases of what runs, and take back what nobody renewed; see ``Leases``."""
        self._leases.renew()
        self.dispatch()

    def requeue(self, job: Job, why: str) -> None:
        """Run a job again whose run ended through no fault of its own."""
        self._outcomes.apply(job, interrupted(job, why))

    def dispatch(self) -> None:
        """Give the next jobs to workers while there are slots."""
        short = False
        while self._queue and not self.closing and self._slots.any_free():
            job = self._queue.first(partial(self._may_start, short=short))
            if job is None:
                break
            short = not self._assign(job) or short
        self._pool.retire()

    def _may_start(self, job: Job, *, short: bool) -> bool:
        """Whether there is a slot for it; and, where no worker can be had now, an idle worker."""
        return self._slots.may_start(job) and not (short and self._free_worker(job) is None)

    def _assign(self, job: Job) -> bool:
        """Give the first job of the queue to a worker; False where none can be had now: it waits there still."""
        worker = self._free_worker(job)
        if worker is not None:
            self._queue.take(job)
            self._assigned[job.id] = worker
            worker.task = job
            self._start(worker, job)
            return True
        worker = self._pool.order((job.process_id, job.runtime), job)
        if worker is None:
            return False
        self._queue.take(job)
        self._assigned[job.id] = worker
        self._versions.born(worker)
        return True

    def _free_worker(self, job: Job) -> JobWorker | None:
        """An idle worker of the job's process, if there is one, and a free slot."""
        if self.closing or not self._slots.any_free():
            return None
        return self._pool.idle((job.process_id, job.runtime))

    def _identity(self, worker: JobWorker) -> WorkerIdentity:
        assert worker.identity is not None
        return replace(worker.identity, host=self._host)

    def _start(self, worker: JobWorker, job: Job) -> None:
        try:
            claimed = self._store.claim(job.id, self._identity(worker), LEASE)
        except Unavailable as error:
            self._release(worker)
            self._writes.defer(lambda: self._enqueue(job), error)
            return
        if claimed is None:
            self._release(worker)
            return
        self._give(worker, claimed)

    def _give(self, worker: JobWorker, claimed: Job) -> None:
        """Have a worker run what has been claimed for it."""
        self._assigned[claimed.id] = worker
        order = Run(id=claimed.id, attempts=claimed.attempts, request=claimed.request)
        worker.begin(claimed, ORDERS.dump(order), claimed.timeout)
        self._changed(claimed)

    def _enqueue(self, job: Job) -> None:
        """Have a job wait; not one that has a worker: it was adopted while the write that says so was tried again."""
        if job.id not in self._assigned:
            self._queue.push(job)

    def _release(self, worker: JobWorker) -> None:
        if worker.task is not None:
            self._assigned.pop(worker.task.id, None)
        worker.release()

    def _dismiss_waiting(self, job_id: str) -> Job | DragomanError:
        try:
            job = self._store.transition(job_id, JobStatus.DISMISSED, message="dismissed before it ran")
        except (NoSuchJob, IllegalTransition, Unavailable) as error:
            return error
        self._queue.discard(job_id)
        worker = self._assigned.pop(job_id, None)
        if worker is not None:
            worker.task = None
        self._results.clear(job_id)
        self._changed(job)
        self.dispatch()
        return job

    def _note(self, job: Job, report: Progress) -> None:
        if not self._outcomes.note(job, report):
            self._leases.end_disowned(job)  # or it has only fallen
