"""What the supervisor and the worker of a job tell each other.

supervisor ──Run──► worker ──Progress──► supervisor
                           ──Done or Failed──►
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.jobs.message_codec import MessageCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.job import JobFailure, JobRequest, Output
    from dragoman.model.process import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Run a job, which has been claimed for the worker; of the job, only what a run needs."""

    id: str
    attempts: int
    request: JobRequest


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

ORDERS: Final[MessageCodec[Run]] = MessageCodec("type", {"run": Run})
REPORTS: Final[MessageCodec[Report]] = MessageCodec(
    "type", {"progress": Progress, "done": Done, "failed": Failed}
)


def load_report(data: JSON) -> Report:
    """What a worker has sent; raises ValueError for what is no report, as a broken worker may send."""
    report = REPORTS.load(data)
    if isinstance(report, Progress) and not (type(report.percent) is int and type(report.message) is str):
        raise ValueError("not a message of ours: progress is a whole number and a text")
    return report
