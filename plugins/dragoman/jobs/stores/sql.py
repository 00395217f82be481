"""The JobStore on SQLAlchemy Core: one implementation for SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError

from dragoman.errors import (
    IdempotencyConflict,
    IllegalTransition,
    JobUnreadable,
    NoSuchJob,
    QueueFull,
    Unavailable,
)
from dragoman.jobs.json_codec import to_micros
from dragoman.jobs.stores import rows, statements
from dragoman.jobs.stores.availability import AvailabilityGuard
from dragoman.jobs.stores.conditions import filters_of, parameters_of, shape_of, storable
from dragoman.jobs.stores.engines import open_engine
from dragoman.jobs.stores.map_services import SqlServiceStore, write_services
from dragoman.jobs.stores.migrations import refuse_newer
from dragoman.jobs.stores.salvage import is_damage, rows_apart
from dragoman.jobs.stores.session import SqlSession
from dragoman.jobs.stores.tables import JOBS
from dragoman.model.job import Job, JobPage, JobQuery
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragoman.model.job_event import JobEvent
    from dragoman.model.map_service import MapService
    from dragoman.model.worker import WorkerIdentity


class SqlStore:
    """See ``dragoman.jobs.ports.EngineStore``."""

    def __init__(self, url: str) -> None:
        self._session = SqlSession(url)
        self._rows = rows.RowReader()
        self.services = SqlServiceStore(self._session)
        """See the port."""

    def add(self, job: Job, *, queue_limit: int | None = None) -> Job:
        """See the port."""
        self._session.check_file()
        try:
            if queue_limit is None:
                self._session.run(statements.insert_job(), rows.columns(job))
            else:
                self._add_within(job, queue_limit)
        except (IntegrityError, QueueFull) as refusal:
            return self._first(job, refusal)
        return job

    def get(self, job_id: str) -> Job:
        """See the port."""
        try:
            rows = self._select(statements.select_job(), old_id=job_id) if storable(job_id) else ()
        except Unavailable as error:
            if not is_damage(error):
                raise
            raise JobUnreadable(f"what is stored of job '{job_id}' cannot be read") from error
        if not rows:
            raise NoSuchJob(f"there is no job '{job_id}'")
        return self._rows.job(rows[0])

    def find(self, query: JobQuery) -> JobPage:
        """See the port."""
        asked = filters_of(query)
        shape, values = shape_of(asked), parameters_of(asked)
        matched = int(self._select(statements.count_matched(shape), **values)[0]["matched"])
        offset = query.offset if query.after is None else 0
        # Without more than there are, a search for the last of a few ends where it has found them.
        limit = min(query.limit + 1, matched - offset)  # one more tells whether there is a next page
        if limit <= 0 or query.limit <= 0:
            return JobPage(jobs=(), matched=matched)
        place = {"page_limit": limit, "page_offset": offset}
        place |= {} if query.after is None else {"page_after": query.after}
        after = "page_after" in place
        statement, places = (
            statements.select_page(shape, after=after),
            statements.select_page_places(shape, after=after),
        )
        rows = rows_apart(self._session, statement, places, {**values, **place})
        page = rows[: query.limit]
        key = page[-1]["seq"] if len(rows) > len(page) else None
        return JobPage(jobs=tuple(self._rows.jobs(page)), matched=matched, key=key)

    def waiting(self) -> list[Job]:
        """See the port."""
        return self._rows.jobs(self._readable(statements.select_waiting()))

    def waiting_ids(self) -> list[str]:
        """See the port."""
        return [row["id"] for row in self._readable(statements.select_waiting_ids())]

    def claim(self, job_id: str, worker: WorkerIdentity, lease: float) -> Job | None:
        """See the port."""
        values = rows.encode(Job.claim_changes(worker, datetime.now(UTC), lease))
        claimed, _ = self._session.run(
            statements.claim(tuple(values)), {**values, "old_id": job_id}, durable=False
        )
        return self._rows.job(claimed[0]) if claimed else None

    def transition(
        self,
        job_id: str,
        target: JobStatus,
        *,
        token: str | None = None,
        held: Job | None = None,
        services: Sequence[MapService] = (),
        **changes: Any,
    ) -> Job:
        """See the port."""
        now = datetime.now(UTC)
        ends: dict[str, Any] = {"finished": now, "lease_until": None} if target.finished else {}
        changes = {"status": target, **changes, "updated": now, **ends}
        values = rows.encode(changes)
        statement = statements.move(target, tuple(values), fenced=token is not None, whole=held is None)
        fence = {} if token is None else {"old_token": token}
        durable = target is JobStatus.DISMISSED  # whatever else is lost with the power is done again
        where = {**values, "old_id": job_id, **fence}
        if services:
            moved, changed = self._move_with(services, job_id, statement, where)
        else:
            moved, changed = self._session.run(statement, where, durable=durable)
        if not changed:
            current = self.get(job_id)
            raise IllegalTransition(f"job '{job_id}' is {current.status} and cannot become {target}")
        if held is not None:
            reported = moved[0] if moved else {}
            stored = (
                {"message": values["message"]} if "message" in values else {}
            )  # which is not always as given
            return held.evolve(**{**changes, **reported, **stored})
        return self._rows.job(moved[0])

    def _move_with(
        self, services: Sequence[MapService], job_id: str, statement: Any, values: Mapping[str, Any]
    ) -> tuple[Sequence[Mapping[str, Any]], int]:
        """A job moved and its services written, both or neither."""
        with self._session.transaction() as connection:
            result: Any = connection.execute(statement, values)
            moved = result.mappings().all() if result.returns_rows else ()
            changed: int = len(moved) if result.returns_rows else result.rowcount
            if changed:
                write_services(connection, job_id, services)
        return moved, changed

    def report(self, job_id: str, token: str, **changes: Any) -> bool:
        """See the port."""
        values = rows.encode({**changes, "updated": datetime.now(UTC)})
        _, changed = self._session.run(
            statements.report(tuple(values)),
            {**values, "old_id": job_id, "old_token": token},
            durable="outputs" in values,
        )
        return changed == 1

    def expired(self, now: datetime) -> list[Job]:
        """See the port."""
        values = {"old_lease_until": to_micros(now)}
        places = statements.select_running_places()
        running = self._rows.jobs(rows_apart(self._session, statements.select_expired(), places, values))
        return [job for job in running if job.lease_until is not None and job.lease_until < now]

    def finished_ids(self, before: datetime, limit: int) -> list[str]:
        """See the port."""
        finished = self._readable(
            statements.select_finished_ids(), old_finished=to_micros(before), page_limit=limit
        )
        return [row["id"] for row in finished]

    def remove(self, job_id: str) -> None:
        """See the port."""
        _, changed = self._session.run(statements.remove(), {"old_id": job_id})
        if changed == 0:
            raise IllegalTransition(
                f"job '{job_id}' is {self.get(job_id).status}; only a finished job can be removed"
            )

    def remove_all(self, job_ids: Sequence[str]) -> int:
        """See the port."""
        try:
            with self._session.transaction() as connection:
                return connection.execute(statements.remove_all(), {"old_ids": list(job_ids)}).rowcount
        except Unavailable as error:
            if not is_damage(error):
                raise
        return sum(map(self._removed, job_ids))

    def _removed(self, job_id: str) -> bool:
        """Whether the job could be removed, in a file that is damaged somewhere."""
        try:
            return self._session.run(statements.remove(), {"old_id": job_id})[1] == 1
        except Unavailable as error:
            if not is_damage(error):
                raise
            return False

    def damaged(self) -> bool:
        """See the port."""
        return self._session.damage.there()

    def counts(self, *, process_ids: Sequence[str] = (), owner: str | None = None) -> Mapping[JobStatus, int]:
        """See the port."""
        filters = filters_of(JobQuery(process_ids=tuple(process_ids), owner=owner))
        counts = self._select(statements.count_states(shape_of(filters)), **parameters_of(filters))
        counted = {row["status"]: int(row["matched"]) for row in counts}
        return {status: counted.get(str(status), 0) for status in JobStatus}

    def counts_by_process(self) -> Mapping[str, Mapping[JobStatus, int]]:
        """See the port."""
        counted: dict[str, dict[JobStatus, int]] = {}
        for row in self._select(statements.count_processes()):
            states = counted.setdefault(row["process_id"], dict.fromkeys(JobStatus, 0))
            if row["status"] in states:  # else another dragoman's
                states[JobStatus(row["status"])] = int(row["matched"])
        return {process_id: states for process_id, states in counted.items() if any(states.values())}

    def events(self, job_id: str) -> list[JobEvent]:
        """See the port."""
        return rows.events(
            self._select(statements.select_events(), old_id=job_id) if storable(job_id) else ()
        )

    def check_writable(self) -> None:
        """See the port."""
        self._session.check_file()
        self._session.run(statements.note_check(), {"value": str(to_micros(datetime.now(UTC)))})

    @property
    def shared(self) -> bool:
        """See the port."""
        return self._session.lock is not None

    def lock_engine(self) -> bool:
        """See the port."""
        if self._session.lock is None:
            return True
        with self._session.reaching():
            return self._session.lock.take()

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def _select(self, statement: Any, **values: Any) -> Sequence[Mapping[str, Any]]:
        return self._session.run(statement, values)[0]

    def _readable(self, statement: Any, **values: Any) -> Sequence[Mapping[str, Any]]:
        """Those rows that no damage of the file has reached; the conditions are in an index."""
        places = statement.with_only_columns(JOBS.c.seq)
        return rows_apart(self._session, statement, places, values)

    def _add_within(self, job: Job, queue_limit: int) -> None:
        with self._session.transaction() as connection:
            waiting = connection.execute(statements.count_waiting()).scalar_one()
            if waiting >= queue_limit:
                raise QueueFull(f"{waiting} jobs are waiting already; try again later")
            connection.execute(statements.insert_job(), rows.columns(job))

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

    def _same_key(self, job: Job) -> Job | None:
        if job.idempotency_key is None:
            return None
        same = self._select(
            statements.select_same_key(),
            old_owner=job.principal.id,
            old_process_id=job.process_id,
            old_idempotency_key=job.idempotency_key,
        )
        return self._rows.job(same[0]) if same else None


def examine(url: str) -> None:
    """Reach a database and look at its schema, changing nothing; raises what opening a store there would."""
    engine = open_engine(url)
    try:
        with AvailabilityGuard(rests=False)(), engine.connect() as connection:
            refuse_newer(connection)
    finally:
        engine.dispose()
