"""The JobStore on SQLAlchemy Core: one implementation for SQLite and PostgreSQL."""

from __future__ import annotations

import json
import os
import weakref
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, func, insert, inspect, select, update
from sqlalchemy.exc import IntegrityError

from dragoman.errors import (
    IdempotencyConflict,
    IllegalTransition,
    NoSuchJob,
    QueueFull,
    SettingsError,
    Unavailable,
)
from dragoman.jobs.json_codec import dump_fields, load_fields, to_micros
from dragoman.jobs.stores import job_counters, statements
from dragoman.jobs.stores.availability import AvailabilityGuard
from dragoman.jobs.stores.conditions import asked_for, shape_of, storable, values_of
from dragoman.jobs.stores.engine_lock import ADVISORY_KEY, EngineLock
from dragoman.jobs.stores.outage_log import OutageLog
from dragoman.jobs.stores.sqlite_direct import SqliteDirect
from dragoman.jobs.stores.tables import ALONE, META, METADATA, VERSION, WRITING, open_engine
from dragoman.model.job import Job, JobPage, JobQuery, WorkerIdentity
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import RowMapping
    from sqlalchemy.sql.base import Executable

TEXTS = frozenset({"runtime", "principal", "request", "worker", "outputs", "failure"})
"""Fields that are kept as JSON text."""

REPEATED = frozenset({"runtime", "principal", "worker"})
"""Those of them that many jobs have in common."""

LONE_TEXTS = TEXTS - REPEATED
APART = REPEATED | {"seq", "owner"}
"""Columns that are no fields of Job, or are read apart."""


SELECT_VERSION = select(META.c.value).where(META.c.key == "version")


