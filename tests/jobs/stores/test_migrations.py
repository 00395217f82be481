"""From every earlier schema to today's, with jobs in it, on every database that is served."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from jobmaking import WORKER, make_job
from sqlalchemy import inspect, text

from dragoman.errors import SettingsError
from dragoman.jobs.stores import examine_store, migrations, open_store
from dragoman.jobs.stores.engines import open_engine
from dragoman.jobs.stores.migrations import VERSION, migrate
from dragoman.jobs.stores.tables import METADATA
from dragoman.model.job import Job, JobFailure, JobQuery, Output, OutputRequest, Subscriber
from dragoman.model.job_event import EventKind
from dragoman.model.roi import Band
from dragoman.model.status import JobStatus
from dragoman.model.worker import WorkerIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Engine
    from storekit import Database

OLD_WORKER = WorkerIdentity(host="old-name", boot_id="an-earlier-boot", pid=4242, start_time=99)


@pytest.fixture
def version_1(database: Database) -> Iterator[Database]:
    """Ten jobs that the code of commit 5a23b97 has written; see tests/data/stores."""
    database.restore("version_1", PROCESSES="/processes", HOST="old-name")
    yield database
    database.drop()


def _job(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def _version(database: Database) -> str:
    """As every dragoman since the first has read it."""
    with database.engine.connect() as connection:
        query = text("SELECT value FROM dragoman_meta WHERE key = 'version'")
        return str(connection.execute(query).scalar_one())


def _engine(database: Database) -> Engine:
    return open_engine(database.url.replace("postgresql://", "postgresql+psycopg://"))


def _check_schema(database: Database) -> None:
    """The tables are those that statements are written for."""
    inspector = inspect(database.engine)
    for table in METADATA.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
        assert columns == {column.name: column.nullable for column in table.columns}
        assert inspector.get_pk_constraint(table.name)["constrained_columns"] == [
            column.name for column in table.primary_key
        ]
        indexes = {
            index["name"]: (tuple(index["column_names"]), bool(index["unique"]))
            for index in inspector.get_indexes(table.name)
            if "duplicates_constraint" not in index
        }
        assert indexes == {
            index.name: (tuple(column.name for column in index.columns), bool(index.unique))
            for index in table.indexes
            if index.name != "dragoman_tally_group" or database.engine.dialect.name == "sqlite"
        }


def test_an_empty_database_comes_to_todays_schema(database: Database) -> None:
    database.drop()
    open_store(database.url).close()
    _check_schema(database)
    assert _version(database) == str(VERSION)


@pytest.mark.parametrize("start", range(1, VERSION + 1))
def test_so_does_every_earlier_one_with_its_jobs(version_1: Database, start: int) -> None:
    engine = _engine(version_1)
    migrate(engine, start)
    engine.dispose()
    assert _version(version_1) == str(start)
    for _ in range(2):
        with closing(open_store(version_1.url)) as store:
            assert store.find(JobQuery()).matched == sum(store.counts().values()) == 10
            new = store.add(make_job())
            store.claim(new.id, WORKER, 30)
            assert [event.kind for event in store.events(new.id)] == [EventKind.ACCEPTED, EventKind.RUNNING]
            store.transition(new.id, JobStatus.DISMISSED)
            store.remove(new.id)
    _check_schema(version_1)
    assert _version(version_1) == str(VERSION)


def test_the_old_jobs_are_read_as_they_were_written(version_1: Database) -> None:
    with closing(open_store(version_1.url)) as store:
        jobs = {number: store.get(_job(number)) for number in range(1, 11)}
        waiting = [job.id for job in store.waiting()]
        repeated = store.add(
            make_job(principal=jobs[6].principal, idempotency_key="done-key", fingerprint="f6")
        )
    assert repeated == jobs[6]
    assert waiting == [_job(1), _job(2), _job(3)]
    accepted, running, failed, dismissed = (
        JobStatus.ACCEPTED,
        JobStatus.RUNNING,
        JobStatus.FAILED,
        JobStatus.DISMISSED,
    )
    done = JobStatus.SUCCESSFUL
    states = [accepted] * 3 + [running] * 2 + [done] * 2 + [failed] + [dismissed] * 2
    assert [job.status for job in jobs.values()] == states
    assert {job.token for job in jobs.values()} == {""}
    assert jobs[1].request.inputs["text"][0].value == "job 1"
    assert (jobs[2].mode, jobs[2].priority, jobs[2].principal.id) == ("sync", 3, "alice")
    assert jobs[3].request.spooled
    assert (jobs[4].progress, jobs[4].message, jobs[4].worker) == (40, "half way", OLD_WORKER)
    assert (jobs[5].attempts, jobs[5].restarts) == (2, 1)
    assert jobs[5].request.subscriber == Subscriber(failed_uri="http://127.0.0.1:9/failed")
    assert jobs[5].request.outputs == {"text": OutputRequest(transmission="value")}
    _check_ends(jobs)


def _check_ends(jobs: dict[int, Job]) -> None:
    assert jobs[6].outputs["received"].value == ['text="job 6"']
    image = Output(id="images", media_type="image/tiff", file="images-0.tif", size=3)
    assert jobs[7].outputs["images"].items == (image, Output(id="images", media_type="image/tiff"))
    assert jobs[7].request.roi is not None
    assert jobs[7].request.roi.lines == Band(first=10, number=20)
    assert jobs[8].failure == JobFailure(
        code="execution-failed", detail="input 'text': too long", problems=(("text", "too long"),)
    )
    assert jobs[10].request.inputs["text"][0].value == "größe 漢字"


def test_a_run_of_an_older_dragoman_can_be_taken_over_and_ended(version_1: Database) -> None:
    with closing(open_store(version_1.url)) as store:
        job = store.get(_job(4))
        assert store.report(job.id, job.token, progress=50)
        store.transition(job.id, JobStatus.ACCEPTED, token=job.token, message="waits to run again")
        claimed = store.claim(job.id, WORKER, 30)
        assert claimed is not None
        assert store.report(job.id, job.token, progress=60) is False
        store.transition(job.id, JobStatus.SUCCESSFUL, token=claimed.token)
        told = [(event.attempt, event.kind) for event in store.events(job.id)]
    assert told == [(1, EventKind.REQUEUED), (2, EventKind.RUNNING), (2, EventKind.SUCCESSFUL)]


def test_the_command_shows_what_happened_since(version_1: Database, tmp_path: Path) -> None:
    with closing(open_store(version_1.url)) as store:
        store.transition(_job(4), JobStatus.ACCEPTED, message="waits to run again: a test")
    told = subprocess.run(
        [sys.executable, "-P", "-m", "dragoman.cli", "jobs", "show", _job(4)],
        env=os.environ | {"DRAGOMAN_DATABASE_URL": version_1.url, "DRAGOMAN_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (event,) = json.loads(told.stdout)["events"]
    assert event.endswith(" requeued attempt 1 (waits to run again: a test)")


def test_several_may_migrate_at_once(version_1: Database) -> None:
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(lambda _n: open_store(version_1.url), range(6)))
    try:
        assert all(store.find(JobQuery()).matched == 10 for store in stores)
    finally:
        for store in stores:
            store.close()
    _check_schema(version_1)


def test_a_step_that_fails_leaves_nothing_of_itself(
    version_1: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE dragoman_jobs ADD COLUMN half TEXT")
        raise RuntimeError

    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS[:-1], half))
    with pytest.raises(RuntimeError):
        open_store(version_1.url)
    assert _version(version_1) == str(VERSION - 1)
    assert "half" not in [column["name"] for column in inspect(version_1.engine).get_columns("dragoman_jobs")]
    monkeypatch.undo()
    open_store(version_1.url).close()
    _check_schema(version_1)


def test_what_an_older_dragoman_looks_at_makes_it_refuse(version_1: Database) -> None:
    """Commit 5a23b97 knew schema 1, and refused any higher number under this key, with one line."""
    assert int(_version(version_1)) == 1
    open_store(version_1.url).close()
    assert int(_version(version_1)) > 1


@pytest.mark.parametrize("look", [open_store, examine_store])
def test_a_newer_one_is_refused_and_left_alone(version_1: Database, look: Any) -> None:
    version_1.execute("UPDATE dragoman_meta SET value = '99' WHERE key = 'version'")
    with pytest.raises(SettingsError, match=f"the store has schema 99, this dragoman knows {VERSION}"):
        look(version_1.url)
    assert _version(version_1) == "99"
    assert not inspect(version_1.engine).has_table("dragoman_events")


def test_looking_at_an_older_one_changes_nothing(version_1: Database) -> None:
    examine_store(version_1.url)
    assert _version(version_1) == "1"
