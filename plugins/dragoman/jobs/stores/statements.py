"""Every statement that is executed again and again, built once for each of its shapes.

Building a statement of SQLAlchemy's costs more than SQLite takes to carry it out: a claim fell from 1.0 to
0.5 ms. Parameters are named ``old_*`` where they are compared and by their column where they are set.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Insert,
    Integer,
    Select,
    String,
    Update,
    bindparam,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from dragoman.jobs.stores.conditions import KNOWN, LISTED, NOT_STATUS, conditions
from dragoman.jobs.stores.tables import BIG, EVENTS, JOBS, META, TALLY
from dragoman.model.job import REPORTED
from dragoman.model.status import FINISHED, JobStatus, sources

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Delete

    from dragoman.jobs.stores.conditions import Shape

SHAPES = 100
"""Shapes of queries whose statements are kept. There is no end to them: a client may name any number of processes."""


@cache
def insert_job() -> Insert:
    """A new row; one parameter a column."""
    return insert(JOBS).values(_set(tuple(column.name for column in JOBS.c if column.name != "seq")))


@cache
def select_job() -> Select[Any]:
    """The job ``old_id``."""
    return select(JOBS).where(JOBS.c.id == bindparam("old_id"))


@cache
def select_waiting() -> Select[Any]:
    """Accepted jobs, the oldest first."""
    return select(*KNOWN).where(JOBS.c.status == str(JobStatus.ACCEPTED)).order_by(JOBS.c.seq)


@cache
def select_waiting_ids() -> Select[str]:
    """The ids of accepted jobs, the oldest first."""
    return select(JOBS.c.id).where(JOBS.c.status == str(JobStatus.ACCEPTED)).order_by(JOBS.c.seq)


@cache
def count_waiting() -> Select[int]:
    """How many are accepted."""
    return select(func.count()).select_from(JOBS).where(JOBS.c.status == str(JobStatus.ACCEPTED))


@cache
def select_expired() -> Select[Any]:
    """Running jobs whose lease ended before ``old_lease_until``."""
    expired = JOBS.c.lease_until < bindparam("old_lease_until")
    return select(*KNOWN).where(JOBS.c.status == str(JobStatus.RUNNING), expired)


@cache
def select_running_places() -> Select[int]:
    """The places of running jobs."""
    return select(JOBS.c.seq).where(JOBS.c.status == str(JobStatus.RUNNING))


@cache
def select_finished_ids() -> Select[str]:
    """The ids of ``page_limit`` jobs that finished before ``old_finished``."""
    finished = JOBS.c.finished < bindparam("old_finished", type_=BIG)
    return select(JOBS.c.id).where(finished).limit(bindparam("page_limit", type_=Integer))


@cache
def select_events() -> Select[Any]:
    """What happened to the job ``old_id``."""
    return select(EVENTS).join(JOBS, JOBS.c.seq == EVENTS.c.job).where(_is("id"))


@cache
def select_same_key() -> Select[Any]:
    """The job of ``old_owner`` and ``old_process_id`` under ``old_idempotency_key``."""
    return select(JOBS).where(
        JOBS.c.owner == bindparam("old_owner"),
        JOBS.c.process_id == bindparam("old_process_id"),
        JOBS.c.idempotency_key == bindparam("old_idempotency_key"),
    )


@cache
def claim(columns: tuple[str, ...]) -> Update:
    """Make the accepted job ``old_id`` running, its attempt one higher."""
    where = [_is("id"), JOBS.c.status == str(JobStatus.ACCEPTED)]
    return update(JOBS).where(*where).values(attempts=JOBS.c.attempts + 1, **_set(columns)).returning(*KNOWN)


@cache
def move(target: JobStatus, columns: tuple[str, ...], *, fenced: bool, whole: bool) -> Update:
    """Set columns of the job ``old_id`` if its state leads to ``target`` (and its token is ``old_token``).

    The ``whole`` job is read; or only what the caller, who has the job as the run was claimed, cannot know: what a
    run reports on its way. To read nothing saves a third of the time.
    """
    where = [_is("id"), _any_of(sources(target)), *_fence(fenced)]
    moved = update(JOBS).where(*where).values(_set(columns))
    read = KNOWN if whole else [JOBS.c[name] for name in REPORTED if name not in columns]
    return moved.returning(*read) if read else moved


@cache
def report(columns: tuple[str, ...]) -> Update:
    """Set columns of the job ``old_id`` while its token is ``old_token``; progress only upwards."""
    where = [_is("id"), *_fence(True)]
    if "progress" in columns:
        where += [JOBS.c.status == str(JobStatus.RUNNING), JOBS.c.progress <= bindparam("progress")]
    return update(JOBS).where(*where).values(_set(columns))


@cache
def remove() -> Delete:
    """The finished job ``old_id``."""
    return delete(JOBS).where(_is("id"), _any_of(FINISHED))


@cache
def remove_all() -> Delete:
    """The finished ones of the jobs ``old_ids``."""
    return delete(JOBS).where(JOBS.c.id.in_(bindparam("old_ids", expanding=True)), _any_of(FINISHED))


@cache
def note_check() -> Update:
    """Write down a ``value``, to see whether anything can be written."""
    return update(META).where(META.c.key == "checked").values(_set(("value",)))


@lru_cache(maxsize=SHAPES)
def count_states(shape: Shape) -> Select[str, int]:
    """How many jobs are in each state, as ``matched``; the conditions are on process and owner alone."""
    number = func.sum(TALLY.c.n).label("matched")
    return select(TALLY.c.status, number).where(*conditions(shape, TALLY)).group_by(TALLY.c.status)


@cache
def count_processes() -> Select[str, str, int]:
    """How many jobs of each process are in each state, as ``matched``."""
    number = func.sum(TALLY.c.n).label("matched")
    columns = (TALLY.c.process_id, TALLY.c.status)
    return select(*columns, number).group_by(*columns)


@lru_cache(maxsize=SHAPES)
def count_matched(shape: Shape) -> Select[int]:
    """How many jobs meet such conditions, as ``matched``: by the tally where it knows all that is asked."""
    if all(name in TALLY.c or name == NOT_STATUS for name, _ in shape):
        number = func.coalesce(func.sum(TALLY.c.n), 0)
        return select(number.label("matched")).where(*conditions(shape, TALLY))
    return select(func.count().label("matched")).select_from(JOBS).where(*conditions(shape, JOBS))


@lru_cache(maxsize=SHAPES)
def select_page(shape: Shape, *, after: bool = False) -> Select[Any]:
    """The jobs that meet such conditions, newest first: ``page_limit`` of them, after ``page_offset``.

    ``after``: of those that were added before the job with the number ``page_after``.

    Their places first: an index says those without the rows, which are long.
    """
    found = select_page_places(shape, after=after)
    return select(*LISTED).where(JOBS.c.seq.in_(found)).order_by(JOBS.c.seq.desc())


@lru_cache(maxsize=SHAPES)
def select_page_places(shape: Shape, *, after: bool = False) -> Select[int]:
    """The places of the jobs of a page, by indexes alone where the conditions allow it."""
    limit, offset = bindparam("page_limit", type_=Integer), bindparam("page_offset", type_=Integer)
    older = [JOBS.c.seq < bindparam("page_after", type_=BIG)] if after else []
    meets = [*conditions(shape, JOBS), *older]
    return select(JOBS.c.seq).where(*meets).order_by(JOBS.c.seq.desc()).limit(limit).offset(offset)


def _any_of(states: frozenset[JobStatus]) -> ColumnElement[bool]:
    """Not an IN: its text is finished only when it is executed."""
    return or_(false(), *(JOBS.c.status == str(state) for state in sorted(states)))


def _is(column: str) -> ColumnElement[bool]:
    return JOBS.c[column] == bindparam(f"old_{column}")


def _fence(fenced: bool) -> list[ColumnElement[bool]]:
    """A row that was never claimed has no token, and one of an older dragoman's has NULL."""
    return [func.coalesce(JOBS.c.token, "") == bindparam("old_token", type_=String)] if fenced else []


def _set(columns: tuple[str, ...]) -> dict[str, Any]:
    return {column: bindparam(column) for column in columns}
