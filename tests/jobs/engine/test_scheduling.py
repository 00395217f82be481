"""The engine's decisions, with workers that are born, speak and die when the test says so."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from fakepool import FakePool, FakeWorker, FlakyStore, bear
from jobmaking import RUNTIME, WORKER, make_job
from mapmaking import make_service
from memoryresults import MemoryResults
from resultkit import anything_of, append_log, has_file, log_of, publish

from dragoman.errors import (
    DragomanError,
    IdempotencyConflict,
    IllegalTransition,
    NoSuchJob,
    QueueFull,
    Unavailable,
)
from dragoman.jobs.engine.leases import DEAF
from dragoman.jobs.engine.messages import REPORTS, Done, Failed, Opening, Progress
from dragoman.jobs.engine.policy import MAX_RESTARTS
from dragoman.jobs.engine.recovery import recover
from dragoman.jobs.engine.removal import remove, remove_output
from dragoman.jobs.engine.run_files import RunFiles
from dragoman.jobs.engine.scheduling import Scheduler
from dragoman.jobs.engine_settings import EngineLimits
from dragoman.maps.service_files import data_file
from dragoman.model.job import Job, JobFailure, Output
from dragoman.model.status import JobStatus
from dragoman.workers import process_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragoman.jobs.engine.messages import Report
    from dragoman.model.worker import WorkerIdentity

HOST = "0b3c7b1e-0000-4000-8000-000000000001"
OTHER = dataclasses.replace(RUNTIME, digest="d2")


class Rig:
    """An engine on a real store and real folders, with a fake pool."""

    def __init__(
        self, home: Path, slots: int = 1, warm: int = 2, queue_limit: int = 100, **limits: Any
    ) -> None:
        self.home = home
        self.store = FlakyStore(f"sqlite:///{home}/jobs.db")
        self.results = MemoryResults()
        self.files = RunFiles(home, self.results)
        self.pool = FakePool(warm=warm)
        self.changes: list[tuple[str, JobStatus]] = []
        self.engine = Scheduler(
            store=self.store,
            results=self.files,
            pool=self.pool,
            limits=EngineLimits(slots=slots, queue_limit=queue_limit, max_attempts=3, **limits),
            changed=lambda job: self.changes.append((job.id, job.status)),
            host=HOST,
        )

    def close(self) -> None:
        self.pool.close()
        self.store.close()

    def accept(self, **changes: Any) -> Job:
        """Submit a job, and let the engine have its tick."""
        job = self.engine.accept(make_job(**changes))
        self.engine.tick()
        return job

    def born(self, worker: FakeWorker) -> None:
        """The worker's birth: process, identity, then the announcement."""
        bear(worker, len(self.pool.ordered))
        self.announce(worker)

    def announce(self, worker: FakeWorker) -> None:
        worker.ready = True
        self.engine.born(worker)

    def run(self, **changes: Any) -> tuple[Job, FakeWorker]:
        """A running job and its worker."""
        job = self.accept(**changes)
        worker = self.worker_of(job)
        if not worker.begun:
            self.born(worker)
        assert self.job(job).status is JobStatus.RUNNING
        return self.job(job), worker

    def worker_of(self, job: Job) -> FakeWorker:
        (worker,) = [w for w in self.pool.workers if w.task is not None and w.task.id == job.id]
        assert isinstance(worker, FakeWorker)
        return worker

    def job(self, job: Job) -> Job:
        return self.store.get(job.id)

    def reports(self, worker: FakeWorker, report: Report) -> None:
        self.engine.heard(worker, REPORTS.dump(report))

    def done(self, worker: FakeWorker, attempt: int | None = None) -> None:
        outputs = {"a": Output(id="a", media_type="application/json", value=1)}
        number = attempt if attempt is not None else (worker.task.attempts if worker.task else 0)
        self.reports(worker, Done(attempt=number, outputs=outputs))

    def done_by(self, job: Job) -> None:
        """The job is run to its end by a new worker."""
        worker = self.worker_of(job)
        self.born(worker)
        self.done(worker)

    def dies(self, worker: FakeWorker, exitcode: int = -signal.SIGKILL) -> None:
        assert worker.process is not None
        worker.process.exitcode = exitcode  # type: ignore[misc]  # a fake one
        self.engine.died(worker)

    def spoil(self, job: Job, assignment: str) -> None:
        """Change a row beside the store."""
        with closing(sqlite3.connect(self.home / "jobs.db", timeout=60, isolation_level=None)) as database:
            database.execute(f"UPDATE dragoman_jobs SET {assignment} WHERE id = '{job.id}'")

    def dismiss(self, job: Job) -> list[Job | DragomanError]:
        told: list[Job | DragomanError] = []
        self.engine.dismiss(job.id, told.append)
        return told


def _claimant(worker: FakeWorker) -> WorkerIdentity:
    """Who a job is claimed for: the worker, and the host it is on."""
    assert worker.identity is not None
    return dataclasses.replace(worker.identity, host=HOST)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


@pytest.fixture
def wide(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, slots=3)
    yield made
    made.close()


