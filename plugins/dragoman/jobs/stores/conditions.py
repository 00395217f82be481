"""JobQuery as SQL: what it asks for, the shape of that, and the conditions for a shape.

Two queries of one shape differ in their values alone, and so share their statements.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, false, func

from dragoman.jobs.json_codec import to_micros
from dragoman.jobs.stores.tables import BIG, JOBS
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Table

    from dragoman.model.job import JobQuery

type Filters = Mapping[str, Sequence[Any]]
"""Conditions by name, each with its values; all hold together."""

type Shape = tuple[tuple[str, int], ...]
"""Conditions by name, each with how many values it has."""

KNOWN = [column for column in JOBS.c if column.name != "request_as_sent"]
"""Columns of a job that is to be run."""

LISTED = [column for column in KNOWN if column.name != "request"]
"""Columns of a listed job: all but its request, which may be long."""


NOT_STATUS = "not_status"
"""The condition that a job is in any state but one; every table with a status knows it."""

UNSTORABLE = re.compile("[\\0\ud800-\udfff]")


def storable(text: str) -> bool:
    """Whether a database can hold it, or be asked for it: not NUL (PostgreSQL), nor half a surrogate pair."""
    return UNSTORABLE.search(text) is None


def filters_of(query: JobQuery) -> Filters:
    """What a job must meet to be in the answer."""
    return _columns(query) | _times(query) | _durations(query)


def shape_of(filters: Filters) -> Shape:
    """All of it but the values."""
    return tuple((name, len(values)) for name, values in filters.items())


def parameters_of(filters: Filters) -> dict[str, Any]:
    """The values, by the names that ``conditions`` gives their parameters."""
    return {f"{name}_{n}": value for name, values in filters.items() for n, value in enumerate(values)}


def conditions(shape: Shape, table: Table) -> list[ColumnElement[bool]]:
    """What a row of a table that has these columns must meet."""
    comparisons = []
    for name, number in shape:
        parameters = [bindparam(f"{name}_{n}", type_=_type(name)) for n in range(number)]
        if name == NOT_STATUS:
            comparisons.append(table.c.status != parameters[0])
        elif name in table.c:
            comparisons.append(_any_of(table.c[name], parameters))
        else:
            comparisons.append(_compared(name, *parameters))
    return comparisons


def _columns(query: JobQuery) -> dict[str, Sequence[Any]]:
    asked: dict[str, Sequence[Any]] = {}
    if query.process_ids:
        asked["process_id"] = [process_id for process_id in query.process_ids if storable(process_id)]
    if query.statuses:
        asked["status"] = [str(status) for status in query.statuses]
    if not query.drafts:
        asked[NOT_STATUS] = [str(JobStatus.CREATED)]
    if query.dialect is not None:
        asked["dialect"] = [query.dialect]
    if query.owner is not None:
        asked["owner"] = [query.owner]
    return asked


def _times(query: JobQuery) -> dict[str, Sequence[Any]]:
    limits = {
        "created_from": query.created_from,
        "created_to": query.created_to,
        "finished_before": query.finished_before,
    }
    return {name: [to_micros(moment)] for name, moment in limits.items() if moment is not None}


def _durations(query: JobQuery) -> dict[str, Sequence[Any]]:
    limits = {"min_duration": query.min_duration, "max_duration": query.max_duration}
    now = to_micros(datetime.now(UTC))
    return {name: [_micros(limit), now] for name, limit in limits.items() if limit is not None}


def _any_of(column: ColumnElement[Any], parameters: list[BindParameter[Any]]) -> ColumnElement[bool]:
    if len(parameters) == 1:
        return column == parameters[0]
    return column.in_(parameters) if parameters else false()


def _compared(name: str, limit: BindParameter[Any], *now: BindParameter[Any]) -> ColumnElement[bool]:
    row = JOBS.c
    match name:
        case "created_from":
            return row.created >= limit
        case "created_to":
            return row.created <= limit
        case "finished_before":
            return row.finished < limit
    duration = func.coalesce(row.finished, *now) - row.started
    return duration >= limit if name == "min_duration" else duration <= limit


def _type(name: str) -> Any:
    if name == NOT_STATUS:
        return JOBS.c.status.type
    return JOBS.c[name].type if name in JOBS.c else BIG


def _micros(seconds: float) -> int:
    return int(min(seconds * 1_000_000, 2**62))
