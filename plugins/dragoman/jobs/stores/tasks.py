"""The TaskStore in the jobs' database."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Integer, bindparam, case, delete, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from dragoman.errors import NoSuchTask
from dragoman.jobs.json_codec import from_micros, to_micros
from dragoman.jobs.stores import with_driver
from dragoman.jobs.stores.conditions import storable
from dragoman.jobs.stores.session import SqlSession
from dragoman.jobs.stores.tables import ASSETS, JOBS, TASKS
from dragoman.model.status import FINISHED, JobStatus
from dragoman.model.task import Asset, AssetState, Tally, Task, TaskPlan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.sql.base import Executable

UNFINISHED: Final = sorted(str(status) for status in JobStatus if status not in FINISHED)


def open_task_store(url: str) -> SqlTaskStore:
    """The tasks in the database at ``url``; raises as ``stores.open_store``."""
    return with_driver(url, SqlTaskStore)


class SqlTaskStore:
    """See ``dragoman.jobs.task_ports.TaskStore``."""

    def __init__(self, url: str) -> None:
        self._session = SqlSession(url)

    def add(self, task: Task) -> None:
        """See the port."""
        self._session.check_file()
        row = {
            "id": task.id,
            "application": task.plan.application,
            "plan": json.dumps(asdict(task.plan), separators=(",", ":")),
            "created": to_micros(task.created),
            "fed": to_micros(task.fed),
            "short": int(task.short),
        }
        try:
            self._session.run(_insert_task(), row)
        except IntegrityError as error:
            raise ValueError(f"the id of task {task.id} is taken") from error

    def get(self, task_id: str) -> Task:
        """See the port."""
        rows, _ = self._session.run(_select_task(), {"old_id": task_id}) if storable(task_id) else ((), 0)
        if not rows:
            raise NoSuchTask(f"there is no task '{task_id}'")
        return _task(rows[0])

    def tally(self, task_id: str) -> Tally:
        """See the port."""
        row = self._session.run(_count_assets(), {"old_task": task_id})[0][0]
        return Tally(
            announced=int(row["announced"]),
            whole=int(row["whole"] or 0),
            failed=int(row["failed"] or 0),
            settled=from_micros(row["settled"]),
        )

    def growing(self) -> list[Task]:
        """See the port."""
        return [_task(row) for row in self._session.run(_growing(), {})[0]]

    def unfinished(self, application: str | None = None) -> int:
        """See the port."""
        values = {} if application is None else {"old_application": application}
        if application is not None and not storable(application):
            return 0
        return int(self._session.run(_unfinished(application is not None), values)[0][0]["n"])

    def feed(self, task_id: str, assets: Sequence[Asset], moment: datetime, *, short: bool) -> None:
        """See the port."""
        with self._session.transaction() as connection:
            connection.execute(insert(ASSETS), [_row(task_id, asset) for asset in assets])
            values = {"old_id": task_id, "new_fed": to_micros(moment), "new_short": int(short)}
            connection.execute(_fed(), values)

    def assets(self, task_id: str, *states: AssetState, limit: int | None = None) -> list[Asset]:
        """See the port."""
        values: dict[str, Any] = {"old_task": task_id, "most": -1 if limit is None else limit}
        values |= {f"state_{n}": str(state) for n, state in enumerate(states)}
        statement = _assets(len(states), limited=limit is not None)
        if limit is None:
            del values["most"]
        return [_asset(row) for row in self._session.run(statement, values)[0]]

    def asset(self, task_id: str, number: int) -> Asset:
        """See the port."""
        rows, _ = self._session.run(_select_asset(), {"old_task": task_id, "old_number": number})
        if not rows:
            raise NoSuchTask(f"task '{task_id}' has no asset {number}")
        return _asset(rows[0])

    def settle(self, task_id: str, asset: Asset, moment: datetime) -> bool:
        """See the port; what a power cut takes back is fetched again, or found whole."""
        values = {
            "old_task": task_id,
            "old_number": asset.number,
            "state": str(asset.state),
            "media_type": _encoded(asset.media_type),
            "size": asset.size,
            "sha256": asset.sha256,
            "reason": _encoded(asset.reason),
            "settled": to_micros(moment),
        }
        return self._session.run(_settle(), values, durable=False)[1] == 1

    def reopen(self, task_id: str, number: int) -> None:
        """See the port."""
        values = {"old_task": task_id, "old_number": number, "state": str(AssetState.AWAITED)}
        self._session.run(_reopen(), values, durable=False)

    def sweep(self) -> int:
        """See the port."""
        with self._session.transaction() as connection:
            lost = ~exists().where(JOBS.c.id == TASKS.c.id)
            connection.execute(delete(ASSETS).where(ASSETS.c.task.in_(select(TASKS.c.id).where(lost))))
            return connection.execute(delete(TASKS).where(lost)).rowcount

    def close(self) -> None:
        """See the port."""
        self._session.close()


def _task(row: Mapping[str, Any]) -> Task:
    created = from_micros(row["created"])
    assert created is not None
    return Task(
        id=row["id"],
        plan=TaskPlan(**json.loads(row["plan"])),
        created=created,
        fed=from_micros(row["fed"]),
        short=bool(row["short"]),
        owner=row["owner"],
    )


def _encoded(text: str) -> str:
    """A text as the database can hold it: any character that it cannot is written out, as JSON would."""
    return text if storable(text) else json.dumps(text)


def _row(task_id: str, asset: Asset) -> dict[str, Any]:
    row = {name: getattr(asset, name) for name in Asset.__slots__}
    row |= {
        "task": task_id,
        "sent_name": _encoded(asset.sent_name),
        "attributes": json.dumps(dict(asset.attributes), separators=(",", ":")),
        "state": str(asset.state),
        "settled": None,
    }
    return row


def _asset(row: Mapping[str, Any]) -> Asset:
    values = {name: row[name] for name in Asset.__slots__}
    values["attributes"] = json.loads(values["attributes"])
    values["state"] = AssetState(values["state"])
    return Asset(**values)


@cache
def _insert_task() -> Executable:
    return insert(TASKS).values({column.name: bindparam(column.name) for column in TASKS.c})


def _tasks() -> Select[Any]:
    return select(TASKS, JOBS.c.owner).join(JOBS, JOBS.c.id == TASKS.c.id)


@cache
def _select_task() -> Executable:
    return _tasks().where(TASKS.c.id == bindparam("old_id"))


@cache
def _count_assets() -> Executable:
    def number(state: AssetState) -> Any:
        return func.sum(case((ASSETS.c.state == str(state), 1), else_=0))

    return select(
        func.count().label("announced"),
        number(AssetState.WHOLE).label("whole"),
        number(AssetState.FAILED).label("failed"),
        func.max(ASSETS.c.settled).label("settled"),
    ).where(ASSETS.c.task == bindparam("old_task"))


@cache
def _growing() -> Executable:
    return _tasks().where(JOBS.c.status == str(JobStatus.CREATED)).order_by(JOBS.c.seq)


@cache
def _unfinished(one: bool) -> Executable:
    number = select(func.count().label("n")).select_from(TASKS).join(JOBS, JOBS.c.id == TASKS.c.id)
    number = number.where(or_(*(JOBS.c.status == status for status in UNFINISHED)))
    return number.where(TASKS.c.application == bindparam("old_application")) if one else number


@cache
def _fed() -> Executable:
    short = case((bindparam("new_short", type_=Integer) == 1, 1), else_=TASKS.c.short)
    return (
        update(TASKS).where(TASKS.c.id == bindparam("old_id")).values(fed=bindparam("new_fed"), short=short)
    )


@cache
def _assets(states: int, *, limited: bool) -> Executable:
    statement = select(ASSETS).where(ASSETS.c.task == bindparam("old_task")).order_by(ASSETS.c.number)
    if states:
        statement = statement.where(or_(*(ASSETS.c.state == bindparam(f"state_{n}") for n in range(states))))
    return statement.limit(bindparam("most", type_=Integer)) if limited else statement


@cache
def _select_asset() -> Executable:
    return select(ASSETS).where(
        ASSETS.c.task == bindparam("old_task"), ASSETS.c.number == bindparam("old_number")
    )


@cache
def _reopen() -> Executable:
    return (
        update(ASSETS)
        .where(
            ASSETS.c.task == bindparam("old_task"),
            ASSETS.c.number == bindparam("old_number"),
            ASSETS.c.state == str(AssetState.WHOLE),
        )
        .values(state=bindparam("state"))
    )


@cache
def _settle() -> Executable:
    names = ("state", "media_type", "size", "sha256", "reason", "settled")
    return (
        update(ASSETS)
        .where(
            ASSETS.c.task == bindparam("old_task"),
            ASSETS.c.number == bindparam("old_number"),
            ASSETS.c.state == str(AssetState.AWAITED),
        )
        .values({name: bindparam(name) for name in names})
    )
