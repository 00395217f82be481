"""What the supervisor needs to know of the settings for tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dragoman.sources.policy import SourcePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSettings:
    """Made from Settings in the composition root."""

    policy: SourcePolicy
    downloads: int
    """Assets that are fetched at once, of all tasks together."""
    queue_limit: int
    """Tasks that may be unfinished at once."""
    min_free_disk: int
    """Bytes free under HOME below which nothing is fetched."""
