"""The contract of the TaskStore port, run on every database that is served."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from jobmaking import make_job

from dragoman.errors import NoSuchTask
from dragoman.jobs.stores import open_store
from dragoman.jobs.stores.tasks import open_task_store
from dragoman.model.principal import Principal
from dragoman.model.status import JobStatus
from dragoman.model.task import Asset, AssetState, Tally, Task, TaskPlan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storekit import Database

    from dragoman.jobs.ports import JobStore
    from dragoman.jobs.task_ports import TaskStore

THEN = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
LATER = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
PLAN = TaskPlan(application="größe", assets_input="files", attributes_input="attributes", total=3, most=7)


def make_asset(number: int, **members: Any) -> Asset:
    name = f"{number}.png"
    known: dict[str, Any] = {
        "number": number,
        "file_name": name,
        "sent_name": name,
        "url": f"http://a/{number}",
    }
    return Asset(**known | members)


@pytest.fixture
def jobs(database: Database) -> Iterator[JobStore]:
    with closing(open_store(database.url)) as store:
        for table in ("assets", "tasks", "jobs"):
            database.execute(f"DELETE FROM dragoman_{table}")
        yield store


@pytest.fixture
def tasks(jobs: JobStore, database: Database) -> Iterator[TaskStore]:
    with closing(open_task_store(database.url)) as store:
        yield store


def begin(jobs: JobStore, tasks: TaskStore) -> Task:
    """A new task, and its job."""
    job = make_job(status=JobStatus.CREATED)
    task = Task(id=job.id, plan=PLAN, created=THEN)
    tasks.add(task)
    jobs.add(job)
    return task


def test_a_task_is_read_as_it_was_written_once_its_job_is_there(jobs: JobStore, tasks: TaskStore) -> None:
    job = make_job(status=JobStatus.CREATED, principal=Principal(id="alice"))
    task = Task(id=job.id, plan=PLAN, created=THEN, fed=LATER, short=True, owner="alice")
    tasks.add(task)
    with pytest.raises(NoSuchTask):
        tasks.get(task.id)
    with pytest.raises(ValueError, match="taken"):
        tasks.add(task)
    jobs.add(job)
    assert tasks.get(task.id) == task
    for unknown in ("nobody", "nul\0", "\ud800"):
        with pytest.raises(NoSuchTask):
            tasks.get(unknown)


def test_assets_are_announced_and_come_to_their_ends_once(jobs: JobStore, tasks: TaskStore) -> None:
    task = begin(jobs, tasks)
    assert tasks.tally(task.id) == Tally()
    odd = make_asset(1, sent_name="a\0\ud800.png", attributes={"name": "\0", "n": [1, None]})
    tasks.feed(task.id, [make_asset(0), odd, make_asset(2)], LATER, short=True)
    tasks.feed(task.id, [make_asset(3)], LATER, short=False)
    assert (tasks.get(task.id).fed, tasks.get(task.id).short) == (LATER, True)
    assert [asset.number for asset in tasks.assets(task.id)] == [0, 1, 2, 3]
    assert tasks.asset(task.id, 1).attributes == odd.attributes
    whole = make_asset(0, state=AssetState.WHOLE, media_type="image/png", size=2**40, sha256="a" * 64)
    assert tasks.settle(task.id, whole, LATER)
    assert not tasks.settle(task.id, make_asset(0, state=AssetState.FAILED), LATER)
    assert tasks.asset(task.id, 0) == whole
    assert tasks.settle(task.id, make_asset(2, state=AssetState.FAILED, reason="is \0 gone"), LATER)
    assert tasks.tally(task.id) == Tally(announced=4, whole=1, failed=1, settled=LATER)
    assert [asset.number for asset in tasks.assets(task.id, AssetState.AWAITED)] == [1, 3]
    assert [
        asset.number for asset in tasks.assets(task.id, AssetState.AWAITED, AssetState.FAILED, limit=2)
    ] == [1, 2]
    with pytest.raises(NoSuchTask):
        tasks.asset(task.id, 4)


def test_a_batch_is_taken_whole_or_not_at_all(jobs: JobStore, tasks: TaskStore) -> None:
    task = begin(jobs, tasks)
    tasks.feed(task.id, [make_asset(0)], THEN, short=False)
    with pytest.raises(Exception, match=r"(?i)unique"):
        tasks.feed(task.id, [make_asset(1), make_asset(0)], LATER, short=True)
    assert tasks.tally(task.id).announced == 1
    assert tasks.get(task.id).fed == THEN


def test_those_that_grow_and_those_that_have_not_ended_are_told_apart(
    jobs: JobStore, tasks: TaskStore
) -> None:
    growing, waiting, failed = begin(jobs, tasks), begin(jobs, tasks), begin(jobs, tasks)
    jobs.transition(waiting.id, JobStatus.ACCEPTED)
    jobs.transition(failed.id, JobStatus.FAILED)
    assert tasks.growing() == [growing]
    assert (tasks.unfinished(), tasks.unfinished("größe"), tasks.unfinished("other"), tasks.unfinished("\0")) == (
        2, 2, 0, 0,
    )  # fmt: skip


def test_a_task_goes_with_its_job(jobs: JobStore, tasks: TaskStore, database: Database) -> None:
    gone, kept = begin(jobs, tasks), begin(jobs, tasks)
    for task in (gone, kept):
        tasks.feed(task.id, [make_asset(0)], THEN, short=False)
        jobs.transition(task.id, JobStatus.DISMISSED)
    jobs.remove(gone.id)
    assert tasks.tally(gone.id) == Tally()
    with pytest.raises(NoSuchTask):
        tasks.get(gone.id)
    assert tasks.get(kept.id) == kept.__class__(id=kept.id, plan=PLAN, created=THEN, fed=THEN)
    jobs.remove_all([kept.id])
    with database.engine.connect() as connection:
        left = [
            connection.exec_driver_sql(f"SELECT count(*) FROM dragoman_{table}")
            for table in ("tasks", "assets")
        ]
        assert [each.scalar_one() for each in left] == [0, 0]


def test_what_never_had_a_job_is_swept(jobs: JobStore, tasks: TaskStore) -> None:
    kept = begin(jobs, tasks)
    tasks.add(Task(id=make_job().id, plan=PLAN, created=THEN))
    assert (tasks.sweep(), tasks.sweep()) == (1, 0)
    assert tasks.get(kept.id) == kept
