"""What the supervisor and the worker of a job tell each other.

supervisor ──Run──► worker ──Opening, Progress──► supervisor
                           ──Done or Failed──►
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.jobs.message_parts import PARTS
from dragoman.workers.message_codec import MessageCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.job import JobFailure, JobRequest, Output
    from dragoman.model.map_service import MapService
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
class Opening:
    """A run is about to open the file of an input, which may hang in native code; or it has opened it."""

    attempt: int
    input_id: str
    """Empty when it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A run has succeeded: its files are in place."""

    attempt: int
    outputs: Mapping[str, Output]
    services: tuple[MapService, ...] = ()
    """The map services that were made of the outputs; owner and time are not the worker's to say."""
    message: str = ""
    """What the run has told whoever uses its outputs: the job's message from now on."""
    leaving: bool = False
    """Whether the worker ends with this run, and takes no other."""
    fetched: int = 0
    """Bytes that the run has downloaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A run has failed."""

    attempt: int
    failure: JobFailure
    leaving: bool = False
    """Whether the worker ends with this run, and takes no other."""
    fetched: int = 0
    """Bytes that the run has downloaded."""


type Report = Progress | Opening | Done | Failed
"""What a worker says of the job that it runs; ``attempt`` is the one it was told to run."""

ORDERS: Final[MessageCodec[Run]] = MessageCodec("type", {"run": Run}, PARTS)
REPORTS: Final[MessageCodec[Report]] = MessageCodec(
    "type", {"progress": Progress, "opening": Opening, "done": Done, "failed": Failed}, PARTS
)


def load_report(data: JSON) -> Report:
    """What a worker has sent; raises ValueError for what is no report, as a broken worker may send."""
    report = REPORTS.load(data)
    if isinstance(report, Progress) and not (type(report.percent) is int and type(report.message) is str):
        raise ValueError("not a message of ours: progress is a whole number and a text")
    if isinstance(report, Done) and type(report.message) is not str:
        raise ValueError("not a message of ours: a message is a text")
    if isinstance(report, Opening) and type(report.input_id) is not str:
        raise ValueError("not a message of ours: what is opened is an input's id")
    if isinstance(report, Done | Failed) and type(report.fetched) is not int:
        raise ValueError("not a message of ours: bytes are a whole number")
    return report
