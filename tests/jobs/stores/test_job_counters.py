"""The tally: right from the first filling on, whoever writes; and what lists read with it."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from jobmaking import ALICE, BOB, WORKER, make_job
from sqlalchemy import inspect, text

from dragoman.jobs.stores import open_store, statements
from dragoman.jobs.stores.conditions import filters_of, parameters_of, shape_of
from dragoman.jobs.stores.job_counters import ROWS_BETWEEN
from dragoman.jobs.stores.migrations import VERSION
from dragoman.model.job import JobQuery
from dragoman.model.status import PART_1, JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from storekit import Database

    from dragoman.jobs.stores.sql import SqlStore

CREATED, ACCEPTED, RUNNING, SUCCESSFUL, FAILED, DISMISSED = JobStatus

VERSION_1 = (
    """
    CREATE TABLE dragoman_jobs (
        seq {serial}, id VARCHAR(36) NOT NULL UNIQUE, process_id TEXT NOT NULL, process_version TEXT NOT NULL,
        dialect TEXT NOT NULL, owner TEXT NOT NULL, principal TEXT NOT NULL, runtime TEXT NOT NULL,
        request TEXT NOT NULL, mode VARCHAR(8) NOT NULL, priority INTEGER NOT NULL, timeout FLOAT,
        status VARCHAR(12) NOT NULL, progress INTEGER NOT NULL, message TEXT NOT NULL, created BIGINT NOT NULL,
        started BIGINT, finished BIGINT, updated BIGINT NOT NULL, attempts INTEGER NOT NULL,
        restarts INTEGER NOT NULL, worker TEXT, lease_until BIGINT, outputs TEXT NOT NULL, failure TEXT,
        idempotency_key TEXT, fingerprint TEXT NOT NULL)
    """,
    "CREATE INDEX dragoman_jobs_status ON dragoman_jobs (status, seq)",
    "CREATE INDEX dragoman_jobs_process ON dragoman_jobs (process_id, seq)",
    "CREATE INDEX dragoman_jobs_owner ON dragoman_jobs (owner, seq)",
    "CREATE INDEX dragoman_jobs_finished ON dragoman_jobs (finished)",
    "CREATE UNIQUE INDEX dragoman_jobs_idempotency ON dragoman_jobs (owner, process_id, idempotency_key)",
    "CREATE TABLE dragoman_meta (key VARCHAR(32) PRIMARY KEY, value TEXT NOT NULL)",
    "INSERT INTO dragoman_meta VALUES ('version', '1'), ('checked', '0')",
)
"""The tables as they were before there was a tally."""

SERIAL = {"sqlite": "INTEGER NOT NULL PRIMARY KEY", "postgresql": "BIGSERIAL PRIMARY KEY"}

ROW = """
    INSERT INTO dragoman_jobs (id, process_id, process_version, dialect, owner, principal, runtime, request, mode,
        priority, status, progress, message, created, updated, attempts, restarts, outputs, fingerprint)
    VALUES ('{id}', '{process_id}', '1.0.0', 'ogc', '{owner}', '{principal}', '{runtime}', '{request}', 'async',
        0, '{status}', 0, '', 0, 0, 0, 0, '[]', '')
