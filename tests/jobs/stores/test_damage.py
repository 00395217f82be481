"""A page of SQLite's file that makes no sense costs what it holds, and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from jobmaking import WORKER, make_job

from dragoman.errors import JobUnreadable
from dragoman.jobs.engine.housekeeping import expire
from dragoman.jobs.readiness import warnings
from dragoman.jobs.stores import open_store
from dragoman.model.job import JobQuery, JobRequest
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragoman.jobs.stores.sql import SqlStore
    from dragoman.model.job import Job

STATES = (JobStatus.ACCEPTED, JobStatus.RUNNING, JobStatus.SUCCESSFUL)
JOBS = 60
NOW = datetime.now(UTC)


class Nothing:
    """No files."""

    def clear(self, job_id: str) -> None:
        """There are none."""

    def job_ids(self, older_than: float) -> Iterator[str]:
        """There are none."""
        yield from ()

    def empty_trash(self) -> None:
        """There is none."""


def fill(store: SqlStore) -> dict[str, JobStatus]:
    """Jobs of every state in turn, long enough to lie on several pages."""
    jobs: dict[str, JobStatus] = {}
    for number in range(JOBS):
        job: Job = make_job(request=JobRequest(), message="m" * 700, lease_until=None)
        store.add(job)
        status = STATES[number % 3]
        if status is not JobStatus.ACCEPTED:
            assert store.claim(job.id, WORKER, -1.0) is not None
        if status is JobStatus.SUCCESSFUL:
            store.transition(job.id, status)
        jobs[job.id] = status
    return jobs


def spoil(path: Path) -> None:
    """Write over one leaf of the table of jobs, in the middle."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = database.execute("PRAGMA page_size").fetchone()[0]
        root = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'dragoman_jobs'").fetchone()[
            0
        ]
    content = bytearray(path.read_bytes())
    page = content[(root - 1) * size : root * size]
    assert page[0] == 5, "the table has several pages"
    cells = int.from_bytes(page[3:5], "big")
    pointer = int.from_bytes(page[12 + 2 * (cells // 2) :][:2], "big")
    leaf = int.from_bytes(page[pointer : pointer + 4], "big")
    content[(leaf - 1) * size : leaf * size] = b"\xa5" * size
    path.write_bytes(content)


@pytest.fixture
def jobs(tmp_path: Path) -> dict[str, JobStatus]:
    store = open_store(f"sqlite:///{tmp_path}/jobs.db")
    jobs = fill(store)
    assert not store.damaged()
    store.close()
    spoil(tmp_path / "jobs.db")
    return jobs


def test_what_lies_elsewhere_is_read_and_written(tmp_path: Path, jobs: dict[str, JobStatus]) -> None:
    store = open_store(f"sqlite:///{tmp_path}/jobs.db")
    try:
        readable = set()
        for job_id in jobs:
            try:
                readable.add(store.get(job_id).id)
            except JobUnreadable:
                continue
        assert JOBS // 2 < len(readable) < JOBS
        for status in STATES:
            listed = store.find(JobQuery(statuses=(status,), limit=JOBS)).jobs
            assert {job.id for job in listed} == {id for id in readable if jobs[id] is status}
        waiting = {id for id in readable if jobs[id] is JobStatus.ACCEPTED}
        assert {job.id for job in store.waiting()} == set(store.waiting_ids()) == waiting
        expired = {job.id for job in store.expired(datetime.now(UTC))}
        assert expired == {id for id in readable if jobs[id] is JobStatus.RUNNING}
        assert sum(store.counts().values()) == JOBS
        store.add(new := make_job())
        assert store.claim(new.id, WORKER, 30.0) is not None
        assert store.transition(new.id, JobStatus.SUCCESSFUL).status is JobStatus.SUCCESSFUL
        ended = {id for id in readable if jobs[id] is JobStatus.SUCCESSFUL} | {new.id}
        assert expire(store, Nothing(), -timedelta(hours=1).total_seconds()) == len(ended)
    finally:
        store.close()


def test_every_process_says_so(tmp_path: Path, jobs: dict[str, JobStatus]) -> None:
    store, other = open_store(f"sqlite:///{tmp_path}/jobs.db"), open_store(f"sqlite:///{tmp_path}/jobs.db")
    try:
        store.waiting()
        assert store.damaged()
        assert "malformed" in (tmp_path / "jobs.db.damaged").read_text()
        assert "passed over" in warnings(other)[0]
    finally:
        store.close()
        other.close()