class SqlStore:
    """See ``dragoman.jobs.ports.JobStore``."""

    def __init__(self, url: str) -> None:
        lite = url.startswith("sqlite")
        self._reach = AvailabilityGuard(rests=not lite)
        self._outages: OutageLog | None = None  # while it is opened, whoever opens it is told
        with self._reaching():
            self._engine = open_engine(url)
            self._light_engine = open_engine(url, durable=False)
        self._hold = None if lite else EngineLock(self._engine)
        self._direct: dict[bool, SqliteDirect] = {}
        if lite:
            self._direct = {True: SqliteDirect(self._engine), False: SqliteDirect(self._light_engine)}
        self._durable = self._engine.execution_options(**ALONE)
        self._light = self._light_engine.execution_options(**ALONE)
        try:
            self._make_tables()
        except BaseException:  # whatever it was goes on; the connections do not
            self.close()
            raise
        self._outages = OutageLog(url)
        self._file = _identity(self._engine)
        os.register_at_fork(after_in_child=partial(_forked, weakref.ref(self)))

    def add(self, job: Job, *, queue_limit: int | None = None) -> Job:
        """See the port."""
        self._check_file()
        try:
            if queue_limit is None:
                self._write(statements.insert_job(), _columns(job))
            else:
                self._add_within(job, queue_limit)
        except (IntegrityError, QueueFull) as refusal:
            return self._first(job, refusal)
        return job

    def get(self, job_id: str) -> Job:
        """See the port."""
        rows: Sequence[Mapping[str, Any]] = ()
        if storable(job_id):
            rows = self._write(statements.select_job(), {"old_id": job_id})[0]
        if not rows:
            raise NoSuchJob(f"there is no job '{job_id}'")
        return _job(rows[0])

    def find(self, query: JobQuery) -> JobPage:
        """See the port."""
        asked = asked_for(query)
        shape, values = shape_of(asked), values_of(asked)
        matched = int(self._write(statements.count_matched(shape), values)[0][0]["matched"])
        # Without more than there are, a search for the last of a few ends where it has found them.
        limit = min(query.limit, matched - query.offset)
        if limit <= 0:
            return JobPage(jobs=(), matched=matched)
        place = {"page_limit": limit, "page_offset": query.offset}
        rows, _ = self._write(statements.select_page(shape), {**values, **place})
        return JobPage(jobs=tuple(_job(row) for row in rows), matched=matched)

    def waiting(self) -> list[Job]:
        """See the port."""
        with self._reading() as connection:
            return [_job(row) for row in connection.execute(statements.select_waiting()).mappings()]

    def waiting_ids(self) -> list[str]:
        """See the port."""
        with self._reading() as connection:
            return list(connection.execute(statements.select_waiting_ids()).scalars())

    def claim(self, job_id: str, worker: WorkerIdentity, lease: float) -> Job | None:
        """See the port."""
        now = datetime.now(UTC)
        values = _encode(
            {
                "status": JobStatus.RUNNING,
                "worker": worker,
                "started": now,
                "lease_until": now + timedelta(seconds=lease),
                "progress": 0,
                "message": "",
                "updated": now,
            }
        )
        rows, _ = self._write(statements.claim(tuple(values)), {**values, "old_id": job_id}, durable=False)
        return _job(rows[0]) if rows else None

    def transition(
        self, job_id: str, target: JobStatus, *, attempt: int | None = None, **changes: Any
    ) -> Job:
        """See the port."""
        now = datetime.now(UTC)
        ends = {"finished": now, "lease_until": None} if target.finished else {}
        values = _encode({"status": target, **changes, "updated": now, **ends})
        statement = statements.move(target, tuple(values), fenced=attempt is not None)
        fence = {} if attempt is None else {"old_attempts": attempt}
        durable = target is JobStatus.DISMISSED  # whatever else is lost with the power is done again
        rows, _ = self._write(statement, {**values, "old_id": job_id, **fence}, durable=durable)
        if not rows:
            current = self.get(job_id)
            raise IllegalTransition(f"job '{job_id}' is {current.status} and cannot become {target}")
        return _job(rows[0])

    def report(self, job_id: str, attempt: int, **changes: Any) -> bool:
        """See the port."""
        values = _encode({**changes, "updated": datetime.now(UTC)})
        _, changed = self._write(
            statements.report(tuple(values)),
            {**values, "old_id": job_id, "old_attempts": attempt},
            durable="outputs" in values,
        )
        return changed == 1

    def expired(self, now: datetime) -> list[Job]:
        """See the port."""
        with self._reading() as connection:
            rows = connection.execute(statements.select_expired(), {"old_lease_until": to_micros(now)}).all()
        return [_job(row._mapping) for row in rows]

    def remove(self, job_id: str) -> None:
        """See the port."""
        _, changed = self._write(statements.remove(), {"old_id": job_id})
        if changed == 0:
            raise IllegalTransition(
                f"job '{job_id}' is {self.get(job_id).status}; only a finished job can be removed"
            )

    def remove_all(self, job_ids: Sequence[str]) -> int:
        """See the port."""
        with self._reaching(), self._engine.execution_options(**WRITING).begin() as connection:
            return connection.execute(statements.remove_all(), {"old_ids": list(job_ids)}).rowcount

    def counts(self, *, process_ids: Sequence[str] = (), owner: str | None = None) -> Mapping[JobStatus, int]:
        """See the port."""
        asked = asked_for(JobQuery(process_ids=tuple(process_ids), owner=owner))
        rows, _ = self._write(statements.count_states(shape_of(asked)), values_of(asked))
        return dict.fromkeys(JobStatus, 0) | {JobStatus(row["status"]): int(row["matched"]) for row in rows}

    def check_writable(self) -> None:
        """Write something durable; raises Unavailable."""
        self._check_file()
        now = str(to_micros(datetime.now(UTC)))
        with self._writing() as connection:
            connection.execute(update(META).where(META.c.key == "checked").values(value=now))

    @property
    def shared(self) -> bool:
        """Whether engines of several hosts may come to work on it, one after another."""
        return self._hold is not None

    def _check_file(self) -> None:
        """SQLite goes on writing to a file that was deleted; what is accepted there would be lost."""
        if _identity(self._engine) != self._file:
            raise Unavailable("the job store cannot be used: its file is gone, or is another one")

    def lock_engine(self) -> bool:
        """Hold this database for one embedded engine, until the process ends; False if another host's does.

        To be asked again now and then: a hold that was lost with its connection is taken again, if it is free.
        SQLite needs none: its file lies in HOME, which the engine's lock file guards.
        """
        if self._hold is None:
            return True
        with self._reaching():
            return self._hold.take()

    def close(self) -> None:
        """Close every connection."""
        if self._hold is not None:
            self._hold.close()
        for direct in self._direct.values():
            direct.close()
        self._engine.dispose()
        self._light_engine.dispose()

    def _after_fork(self) -> None:
        """A forked server process must not share connections with its parent: each would read the other's answers."""
        for direct in self._direct.values():
            direct.leave()
        self._engine.dispose(close=False)
        self._light_engine.dispose(close=False)

    def _make_tables(self) -> None:
        with self._reaching(), self._engine.execution_options(**WRITING).begin() as connection:
            if connection.dialect.name == "postgresql":  # two that make the tables at once would collide
                connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_KEY + 1)))
            METADATA.create_all(connection)
            job_counters.keep(connection)
            _check_version(connection)

    def _first(self, job: Job, refusal: IntegrityError | QueueFull) -> Job:
        """The job that has this one's idempotency key; raises what else stands in the way of a new one."""
        first = self._same_key(job)
        if first is None:
            if isinstance(refusal, QueueFull):
                raise refusal
            raise ValueError(f"the job id {job.id} is taken") from refusal
        if first.fingerprint != job.fingerprint:
            raise IdempotencyConflict(
                f"the Idempotency-Key was used for another request to '{job.process_id}'"
            ) from refusal
        return first

    def _add_within(self, job: Job, queue_limit: int) -> None:
        with self._reaching(), self._engine.execution_options(**WRITING).begin() as connection:
            _check_queue(connection, queue_limit)
            connection.execute(statements.insert_job(), _columns(job))

    def _same_key(self, job: Job) -> Job | None:
        if job.idempotency_key is None:
            return None
        key = {
            "old_owner": job.principal.id,
            "old_process_id": job.process_id,
            "old_idempotency_key": job.idempotency_key,
        }
        with self._reading() as connection:
            row = connection.execute(statements.select_same_key(), key).one_or_none()
        return None if row is None else _job(row._mapping)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Turn a database that cannot be reached, or is full or read-only, into Unavailable; log why."""
        try:
            with self._reach():
                yield
        except Unavailable as error:
            if self._outages is not None and error.__cause__ is not None:
                self._outages.note(error.__cause__)
            raise

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """For one statement, or several that need not see one moment."""
        with self._reaching(), self._durable.connect() as connection:
            yield connection

    def _write(
        self, statement: Executable, values: Mapping[str, Any], *, durable: bool = True
    ) -> tuple[Sequence[Mapping[str, Any]], int]:
        """One statement: the rows it returns, and how many it changed."""
        if self._direct:
            with self._reaching():
                return self._direct[durable].run(statement, values)
        with self._writing(durable=durable) as connection:
            result: Any = connection.execute(statement, values)
            return (result.mappings().all() if result.returns_rows else ()), result.rowcount

    @contextmanager
    def _writing(self, *, durable: bool = True) -> Iterator[Connection]:
        """For one statement. What a power cut would only have done again (a claim, a report) need not wait."""
        with self._reaching(), (self._durable if durable else self._light).begin() as connection:
            yield connection


def _identity(engine: Engine) -> tuple[int, int] | None:
    """Which file an SQLite database is; None where there is none."""
    try:
        found = os.stat(engine.url.database or "") if engine.dialect.name == "sqlite" else None
    except OSError:
        found = None
    return found and (found.st_dev, found.st_ino)


def examine(url: str) -> None:
    """Reach a database and look at its schema, changing nothing; raises what opening a store there would."""
    engine = open_engine(url)
    try:
        with AvailabilityGuard(rests=False)(), engine.connect() as connection:
            if inspect(connection).has_table(META.name):
                _refuse_newer(connection.execute(SELECT_VERSION).scalar_one_or_none())
    finally:
        engine.dispose()


def _check_queue(connection: Connection, limit: int) -> None:
    waiting = connection.execute(statements.count_waiting()).scalar_one()
    if waiting >= limit:
        raise QueueFull(f"{waiting} jobs are waiting already; try again later")


def _check_version(connection: Connection) -> None:
    found = connection.execute(SELECT_VERSION).scalar_one_or_none()
    if found is None:
        connection.execute(
            insert(META), [{"key": "version", "value": str(VERSION)}, {"key": "checked", "value": "0"}]
        )
    _refuse_newer(found)


def _refuse_newer(version: str | None) -> None:
    if version is not None and int(version) > VERSION:
        raise SettingsError(
            f"server.manager.connection: the store has schema {version}, this dragoman knows {VERSION}"
        )


def _encode(fields: Mapping[str, Any]) -> dict[str, Any]:
    data = dump_fields(fields)
    if not storable(data.get("message", "")):  # an algorithm's words, of whatever bytes it had read
        data["message"] = data["message"].encode("utf-8", "replace").decode().replace("\0", "?")
    return {
        name: json.dumps(value) if name in TEXTS and value is not None else value
        for name, value in data.items()
    }


def _forked(reference: weakref.ref[SqlStore]) -> None:
    store = reference()
    if store is not None:
        store._after_fork()


def _columns(job: Job) -> dict[str, Any]:
    return {**_encode({name: getattr(job, name) for name in Job.__slots__}), "owner": job.principal.id}


def _job(row: Mapping[str, Any] | RowMapping) -> Job:
    data = {name: value for name, value in row.items() if name not in APART}
    for name in LONE_TEXTS & data.keys():
        if data[name] is not None:
            data[name] = json.loads(data[name])
    return Job(**load_fields(data), **{name: _repeated(name, row[name]) for name in REPEATED})


@lru_cache(maxsize=256)
def _repeated(name: str, text: str | None) -> Any:
    """A value that cannot change, read once for all the jobs that share it; it took a third of a list's time."""
    return load_fields({name: None if text is None else json.loads(text)})[name]