class TestSharing:
    def test_a_slot_is_kept_for_sync_calls(self, tmp_path: Path) -> None:
        rig = Rig(tmp_path, slots=2, sync_slots=1)
        first, worker = rig.run()
        second = rig.accept()
        assert len(rig.pool.ordered) == 1
        rig.run(mode="sync")
        third = rig.accept(mode="sync")
        assert len(rig.pool.ordered) == 2
        rig.done(worker)
        assert rig.job(first).status is JobStatus.SUCCESSFUL
        assert rig.job(third).status is JobStatus.RUNNING, "sync calls may take every slot"
        assert rig.job(second).status is JobStatus.ACCEPTED
        rig.close()

    @pytest.mark.parametrize("sync_slots", [0, 1, 5])
    def test_one_slot_is_always_left_for_others(self, tmp_path: Path, sync_slots: int) -> None:
        rig = Rig(tmp_path, slots=1, sync_slots=sync_slots)
        rig.run()
        rig.close()

    def test_a_process_runs_no_more_at_once_than_it_may(self, tmp_path: Path) -> None:
        rig = Rig(tmp_path, slots=3, max_parallel={"echo": 1})
        first, worker = rig.run()
        second = rig.accept()
        third = rig.accept()
        other, _ = rig.run(process_id="other")
        assert {rig.job(job).status for job in (second, third)} == {JobStatus.ACCEPTED}
        rig.done(worker)
        assert rig.job(first).status is JobStatus.SUCCESSFUL
        assert rig.job(other).status is JobStatus.RUNNING
        assert [rig.job(job).status for job in (second, third)] == [JobStatus.RUNNING, JobStatus.ACCEPTED]
        rig.close()


class TestRunning:
    def test_a_job_is_claimed_for_its_worker_and_told_to_it(self, rig: Rig) -> None:
        job, worker = rig.run(timeout=5.0)
        assert (job.attempts, job.worker) == (1, _claimant(worker))
        assert worker.told[0]["id"] == job.id
        assert worker.deadline is not None
        assert rig.changes == [(job.id, JobStatus.RUNNING)]

    def test_a_job_that_finds_a_worker_waiting_runs_at_once(self, rig: Rig) -> None:
        _first, worker = rig.run()
        rig.done(worker)
        job = rig.engine.accept(make_job(timeout=5.0))  # without a tick
        assert rig.job(job) == job == worker.task
        assert (job.status, job.attempts, job.worker) == (JobStatus.RUNNING, 1, _claimant(worker))
        assert worker.told[-1]["id"] == job.id
        assert worker.deadline is not None
        assert rig.changes[-1] == (job.id, JobStatus.RUNNING)
        assert rig.engine.holds(job.id)
        rig.done(worker)
        assert rig.job(job).status is JobStatus.SUCCESSFUL

    def test_not_before_what_waits_already(self, wide: Rig) -> None:
        _first, worker = wide.run()
        wide.done(worker)
        earlier = wide.engine.accept(make_job(process_id="other", runtime=OTHER))
        later = wide.engine.accept(make_job())
        assert (earlier.status, later.status) == (JobStatus.ACCEPTED, JobStatus.ACCEPTED)
        wide.engine.tick()
        assert worker.task is not None
        assert worker.task.id == later.id

    def test_a_repetition_leaves_the_worker_that_waits_alone(self, rig: Rig) -> None:
        key = {"idempotency_key": "k", "fingerprint": "f"}
        first, worker = rig.run(**key)
        rig.done(worker)
        told = len(worker.told)
        assert rig.engine.accept(make_job(**key)).id == first.id
        with pytest.raises(IdempotencyConflict):
            rig.engine.accept(make_job(idempotency_key="k", fingerprint="other"))
        rig.store.away = True
        with pytest.raises(Unavailable):
            rig.engine.accept(make_job())
        assert (worker.task, len(worker.told), rig.pool.busy) == (None, told, 0)

    def test_what_it_returns_is_kept_and_told(self, rig: Rig) -> None:
        job, worker = rig.run()
        rig.done(worker)
        after = rig.job(job)
        assert (after.status, after.progress, after.outputs["a"].value) == (JobStatus.SUCCESSFUL, 100, 1)
        assert rig.changes[-1] == (job.id, JobStatus.SUCCESSFUL)
        assert rig.pool.busy == 0

    def test_a_failure_is_kept_and_its_files_are_gone_but_the_log(self, rig: Rig) -> None:
        job, worker = rig.run()
        rig.files.folder(job.id).mkdir(parents=True)
        append_log(rig.results, job.id, "Traceback")
        failure = JobFailure(code="execution-failed", detail="ValueError: no")
        rig.reports(worker, Failed(attempt=1, failure=failure))
        after = rig.job(job)
        assert (after.status, after.failure, after.message) == (JobStatus.FAILED, failure, failure.detail)
        assert log_of(rig.results, job.id) == "Traceback"
        assert not rig.files.folder(job.id).exists()
        assert worker in rig.pool.workers, "the worker may go on"

    def test_progress_only_rises(self, rig: Rig) -> None:
        job, worker = rig.run()
        for percent in (10, 40, 20):
            rig.reports(worker, Progress(attempt=1, percent=percent, message=f"at {percent}"))
        assert (rig.job(job).progress, rig.job(job).message) == (40, "at 40")

    def test_a_worker_stays_with_its_process_and_its_code(self, rig: Rig) -> None:
        _, worker = rig.run()
        rig.done(worker)
        _, same = rig.run()
        rig.done(same)
        _, other = rig.run(runtime=OTHER)
        assert same is worker
        assert other is not worker

    def test_a_worker_that_leaves_is_given_no_other_job(self, rig: Rig) -> None:
        _, worker = rig.run()
        failure = JobFailure(code="package", detail="no")
        rig.reports(worker, Failed(attempt=1, failure=failure, leaving=True))
        second = rig.accept()
        assert rig.worker_of(second) is not worker


