"""What the supervisor needs to know of the settings for dataset sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dragoman.datasets.limits import DatasetLimits
    from dragoman.sources.policy import SourcePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSettings:
    """Made from Settings in the composition root."""

    policy: SourcePolicy
    limits: DatasetLimits
    memory: int
    """Bytes of batches, of all sessions together."""
    idle_timeout: float
    """Seconds after its last use that a session is kept."""
