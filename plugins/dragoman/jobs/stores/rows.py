"""Jobs and their events as rows, and back. A row that cannot be read costs itself alone."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from dragoman.errors import JobUnreadable
from dragoman.jobs.job_record import dump_record, load_record
from dragoman.jobs.json_codec import from_micros, load_worker
from dragoman.jobs.stores.conditions import storable
from dragoman.model.job import Job
from dragoman.model.job_event import EventKind, JobEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import RowMapping

    type Row = Mapping[str, Any] | RowMapping

LOGGER = logging.getLogger(__name__)

APART = frozenset({"seq", "owner", "token"})
"""Columns that are no fields of Job, or are read apart."""

DAMAGE = (ValueError, OverflowError, TypeError, KeyError, AttributeError, RecursionError)
"""What reading a row raises that somebody has damaged, or that another dragoman has written."""

NOTED = 10_000
"""Damaged rows that are remembered as logged."""


def encode(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a job as columns."""
    data = dump_record(fields)
    if not storable(data.get("message", "")):  # an algorithm's words, of whatever bytes it had read
        data["message"] = data["message"].encode("utf-8", "replace").decode().replace("\0", "?")
    return data


def _fields(row: Row) -> dict[str, Any]:
    data = load_record({name: value for name, value in row.items() if name not in APART})
    return {**data, "token": row["token"] or ""}


def columns(job: Job) -> dict[str, Any]:
    """A whole job as a row."""
    return {**encode(job.fields()), "owner": job.principal.id}


class RowReader:
    """Reads rows; each that cannot be read is logged once."""

    def __init__(self) -> None:
        self._noted: set[str] = set()

    def job(self, row: Row) -> Job:
        """The job of a row; raises JobUnreadable."""
        try:
            return _job(row)
        except DAMAGE as error:
            raise self._unreadable(row["id"], error) from error

    def jobs(self, rows: Iterable[Row]) -> list[Job]:
        """The jobs of those rows that can be read."""
        jobs = []
        for row in rows:
            try:
                jobs.append(_job(row))
            except DAMAGE as error:
                self._note(row["id"], error)
        return jobs

    def _unreadable(self, job_id: str, error: Exception) -> JobUnreadable:
        self._note(job_id, error)
        return JobUnreadable(f"what is stored of job '{job_id}' cannot be read")

    def _note(self, job_id: str, error: Exception) -> None:
        if job_id not in self._noted and len(self._noted) < NOTED:
            self._noted.add(job_id)
            LOGGER.error(
                "a row cannot be read and is passed over: %r",
                error,
                extra={"action": "store", "job_id": job_id},
            )


def events(rows: Iterable[Row]) -> list[JobEvent]:
    """A job's events in the order they happened; each with the worker of its attempt."""
    workers: dict[int, str | None] = {
        row["attempt"]: row["worker"] for row in rows if row["worker"] is not None
    }
    readable = [row for row in rows if row["what"] in EventKind]
    return sorted(
        (_event(row, workers.get(row["attempt"])) for row in readable), key=lambda event: event.place
    )


def _event(row: Row, worker: str | None) -> JobEvent:
    moment = from_micros(row["at"])
    assert moment is not None
    return JobEvent(
        kind=EventKind(row["what"]),
        attempt=row["attempt"],
        moment=moment,
        worker=None if worker is None else load_worker(json.loads(worker)),
        why=row["why"] or "",
    )


def _job(row: Row) -> Job:
    return Job(**_fields(row))
