"""What the supervisor tells the loader, and what the loader tells it; as JSON in frames.

Open      ──► Opened, or Refused        Advance, Again, Close ──► nothing
(by itself)   Began, then Ready or Failed, for each batch
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dragoman.workers.message_codec import MessageCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Open a session, whose first batch is made at once; its other batches follow ahead of its position."""

    session: str
    generation: int
    configuration: Mapping[str, JSON]
    position: int = 0
    """The batch that is handed out next."""
    ready: Mapping[str, str] = field(default_factory=dict)
    """The files of batches that another loader has left, by the batches' numbers."""
    barrier: int | None = None
    """A batch that failed: it, and what follows, is made when it is asked for again."""
    size: int | None = None
    """The manifest's size and time of change, when the session began; None: it begins now."""
    modified: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """All batches of a session before ``position`` have been handed out, and their files are others' now."""

    session: str
    generation: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Try a batch again that could not be made."""

    session: str
    generation: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Forget a session, and delete its batches that are ready."""

    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Careful:
    """Make one batch at a time, so that a picture that kills the loader is known; or as many as it likes again."""

    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session is open, and its first batch ready or about to be."""

    session: str
    generation: int
    description: Mapping[str, JSON]
    """See DatasetSession."""
    size: int
    modified: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A session cannot be had as it is configured."""

    session: str
    generation: int
    detail: str
    field: bool
    """Whether a member of the configuration is missing or of another type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """A batch is being made."""

    session: str
    generation: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A batch is ready; its body is the whole file at ``path``, which is whoever's who opens it."""

    session: str
    generation: int
    number: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A batch cannot be made; it is not tried again until that is asked for."""

    session: str
    generation: int
    number: int
    detail: str


type Order = Open | Advance | Again | Close | Careful
type Report = Opened | Refused | Began | Ready | Failed

ORDERS: Final[MessageCodec[Order]] = MessageCodec(
    "is", {cls.__name__: cls for cls in (Open, Advance, Again, Close, Careful)}
)
REPORTS: Final[MessageCodec[Report]] = MessageCodec(
    "is", {cls.__name__: cls for cls in (Opened, Refused, Began, Ready, Failed)}
)
