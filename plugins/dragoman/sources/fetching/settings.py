"""How many files are fetched at once, and how patiently."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dragoman.sources.policy import SourcePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a server is waited for, and how often it is asked."""

    tries: int = 5
    """In a row that brought nothing new, the first included."""
    first_wait: float = 1.0
    """Seconds before the second try; twice as long before each further one."""
    longest_wait: float = 30.0
    """Seconds; a server's Retry-After is held to it too."""
    stall: float = 30.0
    """Seconds without a byte after which a try is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPoolSettings:
    """What a ``FetchPool`` needs to know."""

    policy: SourcePolicy
    """Where from; ``fetch.max_bytes`` and ``fetch.timeout`` are for one file with all its tries."""
    at_once: int = 8
    """Files that are fetched at the same time (``dialects.appstore.downloads``)."""
    per_host: int | None = None
    """Of these from one host; None: half of them, at least one."""
    min_free_disk: int = 500 * 1024**2
    """Bytes that are left free on the disk."""
    patience: Patience = field(default_factory=Patience)

    @property
    def host_places(self) -> int:
        """How many files are fetched from one host at once."""
        return max(1, self.at_once // 2 if self.per_host is None else self.per_host)
