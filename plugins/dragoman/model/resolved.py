"""An input value after it has been fetched and decoded: what binding starts from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from dragoman.model.process import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedValue:
    """Either a JSON value (``path`` is None) or a local file."""

    value: JSON = None
    """Of an input with ``inner_files`` it holds a Path for each of them."""
    path: Path | None = None
    """A readable local file: in the job's scratch folder, or under a data root (then never written)."""
    media_type: str | None = None
    """As declared by the client or the server it came from; None where nobody said."""
    held: tuple[object, ...] = field(default=(), compare=False, repr=False)
    """What keeps the files open, as long as somebody has the value."""
