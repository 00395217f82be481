"""Every accepted job ends: the scheduler against workers that die, freeze and are born late, and a store that fails.

A hypothesis machine does to it what a bad day does, in any order; then the day ends well (the store is back, what was
frozen goes on, what is born is born, leases run out), and no job may be left, no slot taken, no dismissed job running.
"""

from __future__ import annotations

import itertools
import signal
import socket
import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakepool import FakePool, FakeWorker, FlakyStore, bear
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from jobmaking import ALICE, BOB, RUNTIME, make_job
from memoryresults import MemoryResults

from dragoman.errors import DragomanError, Unavailable
from dragoman.jobs.engine.messages import REPORTS, Done, Failed, Progress
from dragoman.jobs.engine.recovery import recover
from dragoman.jobs.engine.run_files import RunFiles
from dragoman.jobs.engine.scheduling import Scheduler
from dragoman.jobs.engine_settings import EngineLimits
from dragoman.model.job import Job, JobFailure
from dragoman.workers.worker import UNKNOWN_EXIT

if TYPE_CHECKING:
    from dragoman.jobs.engine.job_workers import Key
    from dragoman.model.worker import WorkerIdentity

SHARED_MEMORY = Path("/dev/shm")
HOST = "0b3c7b1e-0000-4000-8000-000000000001"
RUNTIMES = (RUNTIME, replace(RUNTIME, digest="d2"))
LIMITS = EngineLimits(slots=3, queue_limit=20, max_attempts=3, sync_slots=1, max_parallel={"p0": 1})
LONG = 60
"""Ticks, births and ends after which every job must have come to its own, however they fell."""


class MuteStore(FlakyStore):
    """While it is mute no write can say that it was done: claims, reports and acceptance neither."""

    def add(self, job: Job, *, queue_limit: int | None = None) -> Job:
        added = super().add(job, queue_limit=queue_limit)
        self._say()
        return added

    def claim(self, job_id: str, worker: WorkerIdentity, lease: float) -> Job | None:
        claimed = super().claim(job_id, worker, lease)
        self._say()
        return claimed

    def report(self, job_id: str, token: str, **changes: Any) -> bool:
        reported = super().report(job_id, token, **changes)
        self._say()
        return reported

    def _say(self) -> None:
        if self.mute:
            raise Unavailable("the job store cannot be used: Test")


@dataclass(eq=False, kw_only=True)
class ModelWorker(FakeWorker):
    """A worker whose process dies when it is told to, unless it has not been born yet."""

    @property
    def doomed(self) -> bool:
        """Whether a signal has come that ends it."""
        return "TERM" in self.signals or "KILL" in self.signals


class ModelPool(FakePool):
    """The real accounting of slots, over workers of the model."""

    def order(self, key: Key, task: Job) -> ModelWorker | None:
        if self.short:
            return None
        ours, theirs = socket.socketpair()
        worker = ModelWorker(key=key, socket=ours, other_end=theirs, task=task)
        self.workers.add(worker)
        self.ordered.append(worker)
        return worker


