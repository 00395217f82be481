"""What grows is cut: expired jobs with their files, and folders that no job owns."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from harness import wait_for
from jobmaking import WORKER, make_job
from mapmaking import VARIABLE, make_service
from memoryresults import MemoryResults
from resultkit import anything_of, publish
from storekit import Database

from dragoman.errors import NoSuchJob, Unavailable
from dragoman.jobs.engine import housekeeping
from dragoman.jobs.engine.housekeeping import (
    STRAY_AGE,
    Housekeeper,
    expire,
    expire_services,
    sweep,
    sweep_packages,
    sweep_services,
)
from dragoman.jobs.stores import open_store
from dragoman.maps.service_files import ServiceFiles, data_file
from dragoman.model.job import Job, JobQuery
from dragoman.model.process import Runtime
from dragoman.model.status import JobStatus
from dragoman.packages.catalogue import Declaration
from dragoman.packages.serving.records import Record, Records
from dragoman.packages.serving.snapshots import Snapshots

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dragoman.jobs.stores.sql import SqlStore
    from dragoman.model.map_service import MapService

DAY = 86_400.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(url=f"sqlite:///{tmp_path}/jobs.db")
    yield made
    made.close()


@pytest.fixture
def store(database: Database) -> Iterator[SqlStore]:
    opened = open_store(database.url)
    yield opened
    opened.close()


@pytest.fixture
def results() -> MemoryResults:
    return MemoryResults()


def _finished(store: SqlStore, results: MemoryResults, database: Database, days_ago: float) -> Job:
    job = store.add(make_job())
    _fill(results, job.id)  # first: once it is old, a housekeeper at work may take it away
    store.claim(job.id, WORKER, 30)
    job = store.transition(job.id, JobStatus.SUCCESSFUL)
    moment = datetime.now(UTC) - timedelta(days=days_ago)
    database.execute(
        f"UPDATE dragoman_jobs SET finished = {int(moment.timestamp() * 1_000_000)} WHERE id = '{job.id}'"
    )
    return job


def _fill(results: MemoryResults, job_id: str, age: float = 0.0) -> None:
    publish(results, job_id, {"a.tif": "x"})
    results.jobs[job_id].touched = time.time() - age


def _there(results: MemoryResults, job_id: str) -> bool:
    return anything_of(results, job_id)


def test_row_and_folder_go_together(store: SqlStore, results: MemoryResults, database: Database) -> None:
    old, young = _finished(store, results, database, 8), _finished(store, results, database, 6)
    running = store.add(make_job(created=datetime.now(UTC) - timedelta(days=99)))
    store.claim(running.id, WORKER, 30)
    assert expire(store, results, 7 * DAY) == 1
    with pytest.raises(NoSuchJob):
        store.get(old.id)
    assert not _there(results, old.id)
    assert _there(results, young.id)
    assert {job.id for job in store.find(JobQuery()).jobs} == {young.id, running.id}


def test_more_than_a_page_of_them(store: SqlStore, results: MemoryResults, database: Database) -> None:
    for _ in range(103):
        job = store.add(make_job())
        store.transition(job.id, JobStatus.DISMISSED)
    database.execute("UPDATE dragoman_jobs SET finished = 1000000")
    assert expire(store, results, DAY) == 103
    assert store.find(JobQuery()).matched == 0
    assert expire(store, results, DAY) == 0


def test_files_go_first_and_rows_in_batches(
    store: SqlStore, results: MemoryResults, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 4)
    jobs = [_finished(store, results, database, 2) for _ in range(10)]
    writes = []
    remove_all = store.remove_all

    def remove(ids: Sequence[str]) -> int:
        assert not any(_there(results, job_id) for job_id in ids)
        writes.append(len(ids))
        return remove_all(ids)

    monkeypatch.setattr(store, "remove_all", remove)
    assert expire(store, results, DAY) == len(jobs)
    assert writes == [4, 4, 2]


def test_rows_that_cannot_be_read_expire_like_others_and_until_then_keep_their_files(
    store: SqlStore, results: MemoryResults, database: Database
) -> None:
    old, young = _finished(store, results, database, 2).id, _finished(store, results, database, 0.5).id
    database.execute("UPDATE dragoman_jobs SET runtime = 'x'")
    results.jobs[young].touched = 0
    assert sweep(store, results) == 0
    assert expire(store, results, DAY) == 1
    assert not _there(results, old)
    assert _there(results, young)


def test_what_is_being_put_together_is_left_alone(
    store: SqlStore, results: MemoryResults, database: Database
) -> None:
    job = store.add(make_job(status=JobStatus.CREATED))
    database.execute("UPDATE dragoman_jobs SET created = 0, updated = 0")
    _fill(results, job.id, STRAY_AGE + 60)
    assert (sweep(store, results), expire(store, results, DAY)) == (0, 0)
    assert _there(results, job.id)


def test_only_a_stray_folder_is_swept(store: SqlStore, results: MemoryResults, database: Database) -> None:
    owned = _finished(store, results, database, 1).id
    results.jobs[owned].touched = 0
    stray, young = str(uuid.uuid4()), str(uuid.uuid4())
    _fill(results, stray, STRAY_AGE + 60)
    _fill(results, young, STRAY_AGE - 60)
    assert sweep(store, results) == 1
    assert not _there(results, stray)
    assert _there(results, young), "its job may be about to be accepted"
    assert _there(results, owned)


def test_nothing_is_swept_while_the_store_cannot_be_asked(
    store: SqlStore, results: MemoryResults, database: Database
) -> None:
    owned = _finished(store, results, database, 1).id
    results.jobs[owned].touched = 0
    with database.away(), pytest.raises(Unavailable):
        sweep(store, results)
    assert _there(results, owned)


def test_a_running_server_does_it_again_and_again(
    store: SqlStore,
    results: MemoryResults,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(housekeeping, "EVERY", 0.02)
    keeper = Housekeeper(store, results, DAY, tmp_path)
    keeper.start()
    try:
        for _ in range(2):
            old = _finished(store, results, database, 2).id
            wait_for(lambda old=old: not _there(results, old), "it is expired")  # type: ignore[misc]  # bound now
        with database.away():
            wait_for(lambda: "housekeeping: " in caplog.text, "it complains")
        old = _finished(store, results, database, 2).id
        wait_for(lambda: not _there(results, old), "an outage does not end it")
    finally:
        keeper.stop()
        keeper.join(120)
    assert not keeper.is_alive()


def test_an_error_of_the_disk_does_not_end_it(
    store: SqlStore, results: MemoryResults, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rounds = []

    def fail(*_args: object) -> int:
        rounds.append(1)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(housekeeping, "EVERY", 0.01)
    monkeypatch.setattr(housekeeping, "sweep", fail)
    keeper = Housekeeper(store, results, None, tmp_path)
    keeper.start()
    try:
        wait_for(lambda: len(rounds) >= 3, "it goes on")
    finally:
        keeper.stop()
        keeper.join(120)


def test_without_an_age_nothing_expires(
    store: SqlStore, results: MemoryResults, database: Database, tmp_path: Path
) -> None:
    old = _finished(store, results, database, 9999).id
    keeper = Housekeeper(store, results, None, tmp_path)
    keeper.stop()
    keeper.run()
    assert _there(results, old)


def test_copies_of_packages_go_when_no_job_needs_them(store: SqlStore, tmp_path: Path) -> None:
    folder, home = tmp_path / "echo", tmp_path / "home"
    folder.mkdir()
    snapshots, records = Snapshots(home), Records(home)
    copies = []
    for version in ("served", "needed", "planned", "recent", "old"):
        (folder / "process.yml").write_text(version)
        copies.append(snapshots.keep(snapshots.draft(folder), folder, version))
    served, needed, planned, _, old = copies
    declaration = Declaration(id="echo", folder=folder)
    with records.locked(declaration):
        records.write(declaration, Record(id="echo", fingerprint="", looked=0, snapshot=str(served)))
    store.add(make_job(runtime=Runtime(form="native", folder=str(needed))))
    planned_runtime = Runtime(form="native", folder=str(planned))
    store.add(make_job(runtime=planned_runtime, status=JobStatus.CREATED))
    for copy in (served, needed, planned, old):
        os.utime(copy.parent, (0, 0))
    assert sweep_packages(store, home) == 1
    assert [copy.is_dir() for copy in copies] == [True, True, True, True, False]


def _published(home: Path, job_id: str, *names: str) -> list[MapService]:
    """The services of a job, with their files."""
    services = []
    for name in names:
        data = data_file(job_id, name)
        (home / data).parent.mkdir(parents=True, exist_ok=True)
        for path in (data, data.with_suffix(".tif")):
            (home / path).write_text("x")
        variable = replace(VARIABLE, drawn=((data.with_suffix(".tif"), 1),))
        services.append(
            make_service(name=f"{job_id}/{name}", job_id=job_id, data=data, variables=(variable,))
        )
    return services


def _service_files(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home / "services")) for path in (home / "services").rglob("*"))


def test_old_map_services_go_and_their_jobs_stay(store: SqlStore, tmp_path: Path) -> None:
    job, files = store.add(make_job()), ServiceFiles(tmp_path)
    old, young = _published(tmp_path, job.id, "old", "young")
    now = datetime.now(UTC)
    old, young = replace(old, created=now - timedelta(hours=13)), replace(young, created=now)
    store.services.replace(job.id, [old, young])
    assert expire_services(store.services, files, 12 * 3600) == 1
    assert store.services.listed(None) == [young]
    assert _service_files(tmp_path) == [job.id, f"{job.id}/young.nc", f"{job.id}/young.tif"]
    assert expire_services(store.services, files, 12 * 3600) == 0
    assert expire_services(store.services, files, -1) == 1
    assert _service_files(tmp_path) == []
    assert store.get(job.id) == job


def test_files_of_a_service_that_cannot_be_read_stay(
    store: SqlStore, database: Database, tmp_path: Path
) -> None:
    job = store.add(make_job())
    newer, older = _published(tmp_path, job.id, "newer", "older")
    store.services.replace(job.id, [newer, older])
    database.execute(f"UPDATE dragoman_services SET service = '{{}}' WHERE name = '{newer.name}'")
    before = _service_files(tmp_path)
    sweep_services(store.services, ServiceFiles(tmp_path))
    assert _service_files(tmp_path) == before
    assert len(before) == 5


def test_files_of_services_that_are_none_are_swept_up(store: SqlStore, tmp_path: Path) -> None:
    job, files = store.add(make_job()), ServiceFiles(tmp_path)
    kept, _lost = _published(tmp_path, job.id, "kept", "lost")
    _published(tmp_path, "00000000-0000-4000-8000-000000000000", "stray")
    own = tmp_path / "services" / "own" / "climate"
    own.mkdir(parents=True)
    store.services.replace(job.id, [kept])
    sweep_services(store.services, files)
    there = [job.id, f"{job.id}/kept.nc", f"{job.id}/kept.tif", "own", "own/climate"]
    assert _service_files(tmp_path) == sorted(there)
    sweep_services(store.services, ServiceFiles(tmp_path / "nothing"))