class TestQueue:
    def test_sync_first_then_priority_then_age(self, rig: Rig) -> None:
        _, worker = rig.run()
        a = rig.accept()
        high = rig.accept(priority=5)
        b = rig.accept()
        sync = rig.accept(mode="sync")
        urgent = rig.accept(mode="sync", priority=1)
        order = []
        for _ in range(5):
            rig.done(worker)
            assert worker.task is not None
            order.append(worker.task.id)
        assert order == [urgent.id, sync.id, high.id, a.id, b.id]

    def test_what_was_put_together_for_long_waits_from_when_it_was_accepted(self, rig: Rig) -> None:
        _, worker = rig.run()
        first = rig.accept()
        long_ago = datetime.now(UTC) - timedelta(days=1)
        draft = rig.store.add(make_job(status=JobStatus.CREATED, created=long_ago, updated=long_ago))
        rig.engine.enqueue(rig.store.transition(draft.id, JobStatus.ACCEPTED))
        assert rig.engine.holds(draft.id)
        order = []
        for _ in range(2):
            rig.done(worker)
            assert worker.task is not None
            order.append(worker.task.id)
        assert order == [first.id, draft.id]
        assert rig.job(draft).created == long_ago

    def test_what_can_have_no_worker_waits_in_its_place_until_it_can(self, wide: Rig) -> None:
        wide.pool.short = True
        first, second = wide.accept(process_id="p"), wide.accept(process_id="q")
        other = wide.accept(process_id="p")
        assert wide.engine.state()["queue"] == [first.id, second.id, other.id]
        assert wide.engine.figures().busy == 0
        [gone] = wide.dismiss(second)
        assert isinstance(gone, Job)
        assert gone.status is JobStatus.DISMISSED
        wide.pool.short = False
        wide.engine.tick()
        assert [worker.task and worker.task.id for worker in wide.pool.ordered] == [first.id, other.id]
        wide.done_by(first)
        wide.done_by(other)
        assert {wide.job(job).status for job in (first, other)} == {JobStatus.SUCCESSFUL}

    def test_meanwhile_a_worker_that_is_idle_runs_what_it_can(self, wide: Rig) -> None:
        job, worker = wide.run(process_id="p")
        wide.done(worker)
        wide.pool.short = True
        waits, runs = wide.accept(process_id="q"), wide.accept(process_id="p")
        assert [wide.job(each).status for each in (job, waits, runs)] == [
            JobStatus.SUCCESSFUL,
            JobStatus.ACCEPTED,
            JobStatus.RUNNING,
        ]

    def test_no_more_run_than_there_are_slots(self, wide: Rig) -> None:
        for number in range(5):
            wide.accept(process_id=f"p{number}")
        assert len(wide.pool.ordered) == wide.pool.busy == 3
        for worker in wide.pool.ordered:
            wide.born(worker)
        assert wide.store.counts()[JobStatus.RUNNING] == 3
        wide.done(wide.pool.ordered[0])
        assert wide.pool.busy == 3
        assert wide.store.counts()[JobStatus.ACCEPTED] == 1 + 1  # one waits, one waits for its worker's birth

    def test_idle_workers_beyond_what_is_kept_warm_are_retired_oldest_first(self, tmp_path: Path) -> None:
        rig = Rig(tmp_path, slots=4, warm=1)
        try:
            workers = [rig.run(process_id=f"p{number}")[1] for number in range(3)]
            for worker in workers:
                rig.done(worker)
            assert [worker.ending for worker in workers] == ["retired", "retired", ""]
        finally:
            rig.close()

    def test_a_full_queue_takes_no_more(self, tmp_path: Path) -> None:
        rig = Rig(tmp_path, queue_limit=2)
        try:
            rig.run()
            rig.accept(idempotency_key="k", fingerprint="f")
            rig.accept()
            with pytest.raises(QueueFull):
                rig.accept()
            assert rig.store.counts()[JobStatus.ACCEPTED] == 2
            again = rig.engine.accept(make_job(idempotency_key="k", fingerprint="f"))
            assert again.idempotency_key == "k", "a repetition is no new job"
            with pytest.raises(IdempotencyConflict):
                rig.engine.accept(make_job(idempotency_key="k", fingerprint="g"))
        finally:
            rig.close()

    def test_a_repetition_is_not_run_twice(self, rig: Rig) -> None:
        rig.run()
        first = rig.accept(idempotency_key="k", fingerprint="f")
        assert rig.accept(idempotency_key="k", fingerprint="f") == first
        (worker,) = rig.pool.ordered
        rig.done(worker)
        assert worker.task is not None
        assert worker.task.id == first.id
        rig.done(worker)
        assert worker.task is None

    def test_what_waits_in_the_store_is_taken_over_in_order(self, rig: Rig) -> None:
        jobs = [rig.store.add(make_job(priority=priority)) for priority in (0, 2, 1)]
        rig.engine.load()
        (worker,) = rig.pool.ordered
        rig.born(worker)
        order = []
        while worker.task is not None:
            order.append(worker.task.id)
            rig.done(worker)
        assert order == [jobs[1].id, jobs[2].id, jobs[0].id]

    def test_a_job_that_is_known_is_held_until_its_end(self, rig: Rig) -> None:
        first, worker = rig.run()
        second = rig.accept()
        assert rig.engine.holds(first.id)
        assert rig.engine.holds(second.id)
        rig.done(worker)
        assert not rig.engine.holds(first.id)

    def test_nothing_new_is_started_at_the_end(self, rig: Rig) -> None:
        rig.engine.closing = True
        rig.accept()
        assert rig.pool.ordered == []


