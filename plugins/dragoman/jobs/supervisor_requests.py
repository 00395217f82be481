"""What server processes ask of the supervisor over its socket, and what it replies. Each frame has a number, ``n``.

    Submit        ──► Accepted, or JobIs the first one under its key; with ``wait`` Changed, when it has finished
    Wait          ──► JobIs, when it has finished
    Dismiss       ──► JobIs, when nothing of it runs
    Remove, RemoveOutput, KeepSha256, Health, Stop ──► Ok
    Hello         ──► Facts
    ReadFigures   ──► FiguresAre
    AskGuest      ──► GuestAnswer, now or later
    any           ──► Refused

``Hello``, ``Stop`` and ``Facts`` stay as they are in every version: by them one takes the place of another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dragoman.jobs.message_parts import PARTS
from dragoman.workers.message_codec import MessageCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.errors import DragomanError
    from dragoman.jobs.engine_figures import EngineFigures
    from dragoman.model.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Who are you?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End; another takes your place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Can you write the store?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFigures:
    """See Executor.figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Accept a job; see Executor.submit."""

    job: Job
    wait: float | None
    """Seconds until the reply; 0: at once. None: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Reply when a job has finished; see Executor.wait."""

    job_id: str
    timeout: float | None
    """Seconds until the reply; None: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismiss:
    """See Executor.dismiss."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """See Executor.remove."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveOutput:
    """See Executor.remove_output."""

    job_id: str
    output_id: str
    item: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepSha256:
    """See Executor.keep_sha256."""

    job_id: str
    output_id: str
    sha256: str
    item: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskGuest:
    """Ask a part of the supervisor that is not about jobs; see ``engine/guests.py``."""

    guest: str
    """Its name."""
    body: Any
    """JSON, which that part alone understands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Who the supervisor is."""

    build: str
    """Tells one version of the code from another."""
    digest: str
    """Tells one set of settings from another."""
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FiguresAre:
    """What the engine tells in numbers."""

    figures: EngineFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class Ok:
    """It is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The job is accepted as it was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobIs:
    """The job as it is now."""

    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What has become of the job that was sent; the client has all the rest of it."""

    changes: Mapping[str, Any]
    """See Job.changing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestAnswer:
    """What the part that was asked has to say."""

    body: Any
    """JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """It cannot be done."""

    error: DragomanError


type Request = (
    Hello
    | Stop
    | Health
    | ReadFigures
    | Submit
    | Wait
    | Dismiss
    | Remove
    | RemoveOutput
    | KeepSha256
    | AskGuest
)
type Reply = Facts | FiguresAre | Ok | Accepted | JobIs | Changed | GuestAnswer | Refused

REQUESTS: MessageCodec[Request] = MessageCodec(
    "verb",
    {
        "hello": Hello,
        "stop": Stop,
        "health": Health,
        "read_figures": ReadFigures,
        "submit": Submit,
        "wait": Wait,
        "dismiss": Dismiss,
        "remove": Remove,
        "remove_output": RemoveOutput,
        "keep_sha256": KeepSha256,
        "ask_guest": AskGuest,
    },
    PARTS,
)
REPLIES: MessageCodec[Reply] = MessageCodec(
    "reply",
    {
        "facts": Facts,
        "figures": FiguresAre,
        "ok": Ok,
        "accepted": Accepted,
        "job": JobIs,
        "changed": Changed,
        "guest": GuestAnswer,
        "refused": Refused,
    },
    PARTS,
)