"""
PRINCIPAL = json.dumps({"id": "alice", "roles": [], "admin": False})
RUNTIME = json.dumps({"kind": "package", "location": "/packages/echo"})
REQUEST = json.dumps(
    {"inputs": {}, "outputs": None, "response": "raw", "subscriber": None, "spooled": False, "raw": None}
)

WRITER = """
import sys
from jobmaking import WORKER, make_job
from dragoman.jobs.stores import open_store
from dragoman.model.status import PART_1, JobStatus
store, rounds = open_store(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(rounds):
    job = store.add(make_job(process_id="ab"[number % 2]))
    if number % 5 == 0:
        continue
    store.claim(job.id, WORKER, 30)
    if number % 5 == 1:
        store.transition(job.id, JobStatus.ACCEPTED)
        store.claim(job.id, WORKER, 30)
    store.transition(job.id, (JobStatus.SUCCESSFUL, JobStatus.FAILED)[number % 3 == 0])
    if number % 4 == 0:
        store.remove(job.id)
store.close()
"""


@pytest.fixture
def old(database: Database) -> Iterator[Database]:
    """A database as it was before there was a tally: six jobs of each state, of two processes and two owners."""
    database.drop()
    dialect = database.engine.dialect.name
    for statement in VERSION_1:
        database.execute(statement.format(serial=SERIAL[dialect]))
    kinds = itertools.product(("alice", "alice", "bob"), ("a", "b"), PART_1)
    for number, (owner, process_id, status) in enumerate(kinds):
        _insert(database, id=f"old-{number}", owner=owner, process_id=process_id, status=status)
    yield database
    database.drop()


def _insert(database: Database, **fields: str) -> None:
    constants = {"principal": PRINCIPAL, "runtime": RUNTIME, "request": REQUEST}
    row = ROW.format(**fields, **constants).replace(":", r"\:")  # or text() would see parameters
    database.execute(row)


def _rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def _check(database: Database, store: SqlStore) -> int:
    """The tally says what counting the rows says, for every group; returns how many rows there are."""
    counted = _rows(
        database, "SELECT owner, process_id, status, count(*) FROM dragoman_jobs GROUP BY 1, 2, 3"
    )
    tally = "SELECT owner, process_id, status, sum(n) FROM dragoman_tally GROUP BY 1, 2, 3 HAVING sum(n) <> 0"
    assert sorted(_rows(database, tally)) == sorted(counted)
    total: int = sum(row[3] for row in counted)
    assert sum(store.counts().values()) == store.find(JobQuery(limit=0)).matched == total
    return total


def test_a_store_from_before_is_filled_when_it_is_opened(old: Database) -> None:
    with closing(open_store(old.url)) as store:
        assert _check(old, store) == 30
        assert store.counts() == dict.fromkeys(PART_1, 6) | {JobStatus.CREATED: 0}
        page = store.find(JobQuery(owner="alice", statuses=(FAILED,), process_ids=("a",), limit=1))
        assert (page.matched, len(page.jobs)) == (2, 1)
        store.claim("old-0", WORKER, 30)
        store.remove("old-2")
        store.add(make_job())
        assert _check(old, store) == 30
    with closing(open_store(old.url)) as again:
        assert _check(old, again) == 30


def test_what_lists_need_is_made_and_what_they_needed_goes(old: Database) -> None:
    for _ in range(2):
        open_store(old.url).close()
        names = {index["name"] for index in inspect(old.engine).get_indexes("dragoman_jobs")}
        assert {"dragoman_jobs_newest", "dragoman_jobs_state"} <= names
        assert "dragoman_jobs_owner" not in names


def test_an_older_dragoman_that_still_runs_can_go_on_with_it(old: Database) -> None:
    with closing(open_store(old.url)) as store:
        _insert(old, id="another", owner="carol", process_id="c", status="accepted")
        old.execute("UPDATE dragoman_jobs SET status = 'running' WHERE id IN ('another', 'old-0')")
        old.execute("UPDATE dragoman_jobs SET owner = 'carol' WHERE owner = 'bob'")
        old.execute("UPDATE dragoman_jobs SET message = 'x'")
        old.execute("DELETE FROM dragoman_jobs WHERE status = 'failed'")
        assert _check(old, store) == 25
        assert store.find(JobQuery(owner="carol", statuses=(RUNNING,))).matched == 3


def test_one_that_has_lost_its_triggers_is_filled_anew(old: Database) -> None:
    open_store(old.url).close()
    where = "" if old.engine.dialect.name == "sqlite" else " ON dragoman_jobs"
    old.execute(f"DROP TRIGGER dragoman_tally_removed{where}")
    old.execute("DELETE FROM dragoman_jobs WHERE owner = 'bob'")
    with closing(open_store(old.url)) as store:
        assert _check(old, store) == 20


def test_migrate_fills_it(old: Database, tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-P", "-m", "dragoman.cli", "migrate"],
        env=os.environ | {"DRAGOMAN_DATABASE_URL": old.url, "DRAGOMAN_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert f"schema {VERSION}" in told.stdout
    assert _rows(old, "SELECT sum(n) FROM dragoman_tally") == [(30,)]


def test_a_write_that_is_undone_does_not_count(store: SqlStore, database: Database) -> None:
    store.add(make_job())
    with database.engine.connect() as connection:
        connection.execute(text("UPDATE dragoman_jobs SET status = 'failed'"))
        connection.execute(text("DELETE FROM dragoman_jobs"))
        connection.rollback()
    assert _check(database, store) == 1
    assert store.counts()[ACCEPTED] == 1


def test_several_processes_that_write_at_once_keep_it_right(store: SqlStore, database: Database) -> None:
    rounds = 150  # of two: on PostgreSQL the rows are summed up at least once meanwhile
    assert 2 * rounds > ROWS_BETWEEN
    path = os.pathsep.join(entry for entry in sys.path if entry)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, database.url, str(rounds)],
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        for writer in writers:
            writer.communicate(timeout=120)
            assert writer.returncode == 0
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    assert _check(database, store) > rounds


def test_it_stays_small(store: SqlStore, database: Database) -> None:
    store.add(make_job())
    columns = [column["name"] for column in inspect(database.engine).get_columns("dragoman_jobs")]
    copied = ", ".join(name for name in columns if name not in {"seq", "id"})
    numbers = " UNION ALL ".join(f"SELECT {n} AS n" for n in range(50))
    for batch in range(40):
        database.execute(
            f"INSERT INTO dragoman_jobs (id, {copied}) SELECT '{batch}-' || n, {copied}"
            f" FROM dragoman_jobs, ({numbers}) AS numbers"
            " WHERE seq = (SELECT min(seq) FROM dragoman_jobs)"
        )
    for status in ("running", "successful"):
        database.execute(f"UPDATE dragoman_jobs SET status = '{status}'")
    assert _check(database, store) == 2001
    [(rows,)] = _rows(database, "SELECT count(*) FROM dragoman_tally")
    assert rows <= 4 * ROWS_BETWEEN
    database.execute("DELETE FROM dragoman_jobs")
    assert _check(database, store) == 0
    [(rows,)] = _rows(database, "SELECT count(*) FROM dragoman_tally")
    assert rows <= 4 * ROWS_BETWEEN


@pytest.mark.parametrize(
    "query",
    [
        JobQuery(owner="alice"),
        JobQuery(owner="alice", statuses=(FAILED,)),
        JobQuery(owner="alice", statuses=(FAILED, RUNNING)),
        JobQuery(owner="alice", process_ids=("a",)),
        JobQuery(owner="alice", process_ids=("a", "b"), statuses=(SUCCESSFUL,)),
    ],
)
def test_lists_of_an_owner_look_at_no_row_that_is_not_on_the_page(tmp_path: Path, query: JobQuery) -> None:
    with closing(open_store(f"sqlite:///{tmp_path}/jobs.db")) as store:
        place = {"page_limit": 10, "page_offset": 0}
        plan = _plan(
            store,
            statements.select_page(shape_of(filters_of(query))),
            parameters_of(filters_of(query)) | place,
        )
        assert "USING COVERING INDEX dragoman_jobs_" in plan
        assert "TEMP B-TREE" not in plan
        plan = _plan(
            store, statements.count_matched(shape_of(filters_of(query))), parameters_of(filters_of(query))
        )
        assert "dragoman_jobs" not in plan


def _plan(store: SqlStore, statement: Any, values: dict[str, Any]) -> str:
    compiled = statement.compile(store._session.engine)
    bound = compiled.construct_params(values)
    with store._session.engine.connect() as connection:
        arguments = tuple(bound[name] for name in compiled.positiontup)
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", arguments)
        return "\n".join(row[3] for row in rows)


def test_a_page_holds_no_more_than_there_are_and_a_place_after_the_last_none(store: SqlStore) -> None:
    for principal in (ALICE, BOB, ALICE):
        store.add(make_job(principal=principal))
    places = {0: 2, 1: 1, 2: 0, 10**18: 0}
    for offset, number in places.items():
        page = store.find(JobQuery(owner="alice", offset=offset, limit=10))
        assert (page.matched, len(page.jobs)) == (2, number)


def test_more_shapes_of_queries_than_are_kept_leave_the_answers_right(store: SqlStore) -> None:
    job = store.add(make_job())
    shapes = itertools.product(range(12), range(6), (None, "anonymous"), (None, "ogc"), (None, 0.0))
    for number, (processes, states, owner, dialect, least) in enumerate(shapes):
        query = JobQuery(
            process_ids=("echo", *map(str, range(processes)))[:processes],
            statuses=PART_1[:states],
            owner=owner,
            dialect=dialect,
            min_duration=least,
        )
        expected = [] if least is not None else [job.id]  # it has not begun
        assert [each.id for each in store.find(query).jobs] == expected, number