class TestDismissing:
    def test_one_that_waits_never_runs(self, rig: Rig) -> None:
        first, worker = rig.run()
        second = rig.accept()
        rig.results.save_request(second.id, "{}")
        (outcome,) = rig.dismiss(second)
        assert isinstance(outcome, Job)
        assert outcome.status is JobStatus.DISMISSED
        assert not anything_of(rig.results, second.id)
        rig.done(worker)
        assert (worker.task, rig.job(second).attempts, rig.job(first).status) == (
            None,
            0,
            JobStatus.SUCCESSFUL,
        )

    def test_one_whose_worker_is_not_born_yet_frees_its_slot(self, rig: Rig) -> None:
        first = rig.accept()
        second = rig.accept(process_id="another")
        (outcome,) = rig.dismiss(first)
        assert isinstance(outcome, Job)
        assert [worker.key[0] for worker in rig.pool.ordered] == ["echo", "another"]
        rig.born(rig.pool.ordered[0])
        assert rig.pool.ordered[0].told == []
        rig.born(rig.pool.ordered[1])
        assert rig.job(second).status is JobStatus.RUNNING

    def test_a_worker_is_not_used_before_its_birth_is_announced(self, rig: Rig) -> None:
        rig.dismiss(rig.accept())
        (worker,) = rig.pool.ordered
        bear(worker, 1)  # the process is there; the announcement is still on its way
        second = rig.accept()
        rig.announce(worker)
        rig.engine.tick()
        assert len([told for w in rig.pool.ordered for told in w.told]) <= 1
        for each in rig.pool.ordered:
            if each.process is None:
                rig.born(each)
        running = rig.worker_of(second)
        rig.done(running)
        assert rig.job(second).status is JobStatus.SUCCESSFUL

    def test_one_that_runs_is_told_only_when_its_worker_is_gone(self, rig: Rig) -> None:
        job, worker = rig.run()
        rig.files.folder(job.id).mkdir(parents=True)
        told = rig.dismiss(job)
        assert told == []
        assert worker.signals == ["TERM"]
        assert rig.job(job).status is JobStatus.RUNNING
        assert rig.pool.busy == 1, "its slot is not free yet"
        rig.dies(worker, -signal.SIGTERM)
        assert [each.status for each in told if isinstance(each, Job)] == [JobStatus.DISMISSED]
        assert not anything_of(rig.results, job.id)
        assert (rig.pool.busy, worker.signals[-1]) == (0, "REST")

    def test_the_next_job_gets_the_slot(self, rig: Rig) -> None:
        job, worker = rig.run()
        following = rig.accept()
        rig.dismiss(job)
        rig.dies(worker)
        rig.born(rig.worker_of(following))
        assert rig.job(following).status is JobStatus.RUNNING

    def test_everybody_who_dismisses_it_is_told(self, rig: Rig) -> None:
        job, worker = rig.run()
        outcomes = [rig.dismiss(job) for _ in range(3)]
        rig.dies(worker)
        assert all(isinstance(told[0], Job) and len(told) == 1 for told in outcomes)

    def test_what_it_says_while_it_is_ended_is_not_heard(self, rig: Rig) -> None:
        job, worker = rig.run()
        told = rig.dismiss(job)
        rig.done(worker, 1)
        assert rig.job(job).status is JobStatus.RUNNING
        rig.dies(worker)
        assert rig.job(job).status is JobStatus.DISMISSED
        assert len(told) == 1

    def test_one_that_was_quicker_cannot_be_dismissed(self, rig: Rig) -> None:
        job, worker = rig.run()
        rig.done(worker)
        (outcome,) = rig.dismiss(job)
        assert isinstance(outcome, IllegalTransition)
        (outcome,) = rig.dismiss(make_job())
        assert isinstance(outcome, NoSuchJob)

    def test_one_that_timed_out_first_has_failed(self, rig: Rig) -> None:
        job, worker = rig.run(timeout=1.0)
        worker.deadline = 0.0
        rig.engine.tick()
        told = rig.dismiss(job)
        rig.dies(worker)
        assert rig.job(job).status is JobStatus.FAILED
        assert isinstance(told[0], IllegalTransition)


