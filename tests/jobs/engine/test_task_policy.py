"""When a task starts, waits or is given up: by table, and by property against a model that plays it out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.jobs.engine.task_policy import GiveUp, Start, Wait, decide
from dragoman.model.task import Tally, Task, TaskPlan

THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return THEN + timedelta(seconds=seconds)


def make_task(*, fed: float | None = None, short: bool = False, **plan: Any) -> Task:
    own = {"quiet_period": 30.0, "abandoned_after": 1000.0, **plan}
    moment = None if fed is None else after(fed)
    return Task(
        id="x",
        plan=TaskPlan(application="a", assets_input="files", **own),
        created=THEN,
        fed=moment,
        short=short,
    )


def make_tally(announced: int = 0, whole: int = 0, failed: int = 0, settled: float | None = None) -> Tally:
    moment = None if settled is None else after(settled)
    return Tally(announced=announced, whole=whole, failed=failed, settled=moment)


@pytest.mark.parametrize(
    ("task", "tally", "now", "decision"),
    [
        (make_task(), make_tally(), 0, Wait(until=after(1000))),
        (make_task(), make_tally(), 999, Wait(until=after(1000))),
        (make_task(fed=10), make_tally(2, 1), 900, Wait(until=after(1010))),
        (make_task(fed=10), make_tally(2, 1, settled=500), 1400, Wait(until=after(1500))),
        (make_task(fed=10), make_tally(2, 2, settled=20), 39, Wait(until=after(40))),
        (make_task(fed=10), make_tally(2, 2, settled=20), 40, Start()),
        (make_task(fed=10), make_tally(2, 1, 1, settled=20), 40, Start()),
        (make_task(fed=10), make_tally(2, 2, settled=200), 200, Start()),
        (make_task(fed=10, quiet_period=0.0), make_tally(1, 1, settled=10), 10, Start()),
        (make_task(fed=10, short=True), make_tally(2, 2, settled=11), 11, Wait(until=after(40))),
        (make_task(fed=10, short=True, start_on_short_batch=True), make_tally(2, 2, settled=11), 11, Start()),
        (
            make_task(fed=10, short=True, start_on_short_batch=True),
            make_tally(2, 1, settled=11),
            11,
            Wait(until=after(1011)),
        ),
        (make_task(fed=10, total=3), make_tally(2, 2, settled=11), 900, Wait(until=after(1011))),
        (make_task(fed=10, total=2), make_tally(2, 2, settled=11), 11, Start()),
        (
            make_task(fed=10, short=True, start_on_short_batch=True, total=3),
            make_tally(2, 2, settled=11),
            50,
            Wait(until=after(1011)),
        ),
    ],
)
def test_what_is_done(task: Task, tally: Tally, now: float, decision: object) -> None:
    assert decide(task, tally, after(now)) == decision


@pytest.mark.parametrize(
    ("task", "tally", "now", "words"),
    [
        (make_task(), make_tally(), 1000, "no asset came for 1000 s"),
        (make_task(fed=10, total=3), make_tally(2, 2, settled=20), 1020, "2 of 3 had been announced"),
        (make_task(fed=10), make_tally(1, 0, 1, settled=20), 40, "its asset could not be had"),
        (make_task(fed=10), make_tally(3, 0, 3, settled=20), 40, "none of its 3 assets could be had"),
        (make_task(fed=10), make_tally(3, 1, settled=20), 1020, "no asset came"),
    ],
)
def test_what_is_given_up(task: Task, tally: Tally, now: float, words: str) -> None:
    decision = decide(task, tally, after(now))
    assert isinstance(decision, GiveUp)
    assert words in decision.reason


@dataclass(frozen=True)
class Happening:
    """After so many seconds something happens: assets are announced, or one comes to its end."""

    seconds: float
    assets: int
    whole: bool


HAPPENINGS = st.lists(
    st.builds(
        Happening,
        seconds=st.floats(0, 60),
        assets=st.integers(0, 4),
        whole=st.booleans(),
    ),
    max_size=25,
)
PLANS = st.fixed_dictionaries(
    {
        "quiet_period": st.sampled_from([0.0, 5.0, 30.0]),
        "abandoned_after": st.sampled_from([20.0, 1000.0]),
        "start_on_short_batch": st.booleans(),
        "total": st.sampled_from([None, 1, 3, 7]),
    }
)


@given(plan=PLANS, happenings=HAPPENINGS)
def test_every_task_comes_to_an_end_and_none_starts_too_early(
    plan: dict[str, Any], happenings: list[Happening]
) -> None:
    """Played out event by event: whoever follows ``Wait.until`` misses nothing, and comes to an end in time."""
    task, tally, now = make_task(**plan), Tally(), THEN
    for happening in happenings:
        due = now + timedelta(seconds=happening.seconds)
        decision = decide(task, tally, now)
        while isinstance(decision, Wait) and decision.until <= due:
            assert decision.until > now
            now = decision.until
            decision = decide(task, tally, now)
        if not isinstance(decision, Wait):
            break
        now = due
        if happening.assets:
            task = replace(task, fed=now, short=task.short or happening.assets < 3)
            tally = replace(tally, announced=tally.announced + happening.assets)
        elif tally.awaited:
            tally = replace(
                tally,
                whole=tally.whole + happening.whole,
                failed=tally.failed + (not happening.whole),
                settled=now,
            )
    for _ in range(3):
        decision = decide(task, tally, now)
        if not isinstance(decision, Wait):
            break
        assert decision.until > now
        now = decision.until
    _check_end(task, tally, now, decision)


def _check_end(task: Task, tally: Tally, now: datetime, decision: object) -> None:
    assert not isinstance(decision, Wait), "nothing more happens, and nobody ends it"
    happened = max(moment for moment in (task.created, task.fed, tally.settled) if moment is not None)
    alone = now - happened >= timedelta(seconds=task.plan.abandoned_after)
    if isinstance(decision, Start):
        assert tally.whole > 0
    if isinstance(decision, Start) or not alone:
        assert tally.awaited == 0
        assert tally.announced > 0
        assert task.plan.total is None or tally.announced >= task.plan.total
    if isinstance(decision, Start) and task.plan.total is None:
        assert task.fed is not None
        quiet = now - task.fed >= timedelta(seconds=task.plan.quiet_period)
        assert quiet or (task.short and task.plan.start_on_short_batch)


@given(announced=st.integers(0, 200), ends=st.data())
def test_the_percentage_is_of_what_was_announced(announced: int, ends: st.DataObject) -> None:
    whole = ends.draw(st.integers(0, announced))
    failed = ends.draw(st.integers(0, announced - whole))
    percent = make_tally(announced, whole, failed).percent
    assert 0 <= percent <= 100
    assert (percent == 100) == (announced > 0 and whole + failed == announced)
