"""A session in which somebody reads a dataset batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from dragoman.model.process import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSession:
    """What is known of a session; only ``position``, ``generation`` and ``used`` ever change."""

    id: str
    """Decimal digits that cannot be guessed."""
    owner: str
    """The id of the principal that it belongs to."""
    configuration: Mapping[str, JSON]
    """As posted, with the seed that was drawn."""
    description: Mapping[str, JSON]
    """What its batches are: ``buffers``, ``batch_size``, ``batch_count``, ``record_count``, ``manifest_records``."""
    manifest_size: int
    """In bytes, when the session began."""
    manifest_modified: int
    """When the manifest had changed last, in nanoseconds since 1970."""
    position: int = 0
    """The number of the batch that is handed out next, from 0."""
    generation: int = 0
    """How often it was reset."""
    created: datetime
    used: datetime
    """When a batch was handed out last, or the session made or reset."""
