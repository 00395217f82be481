"""What becomes of a task, decided from what is known of it. Pure; all times are UTC and aware.

every asset has come to its end, and               at least one is whole     none is
    the total is known, and that many came             Start                 GiveUp
    it is not known, and
        a batch was short, which is to start it        Start                 GiveUp
        no asset came for the quiet period             Start                 GiveUp
    else                                               Wait until then
anything else                                          Wait
neither came an asset nor did one come to its end
    for as long as a task may be left alone            GiveUp
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from dragoman.model.task import Tally, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing is to be done before something happens, or that moment comes."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Its job is to run on the assets that are whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Its job has failed before it could run."""

    reason: str
    """In words for its client; what became of single assets is told beside it."""


type Decision = Wait | Start | GiveUp


def decide(task: Task, tally: Tally, now: datetime) -> Decision:
    """What is to be done with a task whose job is still being put together; see the module."""
    ready = _ready_at(task, tally)
    if ready is not None and now >= ready:
        return Start() if tally.whole else GiveUp(reason=_none_came(tally))
    alone = _left_alone_at(task, tally)
    if now >= alone:
        return GiveUp(reason=_abandoned(task, tally))
    return Wait(until=alone if ready is None else min(ready, alone))


def _ready_at(task: Task, tally: Tally) -> datetime | None:
    """When it may start if nothing happens any more; None: then it may never."""
    if task.fed is None or not tally.announced or tally.awaited:
        return None
    if task.plan.total is not None:
        return task.fed if tally.announced >= task.plan.total else None
    if task.short and task.plan.start_on_short_batch:
        return task.fed
    return task.fed + timedelta(seconds=task.plan.quiet_period)


def _left_alone_at(task: Task, tally: Tally) -> datetime:
    happened = [moment for moment in (task.created, task.fed, tally.settled) if moment is not None]
    return max(happened) + timedelta(seconds=task.plan.abandoned_after)


def _none_came(tally: Tally) -> str:
    return (
        "its asset could not be had"
        if tally.announced == 1
        else f"none of its {tally.announced} assets could be had"
    )


def _abandoned(task: Task, tally: Tally) -> str:
    total = "" if task.plan.total is None else f" of {task.plan.total}"
    return (
        f"no asset came for {task.plan.abandoned_after:g} s, and the task was given up;"
        f" {tally.announced}{total} had been announced"
    )
