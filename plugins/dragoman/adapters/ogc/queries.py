"""Query parameters of the lists; each that is wrong is named, with what is allowed. Pure.

The arguments are a mapping of name to all of its values, in order.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from dragoman.errors import InvalidQueryParameter
from dragoman.model.job import JobQuery
from dragoman.model.status import PART_1, JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

type Arguments = Mapping[str, Sequence[str]]

MAX_LIMIT: Final = 10_000
DEFAULT_JOBS: Final = 100
MAX_OFFSET: Final = 10**9
MAX_KEY: Final = 10**18 - 1

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(
    rf"({_DATE.pattern})[Tt]([0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}})"
    r"(\.[0-9]{1,9})?([Zz]|[+\- ][0-9]{2}:[0-9]{2})?"
)


def bad(name: str, value: str, allowed: str) -> InvalidQueryParameter:
    """The error for one parameter."""
    return InvalidQueryParameter(f"parameter '{name}': got {value[:100]!r}; allowed: {allowed}")


def whole(arguments: Arguments, name: str, default: int, least: int, most: int) -> int:
    """A whole number from ``least`` to ``most``, both inclusive."""
    text = _first(arguments, name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,18}", text) or not least <= int(text) <= most:
        raise bad(name, text, f"a whole number from {least} to {most}")
    return int(text)


def words(arguments: Arguments, name: str) -> tuple[str, ...]:
    """A list: separated by commas, or by repetition, or both; each word once."""
    listed = [word.strip() for text in arguments.get(name, ()) for word in text.split(",")]
    return tuple(dict.fromkeys(word for word in listed if word))


def process_ids(arguments: Arguments) -> tuple[str, ...]:
    """``processID``: any text that an id may be; ids that do not exist match nothing."""
    ids = words(arguments, "processID")
    for process_id in ids:
        if not process_id.isprintable():
            raise bad("processID", process_id, "ids of processes")
    return ids


def job_query(arguments: Arguments) -> JobQuery:
    """Which jobs to list (job-list, 18-062r2 clause 11); raises InvalidQueryParameter."""
    for kind in words(arguments, "type"):
        if kind != "process":
            raise bad("type", kind, "process")
    created_from, created_to = _interval(_first(arguments, "datetime"))
    return JobQuery(
        process_ids=process_ids(arguments),
        statuses=_statuses(words(arguments, "status")),
        created_from=created_from,
        created_to=created_to,
        min_duration=_seconds(arguments, "minDuration"),
        max_duration=_seconds(arguments, "maxDuration"),
        limit=whole(arguments, "limit", DEFAULT_JOBS, 1, MAX_LIMIT),
        offset=whole(arguments, "offset", 0, 0, MAX_OFFSET),
        after=whole(arguments, "after", 0, 0, MAX_KEY) if arguments.get("after") else None,
    )


def _first(arguments: Arguments, name: str) -> str | None:
    values = arguments.get(name, ())
    return values[0] if values else None


def _statuses(names: Sequence[str]) -> tuple[JobStatus, ...]:
    for name in names:
        if name not in PART_1:
            raise bad("status", name, ", ".join(PART_1))
    return tuple(status for status in JobStatus if status.in_part_1 in names)


def _seconds(arguments: Arguments, name: str) -> float | None:
    text = _first(arguments, name)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 1e9:
        raise bad(name, text, "seconds, from 0 to 1e9")
    return seconds


def _interval(interval: str | None) -> tuple[datetime | None, datetime | None]:
    return (None, None) if interval is None else parse_interval(interval)


def parse_interval(interval: str) -> tuple[datetime | None, datetime | None]:
    """``datetime`` as first and last moment, both inclusive, None where open (OGC API - Common, datetime).

    An instant is as long as its precision: a date is the whole day, a time without a fraction the whole
    second. A time without an offset is UTC. Raises InvalidQueryParameter.
    """
    ends = interval.strip().split("/")
    if len(ends) == 1 and ends[0] not in ("", ".."):
        return _moments(ends[0], interval)
    if len(ends) != 2:
        raise _bad_interval(interval)
    start, end = ((None, None) if end in ("", "..") else _moments(end, interval) for end in ends)
    if start[0] is not None and end[1] is not None and start[0] > end[1]:
        raise bad("datetime", interval, "an interval whose start is not after its end")
    return start[0], end[1]


def _moments(text: str, interval: str) -> tuple[datetime, datetime]:
    """First and last moment of an instant."""
    try:
        if _DATE.fullmatch(text):
            day = datetime.combine(date.fromisoformat(text), time(), UTC)
            return day, day + (timedelta(days=1) - timedelta.resolution)
        match = _TIME.fullmatch(text)
        if match is None:
            raise _bad_interval(interval)
        return _instant(match)
    except (ValueError, OverflowError):
        raise _bad_interval(interval) from None


def _instant(match: re.Match[str]) -> tuple[datetime, datetime]:
    day, clock, fraction, offset = match.groups()
    zone = (offset or "Z").upper().replace(" ", "+")  # a '+' that was not escaped arrives as a space
    digits = (fraction or ".")[1:7]
    start = datetime.fromisoformat(f"{day}T{clock}.{digits:0<6}{zone}").astimezone(UTC)
    return start, start + timedelta(microseconds=10 ** (6 - len(digits)) - 1)


def _bad_interval(interval: str) -> InvalidQueryParameter:
    return bad(
        "datetime",
        interval,
        "an RFC 3339 date or time, or an interval start/end with .. or nothing for an open end",
    )
