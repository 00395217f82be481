"""What a dialect is given: built once in the composition root, passed to every adapter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dragoman.web.sync_slots import DEVELOPMENT, SyncSlots

if TYPE_CHECKING:
    from dragoman.config.settings import Settings
    from dragoman.jobs.service import JobService
    from dragoman.packages.catalogue import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything behind the routes."""

    settings: Settings
    catalogue: Catalogue
    jobs: JobService
    waiters: SyncSlots = field(default_factory=lambda: SyncSlots(DEVELOPMENT))
    """Places of calls that wait for their jobs, which all dialects share: they are the web server's threads."""
    description: str = ""
    """What the operator's ``metadata.identification`` says of this server."""
    title: str = "dragoman"
