"""What is to be fetched and what came of it; and what the supervisor and a fetching process tell each other.

Begin ──► Whole or Failed            Drop ──► Dropped, unless it was over before
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.model.process import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchTask:
    """One file to be fetched."""

    id: str
    """The caller's; no two that are not over have the same."""
    url: str
    """Any text: what may not be fetched fails, with the reason."""
    target: Path
    """Where the file is to be, and no other; its folder exists. Beside it lies what ``partial.py`` names."""
    owner: str = ""
    """Whom it is fetched for: nobody waits until all of another's files have come."""
    group: str = ""
    """What it belongs to: nor does one of an owner's groups wait for all of another; no two owners have the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The target is there, whole."""

    id: str
    size: int
    """Bytes on disk, decompressed."""
    media_type: str | None
    """As the server said, lower-case, without parameters."""
    sha256: str
    """Of the file, in hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFailed:
    """It cannot be had; no target is there."""

    id: str
    reason: str
    """The host and what is wrong, for anybody's eyes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Fetch a file now; ``ticket`` is the supervisor's number for it."""

    ticket: int
    url: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Nobody wants the file any more."""

    ticket: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """See Fetched."""

    ticket: int
    size: int
    media_type: str | None
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """See FetchFailed."""

    ticket: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """No file of it is written any more."""

    ticket: int


type Order = Begin | Drop
type Report = Whole | Failed | Dropped

_TYPES: Final[Mapping[str, type[Order | Report]]] = {
    cls.__name__: cls for cls in (Begin, Drop, Whole, Failed, Dropped)
}


def dump(message: Order | Report) -> dict[str, JSON]:
    """A message as JSON."""
    return {"is": type(message).__name__, **asdict(message)}


def load(data: Any) -> Any:
    """The inverse of ``dump``; raises ValueError for anything else."""
    try:
        members = dict(data)
        return _TYPES[members.pop("is")](**members)
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(f"not a message about fetching: {error!r}") from error
