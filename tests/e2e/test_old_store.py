"""A database that an earlier version has left is opened, and its jobs are finished."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from enginekit import engine
from postgresql import NoPostgresql, postgresql
from storekit import Database

from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.stores import open_store
from dragoman.model.job_event import EventKind
from dragoman.model.status import JobStatus
from dragoman.workers import process_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

PROCESSES = Path(__file__).parents[2] / "processes"
SPOOLED = "00000000-0000-4000-8000-000000000003"


@contextmanager
def _database(kind: str, home: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{home}/jobs.db"
        return
    try:
        with postgresql() as url:
            yield url
    except NoPostgresql as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_waited_and_what_ran_is_run_to_its_end(tmp_path: Path, kind: str) -> None:
    with _database(kind, tmp_path) as url:
        database = Database(url=url)
        database.restore("version_1", PROCESSES=str(PROCESSES), HOST=socket.gethostname())
        if kind == "postgresql":  # where other hosts may be, the boot says that it was this one
            boot = process_tree.boot_id()
            database.execute(
                f"UPDATE dragoman_jobs SET worker = replace(worker, 'an-earlier-boot', '{boot}')"
            )
        database.close()
        FolderResults(tmp_path).save_request(SPOOLED, json.dumps({"text": [{"value": "job 3"}]}))
        with engine(tmp_path, database_url=url) as kit:
            for number in range(1, 6):
                job = kit.store.get(f"00000000-0000-4000-8000-{number:012d}")
                ended = kit.finished(job)
                assert (ended.status, ended.failure) == (JobStatus.SUCCESSFUL, None)
                assert ended.outputs["text"].value == f"job {number}"
            history = [(event.attempt, event.kind) for event in kit.store.events(job.id)]
        assert history == [(2, EventKind.REQUEUED), (3, EventKind.RUNNING), (3, EventKind.SUCCESSFUL)]
        store = open_store(url)
        try:
            counts = store.counts()
        finally:
            store.close()
    assert (counts[JobStatus.SUCCESSFUL], counts[JobStatus.FAILED], counts[JobStatus.DISMISSED]) == (7, 1, 2)