class TestDeaths:
    def test_a_job_is_run_again_up_to_the_cap_and_then_fails_with_the_reason(self, rig: Rig) -> None:
        job = rig.accept()
        for attempt in (1, 2, 3):
            rig.born(rig.worker_of(job))
            assert rig.job(job).attempts == attempt
            rig.dies(rig.worker_of(job))
        after = rig.job(job)
        assert after.status is JobStatus.FAILED
        assert after.failure is not None
        assert after.failure.code == "worker-lost"
        assert "signal 9" in after.message
        assert "3 of 3" in after.message
        assert rig.pool.busy == 0

    def test_meanwhile_it_waits_and_says_why(self, rig: Rig) -> None:
        job, worker = rig.run()
        rig.reports(worker, Progress(attempt=1, percent=60, message="far"))
        publish(rig.results, job.id, {"a.tif": "x"})
        append_log(rig.results, job.id, "first run")
        rig.dies(worker, 3)
        waits = rig.job(job)
        assert (waits.status, waits.progress, waits.lease_until) == (JobStatus.ACCEPTED, 0, None)
        assert "exit code 3 in run 1 of 3" in waits.message
        assert not has_file(rig.results, job.id, "a.tif")
        assert log_of(rig.results, job.id) == "first run"

    def test_the_death_of_the_server_is_no_fault_of_the_job(self, rig: Rig) -> None:
        job, worker = rig.run()
        worker.ending = "stopped"
        rig.dies(worker)
        again = rig.job(job)
        assert (again.status, again.restarts, again.attempts) == (JobStatus.ACCEPTED, 1, 1)

    def test_but_not_for_ever(self, rig: Rig) -> None:
        job = rig.accept()
        for _ in range(MAX_RESTARTS + 1):
            worker = rig.worker_of(job)
            rig.born(worker)
            worker.ending = "stopped"
            rig.dies(worker)
        after = rig.job(job)
        assert (after.status, after.attempts, after.restarts) == (JobStatus.FAILED, 11, 10)
        assert after.failure is not None
        assert after.failure.code == "worker-lost"

    def test_restarts_do_not_count_as_the_jobs_own_runs(self, rig: Rig) -> None:
        job = rig.accept()
        for why in ("stopped", "", "stopped", ""):
            worker = rig.worker_of(job)
            rig.born(worker)
            worker.ending = why
            rig.dies(worker)
        assert (rig.job(job).attempts, rig.job(job).restarts, rig.job(job).status) == (
            4,
            2,
            JobStatus.ACCEPTED,
        )
        rig.born(rig.worker_of(job))
        rig.dies(rig.worker_of(job))
        assert rig.job(job).status is JobStatus.FAILED

    def test_the_death_of_the_forkserver_is_no_fault_of_the_job(self, rig: Rig) -> None:
        job, worker = rig.run()
        dead = dataclasses.replace(process_tree.identity(os.getpid()), start_time=0)
        worker.forkserver = dead
        rig.dies(worker, 255)
        assert (rig.job(job).status, rig.job(job).restarts) == (JobStatus.ACCEPTED, 1)

    @pytest.mark.parametrize("exitcode", [255, 1])
    def test_the_same_exit_code_under_a_forkserver_that_lives_is(self, rig: Rig, exitcode: int) -> None:
        job, worker = rig.run()
        worker.forkserver = process_tree.identity(os.getpid())
        rig.dies(worker, exitcode)
        assert (rig.job(job).status, rig.job(job).restarts) == (JobStatus.ACCEPTED, 0)
        assert f"exit code {exitcode}" in rig.job(job).message

    def test_a_late_report_of_an_earlier_run_is_ignored(self, rig: Rig) -> None:
        job, first = rig.run()
        rig.dies(first)
        second = rig.worker_of(job)
        rig.born(second)
        late = (Done(attempt=1, outputs={}), Progress(attempt=1, percent=99, message="late"))
        for report in late:
            rig.reports(second, report)
            rig.reports(first, report)
        assert (rig.job(job).status, rig.job(job).progress) == (JobStatus.RUNNING, 0)
        rig.done(second)
        assert rig.job(job).status is JobStatus.SUCCESSFUL

    def test_the_death_of_an_idle_worker_is_nobodys_loss(self, rig: Rig) -> None:
        job, worker = rig.run()
        rig.done(worker)
        rig.dies(worker)
        assert rig.job(job).status is JobStatus.SUCCESSFUL
        assert rig.pool.workers == set()

    @pytest.mark.parametrize(
        "message",
        [[], 7, {"type": "done"}, {"type": "progress", "attempt": 1, "percent": "x", "message": "y"}],
    )
    def test_a_worker_that_says_what_no_worker_does_is_killed(self, rig: Rig, message: object) -> None:
        job, worker = rig.run()
        rig.engine.heard(worker, message)
        assert worker.signals == ["KILL"]
        rig.dies(worker)
        assert (rig.job(job).status, rig.job(job).restarts) == (JobStatus.ACCEPTED, 0)

    def test_an_idle_worker_that_has_hung_up_is_given_no_job(self, wide: Rig) -> None:
        (_, older), (_, newer) = wide.run(), wide.run()
        for worker in (older, newer):
            wide.done(worker)
        newer.other_end.close()  # it is dead, and nobody has noticed yet
        assert wide.engine.accept(make_job()).worker == _claimant(older), (
            "the one that was used last but is there"
        )
        older.other_end.close()
        job = wide.accept()
        assert wide.worker_of(job) not in (older, newer)
        wide.born(wide.worker_of(job))
        assert (wide.job(job).attempts, wide.job(job).restarts) == (1, 0)

    def test_one_that_is_gone_before_it_takes_the_job_costs_it_no_run(self, rig: Rig) -> None:
        _, worker = rig.run()
        rig.done(worker)
        job = rig.accept()
        assert rig.worker_of(job) is worker
        worker.unread = True
        rig.dies(worker)
        assert (rig.job(job).status, rig.job(job).attempts, rig.job(job).restarts) == (
            JobStatus.ACCEPTED,
            1,
            1,
        )

    def test_one_that_dies_of_its_birth_does(self, rig: Rig) -> None:
        job, worker = rig.run()
        worker.unread = True
        rig.dies(worker, 1)
        assert (rig.job(job).status, rig.job(job).restarts) == (JobStatus.ACCEPTED, 0)
        assert "exit code 1 in run 1 of 3" in rig.job(job).message

    def test_an_input_that_takes_too_long_to_open_fails_the_job(self, rig: Rig) -> None:
        job, worker = rig.run()
        for input_id in ("red", "", "nir"):
            rig.reports(worker, Opening(attempt=1, input_id=input_id))
            assert (worker.step is None) == (input_id == "")
        assert worker.step is not None
        assert (worker.step.name, worker.step.seconds) == ("nir", 30.0)
        worker.step = dataclasses.replace(worker.step, deadline=0.0)
        rig.engine.tick()
        assert (worker.ending, worker.signals) == ("stuck", ["TERM"])
        rig.dies(worker)
        failure = rig.job(job).failure
        assert failure is not None
        assert failure.callers_fault
        assert failure.problems[0][0] == "nir"

    def test_a_timeout_ends_the_worker_and_fails_the_job(self, rig: Rig) -> None:
        job, worker = rig.run(timeout=2.5)
        rig.engine.tick()
        assert worker.signals == []
        worker.deadline = 0.0
        rig.engine.tick()
        rig.engine.tick()
        assert worker.signals == ["TERM"]
        rig.dies(worker, -signal.SIGTERM)
        after = rig.job(job)
        assert after.failure == JobFailure(
            code="timed-out", detail="the job ran longer than its timeout of 2.5 s"
        )

    def test_a_worker_that_will_not_go_is_killed_when_its_time_is_up(self, rig: Rig) -> None:
        _, worker = rig.run()
        worker.kill_at = 0.0
        rig.engine.tick()
        assert worker.signals == ["KILL"]
        rig.engine.tick()
        assert worker.signals == ["KILL"]


