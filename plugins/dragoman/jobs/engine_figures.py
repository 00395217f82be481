"""What an engine tells of itself in numbers, for the operator's metrics; all since it was started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON

BOUNDS: Final = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0)
"""Seconds, inclusive, up to which a bucket of ``Durations`` goes; a last one has no bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """A histogram of seconds."""

    counts: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    """How many fell into each bucket, not added up."""
    total: float = 0.0
    """The sum of all, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFigures:
    """Nothing here grows with jobs, owners or paths: only with processes, dialects and states."""

    queued: int = 0
    """Jobs that wait for a worker."""
    oldest: float = 0.0
    """Seconds that the oldest of them has waited; 0 where none does."""
    busy: int = 0
    """Workers that have a job, or are started for one."""
    idle: int = 0
    """Workers that are kept for the next job."""
    started: int = 0
    """Workers that were started."""
    ended: Mapping[str, int]
    """Workers that have ended, by reason: ``lost`` (nobody ended it), ``retired``, ``timed-out``, ``dismissed``, ..."""
    fetched: int = 0
    """Bytes that jobs have downloaded."""
    finished: Mapping[tuple[str, str, str], int]
    """Jobs that have finished, by process, dialect and state."""
    waiting: Mapping[str, Durations]
    """How long jobs waited until they first ran, by process."""
    running: Mapping[str, Durations]
    """How long finished jobs ran, by process."""


def dump_figures(figures: EngineFigures) -> dict[str, JSON]:
    """As JSON."""
    data: dict[str, Any] = {name: getattr(figures, name) for name in EngineFigures.__slots__}
    data["finished"] = [[*labels, count] for labels, count in figures.finished.items()]
    for name in ("waiting", "running"):
        data[name] = {process: [each.total, *each.counts] for process, each in data[name].items()}
    return data


def load_figures(data: Any) -> EngineFigures:
    """The inverse; raises ValueError, TypeError, KeyError for anything else."""
    members = dict(data)
    members["finished"] = {
        (process, dialect, state): count for process, dialect, state, count in members["finished"]
    }
    for name in ("waiting", "running"):
        members[name] = {
            process: Durations(counts=tuple(counts), total=total)
            for process, (total, *counts) in members[name].items()
        }
    return EngineFigures(**members)
