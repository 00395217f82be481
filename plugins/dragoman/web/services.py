"""What a dialect is given: built once in the composition root, passed to every adapter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dragoman.jobs.service import JobService
    from dragoman.packages.catalogue import Catalogue
    from dragoman.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything behind the routes."""

    settings: Settings
    catalogue: Catalogue
    jobs: JobService
    description: str = ""
    """What the operator's ``metadata.identification`` says of this server."""
    title: str = "dragoman"
