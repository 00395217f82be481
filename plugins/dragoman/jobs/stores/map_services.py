"""The ServiceStore in the jobs' database."""

from __future__ import annotations

import json
import logging
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from dragoman.errors import NoSuchService
from dragoman.jobs.json_codec import to_micros
from dragoman.jobs.stores import with_driver
from dragoman.jobs.stores.conditions import storable
from dragoman.jobs.stores.session import SqlSession
from dragoman.jobs.stores.tables import SERVICES
from dragoman.maps.service_codec import dump_service, load_service

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Select
    from sqlalchemy.sql.base import Executable

    from dragoman.model.map_service import MapService

LOGGER = logging.getLogger(__name__)

KEPT: Final = 32
"""Services whose rows need not be decoded again: each picture of a map asks for the same one."""


def open_service_store(url: str) -> SqlServiceStore:
    """The services in the database at ``url``; raises as ``stores.open_store``."""
    return SqlServiceStore(with_driver(url, SqlSession))


def write_services(connection: Connection, job_id: str, services: Iterable[MapService]) -> None:
    """In a transaction that others may share: see ``ServiceStore.replace``; raises IntegrityError."""
    connection.execute(_delete_of_job(), {"old_job": job_id})
    for service in services:
        connection.execute(_insert(), _row(job_id, service))


class SqlServiceStore:
    """See ``dragoman.maps.ports.ServiceStore``."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def replace(self, job_id: str, services: Sequence[MapService]) -> None:
        """See the port."""
        try:
            with self._session.transaction() as connection:
                write_services(connection, job_id, services)
        except IntegrityError as error:
            raise ValueError(f"another job has a service of a name of job {job_id}'s") from error

    def get(self, name: str) -> MapService:
        """See the port."""
        services = self._read(_select_name(), old_name=name) if storable(name) else []
        if not services:
            raise NoSuchService
        return services[0]

    def listed(self, owner: str | None) -> list[MapService]:
        """See the port."""
        if owner is None:
            return self._read(_ordered())
        return self._read(_select_owner(), old_owner=owner) if storable(owner) else []

    def of_job(self, job_id: str) -> list[MapService]:
        """See the port."""
        return self._read(_select_job(), old_job=job_id) if storable(job_id) else []

    def readable(self, job_id: str) -> bool:
        """See the port."""
        if not storable(job_id):
            return True
        rows = self._session.run(_select_job(), {"old_job": job_id})[0]
        return all(_service(row) is not None for row in rows)

    def expired(self, before: datetime) -> list[MapService]:
        """See the port."""
        return self._read(_select_expired(), before=to_micros(before))

    def remove(self, names: Sequence[str]) -> int:
        """See the port."""
        return sum(self._session.run(_delete(), {"old_name": name})[1] for name in names)

    def close(self) -> None:
        """See the port."""
        self._session.close()

    def _read(self, statement: Executable, **values: Any) -> list[MapService]:
        return [
            service
            for row in self._session.run(statement, values)[0]
            if (service := _service(row)) is not None
        ]


def _row(job_id: str, service: MapService) -> dict[str, Any]:
    return {
        "name": service.name,
        "job": job_id,
        "owner": service.owner,
        "temporary": int(service.temporary),
        "created": to_micros(service.created),
        "service": json.dumps(dump_service(service), separators=(",", ":")),
    }


def _service(row: Mapping[str, Any]) -> MapService | None:
    try:
        return _loaded(row["service"])
    except (ValueError, RecursionError) as error:
        LOGGER.warning("service %s cannot be read: %s", row["name"], error, extra={"action": "read"})
        return None


@lru_cache(maxsize=KEPT)
def _loaded(text: str) -> MapService:
    return load_service(json.loads(text))


@cache
def _insert() -> Executable:
    return insert(SERVICES).values({column.name: bindparam(column.name) for column in SERVICES.c})


@cache
def _delete_of_job() -> Executable:
    return delete(SERVICES).where(SERVICES.c.job == bindparam("old_job"))


@cache
def _delete() -> Executable:
    return delete(SERVICES).where(SERVICES.c.name == bindparam("old_name"))


@cache
def _ordered() -> Select[Any]:
    return select(SERVICES).order_by(SERVICES.c.created, SERVICES.c.name)


@cache
def _select_name() -> Executable:
    return select(SERVICES).where(SERVICES.c.name == bindparam("old_name"))


@cache
def _select_owner() -> Executable:
    return _ordered().where(SERVICES.c.owner == bindparam("old_owner"))


@cache
def _select_job() -> Executable:
    return select(SERVICES).where(SERVICES.c.job == bindparam("old_job")).order_by(SERVICES.c.name)


@cache
def _select_expired() -> Executable:
    return _ordered().where(SERVICES.c.temporary == 1, SERVICES.c.created < bindparam("before"))