class TestLeases:
    def test_what_runs_is_renewed(self, rig: Rig) -> None:
        job, _ = rig.run()
        rig.store.report(job.id, rig.job(job).token, lease_until=datetime.now(UTC) - timedelta(seconds=1))
        rig.engine.renew()
        assert rig.store.expired(datetime.now(UTC)) == []
        assert rig.job(job).status is JobStatus.RUNNING

    def test_what_nobody_renewed_is_run_again(self, rig: Rig) -> None:
        lost = rig.store.add(make_job())
        rig.store.claim(lost.id, WORKER, -1.0)
        publish(rig.results, lost.id, {"a.tif": "x"})
        rig.engine.renew()
        after = rig.job(lost)
        assert (after.status, after.restarts) == (JobStatus.ACCEPTED, 1)
        assert not has_file(rig.results, lost.id, "a.tif")
        rig.engine.tick()
        rig.born(rig.worker_of(lost))
        assert rig.job(lost).attempts == 2


class TestAdopting:
    def test_what_waits_in_the_store_and_is_not_known_here_is_run(self, rig: Rig) -> None:
        running, _ = rig.run()
        waiting = rig.accept()
        stranger = rig.store.add(make_job())
        publish(rig.results, stranger.id, {"a.tif": "x"})
        rig.engine.renew()
        assert rig.engine.holds(stranger.id)
        assert not has_file(rig.results, stranger.id, "a.tif"), "of a run that nobody knows of any more"
        rig.done(rig.worker_of(running))
        for job in (waiting, stranger):
            worker = rig.worker_of(job)
            rig.done(worker)
            assert (rig.job(job).status, rig.job(job).attempts) == (JobStatus.SUCCESSFUL, 1)

    def test_a_run_that_the_store_forgot_is_repeated_and_its_waiters_are_told(self, rig: Rig) -> None:
        job, worker = rig.run()
        columns = "status = 'accepted', attempts = 0, worker = NULL"
        with sqlite3.connect(rig.home / "jobs.db") as database:  # as after a crash of the database
            database.execute(f"UPDATE dragoman_jobs SET {columns} WHERE id = ?", [job.id])
        database.close()
        rig.done(worker)
        assert rig.job(job).status is JobStatus.ACCEPTED
        rig.engine.renew()
        rig.done(rig.worker_of(job))
        assert rig.job(job).status is JobStatus.SUCCESSFUL
        assert rig.changes[-1] == (job.id, JobStatus.SUCCESSFUL)


class TestLostAnswers:
    """The store did what it was told, and its connection broke before it could say so."""

    def test_an_end_is_told_all_the_same(self, rig: Rig) -> None:
        job, worker = rig.run()
        rig.store.mute = True
        rig.done(worker)
        assert rig.changes[-1] == (job.id, JobStatus.RUNNING)
        rig.store.mute = False
        rig.engine.tick()
        assert rig.changes[-1] == (job.id, JobStatus.SUCCESSFUL)

    def test_what_is_to_run_again_does(self, rig: Rig) -> None:
        job, worker = rig.run()
        rig.store.mute = True
        rig.dies(worker)
        rig.store.mute = False
        rig.engine.tick()
        rig.born(rig.worker_of(job))
        assert (rig.job(job).status, rig.job(job).attempts) == (JobStatus.RUNNING, 2)


class TestDeaf:
    def test_a_worker_that_never_takes_its_job_is_killed_and_the_job_runs_again(self, rig: Rig) -> None:
        job, worker = rig.run()
        worker.frozen = True
        for _ in range(DEAF - 1):
            rig.engine.renew()
        assert worker.signals == []
        rig.engine.renew()
        assert worker.signals == ["KILL"]
        rig.dies(worker)
        rig.done_by(job)
        after = rig.job(job)
        assert (after.status, after.restarts, after.attempts) == (JobStatus.SUCCESSFUL, 1, 2), (
            "no run of its own"
        )

    def test_who_dismisses_it_then_is_served_all_the_same(self, rig: Rig) -> None:
        job, worker = rig.run()
        worker.frozen = True
        for _ in range(DEAF):
            rig.engine.renew()
        told = rig.dismiss(job)
        rig.dies(worker)
        assert [each.status for each in told if isinstance(each, Job)] == [JobStatus.DISMISSED]
        assert (rig.pool.busy, rig.job(job).status) == (0, JobStatus.DISMISSED)


class TestRunningOnce:
    def test_one_that_was_adopted_before_its_return_was_told_has_one_worker(self, wide: Rig) -> None:
        job, worker = wide.run()
        wide.store.mute = True
        wide.dies(worker)  # it waits again, and nobody here knows
        wide.engine.renew()  # but for this, by which it is adopted
        successor = wide.worker_of(job)
        wide.store.mute = False
        wide.engine.tick()
        assert wide.pool.busy == 1
        wide.born(successor)
        assert wide.engine.holds(job.id)
        wide.dismiss(job)
        assert successor.signals == ["TERM"], "nothing of it runs on"


