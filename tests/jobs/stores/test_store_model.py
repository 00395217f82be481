"""The store against a dict: whatever is done, in whatever order, both say the same."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)
from jobmaking import ALICE, BOB, WORKER, make_job
from memoryresults import MemoryResults
from storekit import Database

from dragoman.errors import IdempotencyConflict, IllegalTransition, NoSuchJob, QueueFull
from dragoman.jobs.engine.housekeeping import expire
from dragoman.jobs.stores import open_store
from dragoman.model.job import Job, JobQuery
from dragoman.model.job_event import EventKind
from dragoman.model.status import TRANSITIONS, JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

EFFORT = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
LIMIT = 6
PROCESSES = ("echo", "ndvi")
OWNERS = (None, "alice", "bob")


def _subsets[T](values: Sequence[T]) -> list[tuple[T, ...]]:
    return [each for size in range(len(values) + 1) for each in itertools.combinations(values, size)]


FILTERS = [
    JobQuery(owner=owner, process_ids=process_ids, statuses=statuses)
    for owner in OWNERS
    for process_ids in _subsets(PROCESSES)
    for statuses in _subsets(list(JobStatus))
]
"""Every combination of what the tally is kept by."""


class StoreMachine(RuleBasedStateMachine):
    """Does the same to a store and to a dict in the order of acceptance."""

    jobs: Bundle[str] = Bundle("jobs")
    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="dragoman-model-"))
        url = self.url or f"sqlite:///{self.folder}/jobs.db"
        self.database = Database(url=url)
        self.database.clear()
        self.store = open_store(url)
        self.model: dict[str, Job] = {}
        self.tokens: list[str] = []
        self.history: dict[str, list[tuple[int, EventKind]]] = {}

    def teardown(self) -> None:
        try:
            self.every_filter_counts_what_matches()
        finally:
            self._close()

    def _close(self) -> None:
        self.store.close()
        self.database.close()
        shutil.rmtree(self.folder)

    @rule(
        target=jobs,
        key=strategies.sampled_from([None, None, "k1", "k2"]),
        fingerprint=strategies.sampled_from(["f", "g"]),
        principal=strategies.sampled_from([ALICE, BOB]),
        process_id=strategies.sampled_from(PROCESSES),
        status=strategies.sampled_from([JobStatus.CREATED, JobStatus.ACCEPTED, JobStatus.ACCEPTED]),
        mode=strategies.sampled_from(["sync", "async"]),
        priority=strategies.integers(-1, 1),
    )
    def add(self, **fields: Any) -> str:
        fields["idempotency_key"] = fields.pop("key")
        job = make_job(**fields)
        first = self._same_key(job)
        waiting = sum(each.status is JobStatus.ACCEPTED for each in self.model.values())
        try:
            added = self.store.add(job, queue_limit=LIMIT)
        except IdempotencyConflict:
            assert first is not None
            assert first.fingerprint != job.fingerprint
            return first.id
        except QueueFull:
            assert first is None
            assert waiting >= LIMIT
            return next(iter(self.model))
        if first is not None:
            assert first.fingerprint == job.fingerprint
        assert added == (first or job)
        if added.id not in self.model:
            self.model[added.id] = added
            self._happened(added.id, EventKind(str(added.status)))
        return added.id

    def _another_token(self, job: Job | None) -> str:
        """An earlier one, of this job or of another, if there has been any."""
        others = [token for token in self.tokens if job is None or token != job.token]
        return others[-1] if others else "another"

    def _happened(self, job_id: str, kind: EventKind) -> None:
        self.history.setdefault(job_id, []).append((self.model[job_id].attempts, kind))

    def _same_key(self, job: Job) -> Job | None:
        same = [
            each
            for each in self.model.values()
            if job.idempotency_key is not None
            and (each.principal, each.process_id, each.idempotency_key)
            == (job.principal, job.process_id, job.idempotency_key)
        ]
        return same[0] if same else None

    @rule(job_id=jobs, lease=strategies.sampled_from([-60.0, 3600.0]))
    def claim(self, job_id: str, lease: float) -> None:
        claimed = self.store.claim(job_id, WORKER, lease)
        job = self.model.get(job_id)
        if job is None or job.status is not JobStatus.ACCEPTED:
            assert claimed is None
            return
        assert claimed is not None
        times = {"started": claimed.started, "updated": claimed.updated, "lease_until": claimed.lease_until}
        self.model[job_id] = job.evolve(
            status=JobStatus.RUNNING,
            attempts=job.attempts + 1,
            progress=0,
            message="",
            worker=WORKER,
            token=claimed.token,
            **times,
        )
        assert claimed.token not in self.tokens
        self.tokens.append(claimed.token)
        self._happened(job_id, EventKind.RUNNING)

    @rule(
        job_id=jobs,
        goal=strategies.sampled_from(list(JobStatus)),
        fence=strategies.sampled_from(["none", "present", "another"]),
        message=strategies.text(max_size=5, alphabet=strategies.characters(exclude_categories=["Cs"])).filter(
            lambda text: "\0" not in text
        ),
    )
    def transition(self, job_id: str, goal: JobStatus, fence: str, message: str) -> None:
        """``fence``: whose token the writer has."""
        job = self.model.get(job_id)
        tokens = {"none": None, "present": job.token if job else "", "another": self._another_token(job)}
        try:
            moved = self.store.transition(job_id, goal, token=tokens[fence], message=message)
        except NoSuchJob:
            assert job is None
            return
        except IllegalTransition:
            assert job is not None
            assert fence == "another" or goal not in TRANSITIONS[job.status]
            return
        assert job is not None
        assert fence != "another"
        assert goal in TRANSITIONS[job.status]
        ended = {"finished": moved.finished, "lease_until": None} if goal.finished else {}
        self.model[job_id] = job.evolve(status=goal, message=message, updated=moved.updated, **ended)
        again = (job.status, goal) == (JobStatus.RUNNING, JobStatus.ACCEPTED)
        self._happened(job_id, EventKind.REQUEUED if again else EventKind(str(goal)))

    @rule(job_id=jobs, progress=strategies.integers(0, 100), late=strategies.booleans())
    def report(self, job_id: str, progress: int, late: bool) -> None:
        job = self.model.get(job_id)
        token = self._another_token(job) if late else job.token if job else ""
        written = self.store.report(job_id, token, progress=progress)
        runs = job is not None and job.status is JobStatus.RUNNING
        assert written == (runs and not late and job is not None and job.progress <= progress)
        if written and job is not None:
            updated = self.store.get(job_id).updated
            assert updated >= job.updated
            self.model[job_id] = job.evolve(progress=progress, updated=updated)

    @rule(job_id=consumes(jobs))
    def remove(self, job_id: str) -> None:
        job = self.model.get(job_id)
        try:
            self.store.remove(job_id)
        except NoSuchJob:
            assert job is None
        except IllegalTransition:
            assert job is not None
            assert not job.status.finished
        else:
            assert job is not None
            assert job.status.finished
            del self.model[job_id]
            del self.history[job_id]

    @rule()
    def expire(self) -> None:
        """Housekeeping removes whatever has finished."""
        finished = [job.id for job in self.model.values() if job.status.finished]
        assert expire(self.store, MemoryResults(), keep=-60) == len(finished)
        for job_id in finished:
            del self.model[job_id]
            del self.history[job_id]

    @rule(
        query=strategies.sampled_from(FILTERS),
        dialect=strategies.sampled_from([None, None, "ogc", "pesto"]),
        limit=strategies.integers(0, 3),
        offset=strategies.integers(0, 3),
    )
    def find(self, query: JobQuery, dialect: str | None, limit: int, offset: int) -> None:
        found = self.store.find(replace(query, dialect=dialect, limit=limit, offset=offset))
        matching = [job for job in reversed(self.model.values()) if _matches(job, query)]
        matching = matching if dialect in (None, "ogc") else []
        assert found.matched == len(matching)
        assert list(found.jobs) == matching[offset : offset + limit]

    def every_filter_counts_what_matches(self) -> None:
        """At the end of each run; after every step it would take too long."""
        for query in FILTERS:
            matching = sum(_matches(job, query) for job in self.model.values())
            assert self.store.find(replace(query, limit=0)).matched == matching

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = open_store(str(self.database.url))

    @invariant()
    def every_job_is_the_same(self) -> None:
        listed = self.store.find(JobQuery(limit=1000))
        newest_first = list(reversed(self.model.values()))
        assert list(listed.jobs) == newest_first  # none of them has a request
        assert listed.matched == len(self.model)
        for job in newest_first[:3]:
            assert self.store.get(job.id) == job
            assert [(each.attempt, each.kind) for each in self.store.events(job.id)] == self.history[job.id]

    @invariant()
    def counts_queue_and_leases_are_the_same(self) -> None:
        jobs = list(self.model.values())
        assert self.store.counts() == {s: sum(job.status is s for job in jobs) for s in JobStatus}
        waiting = [job for job in jobs if job.status is JobStatus.ACCEPTED]
        assert self.store.waiting() == waiting
        now = datetime.now(UTC) + timedelta(seconds=1)
        expired = [j for j in jobs if j.status is JobStatus.RUNNING and j.lease_until and j.lease_until < now]
        assert sorted(job.id for job in self.store.expired(now)) == sorted(job.id for job in expired)


def _matches(job: Job, query: JobQuery) -> bool:
    return (
        query.owner in (None, job.principal.id)
        and (not query.process_ids or job.process_id in query.process_ids)
        and (not query.statuses or job.status in query.statuses)
    )


def test_sqlite_agrees_with_a_dict() -> None:
    run_state_machine_as_test(
        StoreMachine, settings=settings(EFFORT, max_examples=20, stateful_step_count=30)
    )


def test_postgresql_agrees_with_a_dict(postgresql_url: str) -> None:
    class PostgresqlMachine(StoreMachine):
        url = postgresql_url

    run_state_machine_as_test(
        PostgresqlMachine, settings=settings(EFFORT, max_examples=6, stateful_step_count=25)
    )
