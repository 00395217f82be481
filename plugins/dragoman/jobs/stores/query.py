"""JobQuery as SQL conditions."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, func

from dragoman.jobs.codec import to_micros
from dragoman.jobs.stores.schema import JOBS

if TYPE_CHECKING:
    from dragoman.model.job import JobQuery

LISTED = [column for column in JOBS.c if column.name != "request"]
"""Columns of a listed job: all but its request, which may be long."""


UNSTORABLE = re.compile("[\\0\ud800-\udfff]")


def storable(text: str) -> bool:
    """Whether a database can hold it, or be asked for it: not NUL (PostgreSQL), nor half a surrogate pair."""
    return UNSTORABLE.search(text) is None


def conditions(query: JobQuery) -> list[ColumnElement[bool]]:
    """What a job must meet to be in the answer; all together."""
    column = JOBS.c
    conditions: list[ColumnElement[bool]] = []
    if query.process_ids:
        conditions.append(column.process_id.in_(filter(storable, query.process_ids)))
    if query.statuses:
        conditions.append(column.status.in_([str(status) for status in query.statuses]))
    if query.dialect is not None:
        conditions.append(column.dialect == query.dialect)
    if query.owner is not None:
        conditions.append(column.owner == query.owner)
    return conditions + _times(query) + _durations(query)


def _times(query: JobQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.created_from is not None:
        conditions.append(JOBS.c.created >= to_micros(query.created_from))
    if query.created_to is not None:
        conditions.append(JOBS.c.created <= to_micros(query.created_to))
    if query.finished_before is not None:
        conditions.append(JOBS.c.finished < to_micros(query.finished_before))
    return conditions


def _durations(query: JobQuery) -> list[ColumnElement[bool]]:
    duration = func.coalesce(JOBS.c.finished, to_micros(datetime.now(UTC))) - JOBS.c.started
    conditions: list[ColumnElement[bool]] = []
    if query.min_duration is not None:
        conditions.append(duration >= _micros(query.min_duration))
    if query.max_duration is not None:
        conditions.append(duration <= _micros(query.max_duration))
    return conditions


def _micros(seconds: float) -> int:
    return int(min(seconds * 1_000_000, 2**62))