class TestDisowned:
    """A run whose job has become another's: its claim was forgotten, or its lease had ended elsewhere."""

    FORGOTTEN = "status = 'accepted', attempts = 0, token = '', worker = NULL, lease_until = NULL"
    TAKEN = "token = 'of-another-claim'"

    @pytest.mark.parametrize("what", [FORGOTTEN, TAKEN])
    def test_its_next_renewal_ends_it_and_nothing_of_it_is_published(self, rig: Rig, what: str) -> None:
        job, worker = rig.run()
        rig.spoil(job, what)
        before = rig.job(job)
        rig.engine.renew()
        assert worker.ending == "disowned"
        publish(rig.results, job.id, {"a.tif": "x"})
        rig.done(worker)
        assert rig.job(job) == before
        rig.dies(worker)
        assert rig.job(job) == before
        assert not has_file(rig.results, job.id, "a.tif")
        assert rig.pool.busy == 0

    @pytest.mark.parametrize("what", [FORGOTTEN, TAKEN])
    def test_so_does_its_next_progress(self, rig: Rig, what: str) -> None:
        job, worker = rig.run()
        rig.spoil(job, what)
        rig.reports(worker, Progress(attempt=1, percent=10, message="at 10"))
        assert worker.ending == "disowned"

    def test_progress_that_falls_ends_nothing(self, rig: Rig) -> None:
        _job, worker = rig.run()
        for percent in (40, 20):
            rig.reports(worker, Progress(attempt=1, percent=percent, message=""))
        assert worker.ending == ""

    def test_one_whose_job_is_gone_ends_too(self, rig: Rig) -> None:
        job, worker = rig.run()
        rig.spoil(job, "status = 'successful'")
        rig.store.remove(job.id)
        rig.engine.renew()
        assert worker.ending == "disowned"
        rig.dies(worker)

    def test_a_forgotten_claim_is_run_again_once_its_run_has_ended(self, rig: Rig) -> None:
        job, worker = rig.run()
        rig.spoil(job, self.FORGOTTEN)
        rig.engine.renew()
        rig.dies(worker)
        rig.engine.renew()
        second = rig.worker_of(job)
        rig.born(second)
        rig.done(second)
        assert (rig.job(job).status, rig.job(job).attempts) == (JobStatus.SUCCESSFUL, 1)

    def test_whoever_dismisses_it_meanwhile_is_told_what_became_of_the_job(self, rig: Rig) -> None:
        job, worker = rig.run()
        rig.spoil(job, self.FORGOTTEN)
        rig.engine.renew()
        told = rig.dismiss(job)
        assert told == []
        rig.dies(worker)
        (outcome,) = told
        assert isinstance(outcome, Job)
        assert outcome.status is rig.job(job).status is JobStatus.DISMISSED


class TestRecovery:
    """What an engine finds running when it comes up."""

    @pytest.mark.parametrize("shared", [False, True])
    def test_a_job_of_this_host_is_queued_at_once(self, rig: Rig, shared: bool) -> None:
        job = rig.store.add(make_job())
        rig.store.claim(job.id, dataclasses.replace(WORKER, host=HOST), 30.0)
        assert recover(rig.store, rig.files, rig.engine, "no such home", host=HOST, shared=shared) == 1
        assert (rig.job(job).status, rig.job(job).restarts) == (JobStatus.ACCEPTED, 1)

    def test_a_job_that_an_older_dragoman_ran_here_is_known_by_name_and_boot(self, rig: Rig) -> None:
        """Until now rows had the host's name, which another host, or another container, may have as well."""
        here = dataclasses.replace(WORKER, host=socket.gethostname(), boot_id=process_tree.boot_id())
        ours, namesakes = rig.store.add(make_job()), rig.store.add(make_job())
        rig.store.claim(ours.id, here, 30.0)
        rig.store.claim(namesakes.id, dataclasses.replace(here, boot_id="another"), 30.0)
        assert recover(rig.store, rig.files, rig.engine, "no such home", host=HOST, shared=True) == 1
        assert rig.job(ours).status is JobStatus.ACCEPTED
        assert rig.job(namesakes).status is JobStatus.RUNNING

    def test_a_row_that_cannot_be_read_is_in_nobodys_way(self, rig: Rig) -> None:
        whole, broken = rig.store.add(make_job()), rig.store.add(make_job())
        for job in (whole, broken):
            rig.store.claim(job.id, WORKER, 30.0)
        rig.spoil(broken, "request = '{}'")  # which lists do not read
        assert recover(rig.store, rig.files, rig.engine, "no such home") == 1
        assert rig.job(whole).status is JobStatus.ACCEPTED
        unknown, waits = rig.store.add(make_job()), rig.store.add(make_job())
        rig.spoil(unknown, "runtime = 'x'")
        rig.engine.renew()
        assert rig.engine.holds(waits.id)
        assert not rig.engine.holds(unknown.id)

    def test_one_of_another_host_is_left_until_its_lease_ends(self, rig: Rig) -> None:
        job = rig.store.add(make_job())
        rig.store.claim(job.id, WORKER, -1.0)
        assert recover(rig.store, rig.files, rig.engine, "no such home", host=HOST, shared=True) == 0
        rig.engine.renew()
        assert rig.job(job).status is JobStatus.RUNNING, "that host may not know yet that it is to stop"
        rig.store.report(job.id, rig.job(job).token, lease_until=datetime.now(UTC) - timedelta(seconds=1))
        rig.engine.renew()
        assert (rig.job(job).status, rig.job(job).restarts) == (JobStatus.ACCEPTED, 1)

    def test_but_not_where_other_hosts_cannot_be(self, rig: Rig) -> None:
        job = rig.store.add(make_job())
        rig.store.claim(job.id, WORKER, 30.0)
        assert recover(rig.store, rig.files, rig.engine, "no such home", shared=False) == 1
        assert rig.job(job).status is JobStatus.ACCEPTED, "this host had another name, as a container has"