class SchedulerMachine(RuleBasedStateMachine):
    """One engine after the other on one store."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None)
        self.home = Path(self.folder.name)
        self.store = MuteStore(f"sqlite:///{self.home}/jobs.db")
        self.numbers = itertools.count(1)
        self.accepted: list[str] = []
        self.dismissed: set[str] = set()
        self.unanswered: set[int] = set()
        """Dismissals that have not been answered."""
        self.begin()

    def begin(self) -> None:
        """A new engine, that takes over what the one before left."""
        self.pool = ModelPool(warm=2)
        self.files = RunFiles(self.home, MemoryResults())
        self.engine = Scheduler(
            store=self.store,
            results=self.files,
            pool=self.pool,
            limits=LIMITS,
            changed=lambda _job: None,
            host=HOST,
        )
        recover(self.store, self.files, self.engine, f"no such home {self.home}", host=HOST)
        self.engine.load()

    def workers(self, **wanted: bool) -> list[ModelWorker]:
        """Those that are there, in the order in which they were ordered."""
        found = [worker for worker in self.pool.ordered if worker in self.pool.workers]
        return [
            w
            for w in found
            if isinstance(w, ModelWorker) and all(getattr(w, k) == v for k, v in wanted.items())
        ]

    def pick(self, workers: list[ModelWorker], number: int) -> ModelWorker | None:
        return workers[number % len(workers)] if workers else None

    # -- what clients do -----------------------------------------------------------------------------------

    @rule(
        process=strategies.sampled_from(("p0", "p1")),
        mode=strategies.sampled_from(("sync", "async")),
        runtime=strategies.sampled_from(RUNTIMES),
        owner=strategies.sampled_from((ALICE, BOB)),
    )
    def accept(self, process: str, mode: Any, runtime: Any, owner: Any) -> None:
        job = make_job(process_id=process, mode=mode, runtime=runtime, principal=owner)
        with suppress(DragomanError):
            self.accepted.append(self.engine.accept(job).id)

    @rule(number=strategies.integers(0, 50))
    def dismiss(self, number: int) -> None:
        if self.accepted:
            job_id = self.accepted[number % len(self.accepted)]

            question = next(self.numbers)
            self.unanswered.add(question)

            def told(outcome: Job | DragomanError) -> None:
                self.unanswered.discard(question)
                if isinstance(outcome, Job):
                    self.dismissed.add(job_id)

            self.engine.dismiss(job_id, told)

    # -- what happens in the engine ------------------------------------------------------------------------

    @rule()
    def tick(self) -> None:
        with suppress(Unavailable):
            self.engine.tick()

    @rule()
    def half_a_minute(self) -> None:
        """Leases are renewed; those that nobody renewed run out."""
        before = self.leases()
        try:
            self.engine.renew()
            with closing(self.database()) as database:
                for job_id, lease in self.leases().items():
                    if lease == before.get(job_id):
                        database.execute("UPDATE dragoman_jobs SET lease_until = 1 WHERE id = ?", (job_id,))
            self.engine.renew()
        except Unavailable:
            pass

    def leases(self) -> dict[str, int]:
        with closing(self.database()) as database:
            return dict(
                database.execute("SELECT id, lease_until FROM dragoman_jobs WHERE status = 'running'")
            )

    def database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.home / "jobs.db", timeout=60, isolation_level=None)

    @precondition(lambda self: not self.store.away)
    @rule()
    def engine_dies(self) -> None:
        self.store.mute = False
        self.unanswered.clear()
        self.pool.close()
        self.begin()

    # -- what happens to the store -------------------------------------------------------------------------

    @rule(away=strategies.booleans())
    def store_goes_or_comes(self, away: bool) -> None:
        self.store.away = away

    @rule(mute=strategies.booleans())
    def answers_of_writes_are_lost(self, mute: bool) -> None:
        self.store.mute = mute

    @rule(number=strategies.integers(0, 50))
    def store_forgets_a_claim(self, number: int) -> None:
        """PostgreSQL crashed: a claim was not synchronised."""
        running = sorted(self.leases())
        if running:
            with closing(self.database()) as database:
                database.execute(
                    "UPDATE dragoman_jobs SET status = 'accepted', token = NULL, lease_until = NULL,"
                    " attempts = attempts - 1 WHERE id = ?",
                    (running[number % len(running)],),
                )

    @rule(short=strategies.booleans())
    def descriptors_are_short_or_there(self, short: bool) -> None:
        self.pool.short = short

    # -- what happens to workers ---------------------------------------------------------------------------

    @rule(number=strategies.integers(0, 10))
    def birth(self, number: int) -> None:
        worker = self.pick(self.workers(ready=False), number)
        if worker is not None:
            self.is_born(worker)

    def is_born(self, worker: ModelWorker) -> None:
        bear(worker, next(self.numbers))
        worker.ready = True
        if worker.ending:
            worker.kill()
        else:
            self.engine.born(worker)

    @rule(number=strategies.integers(0, 10))
    def freeze_or_go_on(self, number: int) -> None:
        worker = self.pick(self.workers(ready=True), number)
        if worker is not None:
            worker.frozen = not worker.frozen

    @rule(
        number=strategies.integers(0, 10),
        how=strategies.sampled_from(("progress", "done", "leaving", "failed")),
    )
    def report(self, number: int, how: str) -> None:
        able = [w for w in self.workers(ready=True, begun=True, frozen=False) if not w.doomed]
        worker = self.pick(able, number)
        if worker is not None:
            self.reports(worker, how)

    def reports(self, worker: ModelWorker, how: str) -> None:
        attempt = worker.told[-1]["attempts"]
        message: Any = Progress(attempt=attempt, percent=50, message="half")
        if how in ("done", "leaving"):
            message = Done(attempt=attempt, outputs={}, leaving=how == "leaving")
        elif how == "failed":
            message = Failed(attempt=attempt, failure=JobFailure(code="execution-failed", detail="no"))
        self.engine.heard(worker, REPORTS.dump(message))

    @rule(
        number=strategies.integers(0, 10),
        code=strategies.sampled_from((0, 1, -signal.SIGKILL, -signal.SIGTERM, UNKNOWN_EXIT)),
        unread=strategies.booleans(),
    )
    def death(self, number: int, code: int, unread: bool) -> None:
        worker = self.pick(self.workers(ready=True), number)
        if worker is not None:
            self.dies(worker, code, unread=unread)

    def dies(self, worker: ModelWorker, code: int, *, unread: bool = False) -> None:
        assert worker.process is not None
        worker.process.exitcode = code  # type: ignore[misc]  # a fake one
        worker.other_end.close()
        worker.unread = unread
        self.engine.died(worker)

    # -- what must be so -----------------------------------------------------------------------------------

    @invariant()
    def no_more_work_than_there_are_slots(self) -> None:
        assert self.pool.busy <= LIMITS.slots
        tasks = [w.task for w in self.workers() if w.task is not None]
        assert sum(task.process_id == "p0" for task in tasks) <= 1
        assert sum(task.mode != "sync" for task in tasks) <= 2

    @invariant()
    def what_is_dismissed_does_not_run(self) -> None:
        running = [w for w in self.workers(begun=True) if w.task is not None and not w.ending]
        assert not self.dismissed & {w.task.id for w in running if w.task is not None}

    def teardown(self) -> None:
        try:
            self.the_day_ends_well()
        finally:
            self.pool.close()
            self.store.close()
            self.folder.cleanup()

    def the_day_ends_well(self) -> None:
        self.store.away = self.store.mute = self.pool.short = False
        for _ in range(LONG):
            if not self.unfinished() and not self.pool.busy:
                break
            self.engine.tick()
            for worker in self.workers(ready=False):
                self.is_born(worker)
            for worker in self.workers(ready=True):
                if worker.doomed or worker.ending:
                    self.dies(worker, -signal.SIGKILL)
                elif worker.begun and not worker.frozen:
                    self.reports(worker, "done")
            self.half_a_minute()
        assert not self.unfinished(), self.engine.state()
        self.engine.tick()
        assert (self.pool.busy, self.engine.state()["assigned"]) == (0, {})
        assert not self.unanswered

    def unfinished(self) -> list[Job]:
        """Jobs of the store that have not ended, whether their acceptance was told or not."""
        jobs = [
            self.store.get(job_id) for job_id in {*self.accepted, *self.leases(), *self.store.waiting_ids()}
        ]
        return [job for job in jobs if not job.status.finished]


def test_every_job_ends() -> None:
    effort = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
    run_state_machine_as_test(
        SchedulerMachine, settings=settings(effort, max_examples=60, stateful_step_count=40)
    )
