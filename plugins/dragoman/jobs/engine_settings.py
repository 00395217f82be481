"""What the engine needs to know of the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dragoman.packages.forms import BUILT_IN, Forms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.sources.policy import SourcePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What the supervisor needs to know; made from Settings in the composition root."""

    home: Path
    database_url: str
    slots: int
    warm_workers: int
    queue_limit: int
    max_attempts: int
    keep_results: float | None
    """Seconds; None is for ever."""
    max_pixels: int | None
    policy: SourcePolicy
    server_url: str
    """The public base URL, for links in what subscribers are sent."""
    log_level: str
    """Name of a level of logging."""
    log_file: str | None
    """Where the supervisor logs; None is standard error."""
    build: str
    """Tells one version of the code from another."""
    digest: str
    """Tells one set of settings from another."""
    forms: Forms = BUILT_IN
    """The forms of package that workers can load."""
    log_format: str = "text"
    """``text`` or ``json``."""
    sync_slots: int = 0
    """Of the slots those that only synchronous calls take; one at least is left for others."""
    max_parallel: Mapping[str, int] = field(default_factory=dict)
    """Jobs of a process that run at once, where they are fewer than the slots."""
    opening_timeout: float = 30.0
    """Seconds that opening the file of one input may take."""
    max_temporary_service_age: float = 43_200.0
    """Seconds after which a published result is no map service any more."""
    guests: Mapping[str, GuestRoom] = field(default_factory=dict)
    """The parts of the supervisor that are not about jobs, by name."""

    @property
    def limits(self) -> EngineLimits:
        """What of it the operator allows."""
        return EngineLimits(
            slots=self.slots,
            queue_limit=self.queue_limit,
            max_attempts=self.max_attempts,
            sync_slots=self.sync_slots,
            max_parallel=self.max_parallel,
            opening_timeout=self.opening_timeout,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestRoom:
    """Where a part of the supervisor that is not about jobs is to be found, and what it is told of the settings."""

    place: str
    """``module:function``, which makes it from ``engine.guests.House`` and these settings."""
    settings: Any
    """What that function takes; pickled on its way to the supervisor."""
    early: bool = False
    """Whether it is made at the supervisor's start, not when it is first asked: it may have to go on with something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLimits:
    """What the operator allows."""

    slots: int
    queue_limit: int
    max_attempts: int
    sync_slots: int = 0
    """See EngineSettings."""
    max_parallel: Mapping[str, int] = field(default_factory=dict)
    """See EngineSettings."""
    opening_timeout: float = 30.0
    """See EngineSettings."""