class TestOutage:
    def test_what_was_finished_meanwhile_is_written_when_the_store_is_back(self, rig: Rig) -> None:
        job, worker = rig.run()
        rig.store.away = True
        rig.done(worker)
        rig.engine.tick()
        assert rig.job(job).status is JobStatus.RUNNING
        rig.store.away = False
        rig.engine.tick()
        assert rig.job(job).status is JobStatus.SUCCESSFUL
        assert rig.changes[-1] == (job.id, JobStatus.SUCCESSFUL)

    def test_a_death_meanwhile_is_decided_when_the_store_is_back(self, rig: Rig) -> None:
        job, worker = rig.run()
        rig.store.away = True
        rig.dies(worker)
        rig.store.away = False
        rig.engine.tick()
        assert rig.job(job).status is JobStatus.ACCEPTED
        rig.born(rig.worker_of(job))
        assert rig.job(job).attempts == 2

    def test_nothing_is_accepted_meanwhile(self, rig: Rig) -> None:
        rig.store.away = True
        with pytest.raises(Unavailable):
            rig.accept()
        rig.store.away = False
        assert sum(rig.store.counts().values()) == 0

    def test_what_waits_is_started_when_the_store_is_back(self, rig: Rig) -> None:
        job = rig.accept()
        rig.store.away = True
        (worker,) = rig.pool.ordered
        rig.born(worker)
        for _ in range(5):
            rig.engine.tick()
        assert (rig.job(job).status, worker.told) == (JobStatus.ACCEPTED, [])
        rig.store.away = False
        rig.engine.tick()
        assert rig.job(job).status is JobStatus.RUNNING
        rig.done(worker)
        assert rig.job(job).status is JobStatus.SUCCESSFUL

    def test_a_dismissal_of_what_runs_is_told_when_it_is_written(self, rig: Rig) -> None:
        job, worker = rig.run()
        told = rig.dismiss(job)
        rig.store.away = True
        rig.dies(worker)
        assert told == []
        rig.store.away = False
        rig.engine.tick()
        assert [each.status for each in told if isinstance(each, Job)] == [JobStatus.DISMISSED]

    def test_a_dismissal_of_what_waits_is_refused_meanwhile(self, rig: Rig) -> None:
        rig.run()
        waiting = rig.accept()
        rig.store.away = True
        assert isinstance(rig.dismiss(waiting)[0], Unavailable)
        rig.store.away = False
        assert rig.job(waiting).status is JobStatus.ACCEPTED
        assert rig.engine.holds(waiting.id), "it still has its place"

    @pytest.mark.parametrize("exitcode", [-signal.SIGKILL, -signal.SIGTERM])
    def test_a_job_dismissed_between_outage_and_decision_stays_dismissed(
        self, rig: Rig, exitcode: int
    ) -> None:
        job, worker = rig.run()
        rig.store.away = True
        rig.dies(worker, exitcode)
        rig.store.away = False
        (outcome,) = rig.dismiss(job)
        assert isinstance(outcome, Job)
        rig.engine.tick()
        assert rig.job(job).status is JobStatus.DISMISSED
        assert rig.pool.busy == 0

    def test_it_is_logged_once(self, rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
        _, worker = rig.run()
        rig.store.away = True
        rig.done(worker)
        for _ in range(10):
            rig.engine.tick()
        errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(errors) == 1


class TestRemoving:
    def test_row_and_folder_go(self, rig: Rig) -> None:
        job, worker = rig.run()
        with pytest.raises(IllegalTransition):
            remove(rig.store, rig.files, job.id)
        rig.done(worker)
        publish(rig.results, job.id, {"a.tif": "x"})
        remove(rig.store, rig.files, job.id)
        with pytest.raises(NoSuchJob):
            rig.job(job)
        assert not anything_of(rig.results, job.id)
        with pytest.raises(NoSuchJob):
            remove(rig.store, rig.files, job.id)

    def test_one_output_goes_with_its_file(self, rig: Rig) -> None:
        job, worker = rig.run()
        publish(rig.results, job.id, {"a.tif": "x"})
        outputs = {
            "a": Output(id="a", media_type="image/tiff", file="a.tif", size=1),
            "b": Output(id="b", media_type="application/json", value=2),
        }
        rig.reports(worker, Done(attempt=1, outputs=outputs))
        for _ in range(2):
            remove_output(rig.store, rig.files, job.id, "a")
        assert list(rig.job(job).outputs) == ["b"]
        assert not has_file(rig.results, job.id, "a.tif")
        assert rig.job(job).status is JobStatus.SUCCESSFUL

    @pytest.mark.parametrize(("item", "left"), [(1, ["a/0"]), (None, [])])
    def test_what_was_published_of_an_output_goes_with_it(
        self, rig: Rig, item: int | None, left: list[str]
    ) -> None:
        job, worker = rig.run()
        items = tuple(Output(id="a", media_type="image/tiff", file=f"a-{n}.tif", size=1) for n in (0, 1))
        publish(rig.results, job.id, {"a-0.tif": "x", "a-1.tif": "x"})
        listed = Output(id="a", media_type="application/json", items=items)
        rig.reports(worker, Done(attempt=1, outputs={"a": listed}))
        services = [
            make_service(name=f"{job.id}/{part}", job_id=job.id, data=data_file(job.id, part))
            for part in ("a/0", "a/1")
        ]
        rig.store.services.replace(job.id, services)
        remove_output(rig.store, rig.files, job.id, "a", item)
        names = [service.name for service in rig.store.services.of_job(job.id)]
        assert names == [f"{job.id}/{part}" for part in left]
