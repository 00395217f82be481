"""What the supervisor needs to know of the settings for map pictures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingSettings:
    """Made from Settings in the composition root."""

    processes: int = 2
    """That draw at once, at most."""
    cache: int = 2**30
    """Bytes of pictures that are kept."""
    time_limit: float = 10.0
    """Seconds that one picture may take; its process is ended then."""
    patience: float = 2.0
    """Seconds that a picture may wait for a process that is free."""
