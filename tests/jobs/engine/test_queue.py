"""The order of those who wait: a pure rule, and what it promises, by property."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from jobmaking import make_job

from dragoman.jobs.engine.queue import (
    MOST_DELAY,
    MOST_PRIORITY,
    PRIORITY_HEAD_START,
    SHARE,
    SYNC_HEAD_START,
    JobQueue,
    due,
)
from dragoman.model.principal import Principal

if TYPE_CHECKING:
    from dragoman.model.job import Job

START = datetime(2026, 1, 1, tzinfo=UTC)
MOST_HEAD_START = SYNC_HEAD_START + MOST_PRIORITY * PRIORITY_HEAD_START

JOBS = st.builds(
    lambda owner, mode, priority, process: {
        "principal": Principal(id=owner),
        "mode": mode,
        "priority": priority,
        "process_id": process,
    },
    st.sampled_from("abc"),
    st.sampled_from(["sync", "async"]),
    st.integers(-100, 100),
    st.sampled_from(["p", "q"]),
)


def _job(seconds: float, **changes: Any) -> Job:
    return make_job(created=START + timedelta(seconds=seconds), **changes)


def _order(queue: JobQueue) -> list[Job]:
    popped = []
    while (job := queue.pop()) is not None:
        popped.append(job)
    return popped


@given(JOBS, st.floats(0, 1e5) | st.none())
def test_a_job_is_due_within_bounds(changes: dict[str, Any], before: float | None) -> None:
    job = _job(0, **changes)
    moment = due(job, None if before is None else START.timestamp() + before) - START.timestamp()
    latest = MOST_PRIORITY * PRIORITY_HEAD_START + MOST_DELAY
    assert -MOST_HEAD_START - 1e-3 <= moment <= latest + 1e-3


@given(st.lists(st.tuples(st.floats(0, 1e4), JOBS), max_size=40), JOBS)
def test_nobody_is_passed_by_what_comes_long_after(
    others: list[tuple[float, dict[str, Any]]], changes: dict[str, Any]
) -> None:
    queue, job = JobQueue(), _job(0, **changes)
    queue.push(job)
    bound = MOST_DELAY + MOST_PRIORITY * PRIORITY_HEAD_START + MOST_HEAD_START
    late = [_job(bound + 1 + seconds, **other) for seconds, other in others]
    for other in late:
        queue.push(other)
    assert queue.pop() is job


@given(st.lists(st.floats(0, 100), max_size=30), st.sampled_from(["sync", "async"]))
def test_what_one_owner_asks_alike_is_run_in_the_order_of_acceptance(steps: list[float], mode: str) -> None:
    queue, jobs, now = JobQueue(), [], 0.0
    popped = []
    for number, step in enumerate(steps):
        now += step
        jobs.append(_job(now, mode=mode))
        queue.push(jobs[-1])
        if number % 3 == 2 and (job := queue.pop()) is not None:
            popped.append(job)
    assert [*popped, *_order(queue)] == jobs


@given(st.lists(JOBS, max_size=30), st.sets(st.integers(0, 29)))
def test_each_comes_out_once_unless_it_is_discarded(
    changes: list[dict[str, Any]], discarded: set[int]
) -> None:
    queue = JobQueue()
    jobs = [_job(number, **each) for number, each in enumerate(changes)]
    for job in jobs:
        queue.push(job)
        queue.push(job)
    for number in discarded:
        queue.discard(jobs[number].id if number < len(jobs) else "nobody")
    left = {job.id for number, job in enumerate(jobs) if number not in discarded}
    assert len(queue) == len(left)
    assert sorted(job.id for job in _order(queue)) == sorted(left)
    assert len(queue) == 0


def test_a_stream_of_sync_calls_keeps_no_other_job_waiting() -> None:
    queue, job = JobQueue(), _job(0)
    queue.push(job)
    for second in range(1000):
        queue.push(_job(second, mode="sync", principal=Principal(id=str(second))))
        if queue.pop() is job:
            break
    assert 0 < second <= SYNC_HEAD_START + 1


def test_who_has_many_waiting_lets_others_in_between() -> None:
    queue, many, one = JobQueue(), Principal(id="many"), Principal(id="one")
    for _ in range(1000):
        queue.push(_job(0, principal=many))
    queue.push(_job(3 * SHARE + 1, principal=one))
    assert [job.principal.id for job in _order(queue)].index("one") == 4


def test_a_job_that_runs_again_keeps_its_age() -> None:
    queue, again = JobQueue(), _job(0, attempts=1)
    for second in range(1, 10):
        queue.push(_job(second))
    queue.push(again)
    assert queue.pop() is again


def test_what_may_not_start_is_passed_and_keeps_its_place() -> None:
    queue = JobQueue()
    first, second, third = _job(0, process_id="p"), _job(1, process_id="q"), _job(2, process_id="p")
    for job in (first, second, third):
        queue.push(job)
    assert queue.pop(lambda job: job.process_id == "q") is second
    assert queue.pop(lambda job: job.process_id == "q") is None
    assert _order(queue) == [first, third]
