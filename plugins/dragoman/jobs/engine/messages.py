"""What the supervisor and the worker of a job tell each other.

supervisor ──Run──► worker ──Progress──► supervisor
                           ──Done or Failed──►
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from dragoman.jobs.json_codec import (
    dump_failure,
    dump_job,
    dump_outputs,
    load_failure,
    load_job,
    load_outputs,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.job import Job, JobFailure, Output
    from dragoman.model.process import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Run this job, which has been claimed for the worker."""

    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A run has come so far."""

    attempt: int
    percent: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A run has succeeded: its files are in place."""

    attempt: int
    outputs: Mapping[str, Output]
    leaving: bool = False
    """Whether the worker ends with this run, and takes no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A run has failed."""

    attempt: int
    failure: JobFailure
    leaving: bool = False
    """Whether the worker ends with this run, and takes no other."""


type Report = Progress | Done | Failed
"""What a worker says of the job that it runs; ``attempt`` is the one it was told to run."""
type Message = Run | Report

MESSAGES: Final[Mapping[str, type[Message]]] = {
    "run": Run,
    "progress": Progress,
    "done": Done,
    "failed": Failed,
}
PARTS: Final[Mapping[str, tuple[Any, Any]]] = {
    "job": (dump_job, load_job),
    "outputs": (dump_outputs, load_outputs),
    "failure": (dump_failure, load_failure),
}
"""Fields that are not JSON already, with their two directions."""
_NAMES: Final = {cls: name for name, cls in MESSAGES.items()}


def dump_message(message: Message) -> dict[str, JSON]:
    """A message as JSON."""
    data: dict[str, JSON] = {"type": _NAMES[type(message)]}
    for field in fields(message):
        value = getattr(message, field.name)
        data[field.name] = PARTS[field.name][0](value) if field.name in PARTS else value
    return data


def load_message(data: JSON) -> Message:
    """The inverse of dump_message; raises ValueError for what is no message, as a broken worker may send."""
    try:
        members = dict(data)
        cls = MESSAGES[members.pop("type")]
        loaded = {name: PARTS[name][1](value) if name in PARTS else value for name, value in members.items()}
        message = cls(**loaded)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(f"not a message of ours: {error!r}") from error
    if isinstance(message, Progress) and not (type(message.percent) is int and type(message.message) is str):
        raise ValueError("not a message of ours: progress is a whole number and a text")
    return message
