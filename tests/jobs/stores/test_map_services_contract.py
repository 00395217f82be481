"""The contract of the ServiceStore port, in memory and on every database that is served."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from jobmaking import WORKER, make_job
from mapmaking import make_service
from memoryservices import MemoryServices
from storekit import Database

from dragoman.errors import IllegalTransition, NoSuchService
from dragoman.jobs.stores import open_store
from dragoman.jobs.stores.map_services import open_service_store
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragoman.jobs.stores.sql import SqlStore
    from dragoman.maps.ports import ServiceStore
    from dragoman.model.job import Job

JOBS = ("10000000-0000-4000-8000-000000000000", "20000000-0000-4000-8000-000000000000")


@pytest.fixture
def published(database: Database, store: SqlStore) -> Iterator[ServiceStore]:
    """An empty store of services, in a database with two jobs."""
    for job_id in JOBS:
        store.add(make_job(id=job_id))
    with closing(open_service_store(database.url)) as opened:
        yield opened


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def services(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServiceStore]:
    """An empty store of services, of which there may be two jobs'."""
    if request.param == "memory":
        yield MemoryServices()
        return
    url = (
        f"sqlite:///{tmp_path}/jobs.db"
        if request.param == "sqlite"
        else request.getfixturevalue("postgresql_url")
    )
    database = Database(url=url)
    if request.param == "postgresql":
        database.clear()
    with closing(open_store(url)) as store:
        for job_id in JOBS:
            store.add(make_job(id=job_id))
    with closing(open_service_store(url)) as opened:
        yield opened
    database.close()


def test_a_service_is_read_as_it_was_written(services: ServiceStore) -> None:
    service = make_service(job_id=JOBS[0])
    services.replace(JOBS[0], [service])
    assert services.get(service.name) == service
    assert services.of_job(JOBS[0]) == [service]


@pytest.mark.parametrize("name", ["", "job", "job/map/", "job/\0", "JOB/MAP"])
def test_another_name_is_no_service(services: ServiceStore, name: str) -> None:
    services.replace(JOBS[0], [make_service(job_id=JOBS[0])])
    with pytest.raises(NoSuchService):
        services.get(name)


def test_what_a_job_publishes_again_replaces_its_own_alone(services: ServiceStore) -> None:
    first, second = make_service(job_id=JOBS[0], name="a/1"), make_service(job_id=JOBS[0], name="a/2")
    other = make_service(job_id=JOBS[1], name="b/1")
    services.replace(JOBS[1], [other])
    services.replace(JOBS[0], [first, second])
    again = replace(second, description="anew")
    services.replace(JOBS[0], [again])
    assert services.listed(None) == [again, other]
    services.replace(JOBS[0], [])
    assert services.listed(None) == [other]


def test_nobody_takes_the_name_of_another_jobs_service(services: ServiceStore) -> None:
    mine, other = make_service(job_id=JOBS[0], name="a"), make_service(job_id=JOBS[1], name="b")
    services.replace(JOBS[0], [mine])
    services.replace(JOBS[1], [other])
    with pytest.raises(ValueError, match="name"):
        services.replace(JOBS[1], [replace(mine, job_id=JOBS[1])])
    assert services.listed(None) == [mine, other]


def test_lists_are_an_owners_and_oldest_first(services: ServiceStore) -> None:
    young = make_service(job_id=JOBS[0], name="a", owner="alice")
    old = replace(young, name="b", created=young.created - timedelta(seconds=1))
    bobs = make_service(job_id=JOBS[1], name="c", owner="bob")
    services.replace(JOBS[0], [young, old])
    services.replace(JOBS[1], [bobs])
    assert services.listed("alice") == [old, young]
    assert services.listed("bob") == [bobs]
    assert services.listed(None) == [old, young, bobs]
    assert services.listed("carol") == []


def test_temporary_ones_expire(services: ServiceStore) -> None:
    old = make_service(job_id=JOBS[0], name="a")
    lasting = replace(old, name="b", temporary=False)
    services.replace(JOBS[0], [old, lasting])
    assert services.expired(old.created) == []
    assert services.expired(old.created + timedelta(microseconds=1)) == [old]


def test_those_that_are_there_are_removed(services: ServiceStore) -> None:
    services.replace(JOBS[0], [make_service(job_id=JOBS[0], name=name) for name in "abc"])
    assert services.remove(["a", "x", "c"]) == 2
    assert [service.name for service in services.listed(None)] == ["b"]
    assert services.remove([]) == 0


def _running(store: SqlStore) -> Job:
    running = store.claim(JOBS[0], WORKER, 30)
    assert running is not None
    return running


@pytest.mark.parametrize("held", [False, True])
def test_success_and_services_are_one_write(published: ServiceStore, store: SqlStore, held: bool) -> None:
    job, service = _running(store), make_service(job_id=JOBS[0])
    ended = store.transition(
        job.id,
        JobStatus.SUCCESSFUL,
        token=job.token,
        held=job if held else None,
        services=[service],
        message="done",
    )
    assert (ended.status, ended.message) == (JobStatus.SUCCESSFUL, "done")
    assert store.get(job.id).status is JobStatus.SUCCESSFUL
    assert published.listed(None) == [service]


def test_neither_is_written_for_another_run(published: ServiceStore, store: SqlStore) -> None:
    job, service = _running(store), make_service(job_id=JOBS[0])
    with pytest.raises(IllegalTransition):
        store.transition(job.id, JobStatus.SUCCESSFUL, token="another", services=[service])
    assert store.get(job.id).status is JobStatus.RUNNING
    assert published.listed(None) == []


@pytest.mark.parametrize("together", [False, True])
def test_services_go_with_their_job(published: ServiceStore, store: SqlStore, together: bool) -> None:
    job, other = _running(store), make_service(job_id=JOBS[1], name="other")
    published.replace(JOBS[1], [other])
    store.transition(job.id, JobStatus.SUCCESSFUL, token=job.token, services=[make_service(job_id=JOBS[0])])
    if together:
        assert store.remove_all([job.id]) == 1
    else:
        store.remove(job.id)
    assert published.listed(None) == [other]


def test_a_damaged_row_costs_itself_alone(published: ServiceStore, database: Database) -> None:
    published.replace(JOBS[0], [make_service(job_id=JOBS[0], name=name) for name in "ab"])
    database.execute("UPDATE dragoman_services SET service = '{}' WHERE name = 'a'")
    assert [service.name for service in published.listed(None)] == ["b"]
    with pytest.raises(NoSuchService):
        published.get("a")
    assert not published.readable(JOBS[0])
    assert published.readable(JOBS[1])
