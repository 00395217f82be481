"""A ServiceStore in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.errors import NoSuchService

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dragoman.model.map_service import MapService


class MemoryServices:
    """See ``dragoman.maps.ports.ServiceStore``."""

    def __init__(self) -> None:
        self.services: dict[str, MapService] = {}

    def replace(self, job_id: str, services: Sequence[MapService]) -> None:
        others = {name: each for name, each in self.services.items() if each.job_id != job_id}
        if any(service.name in others for service in services):
            raise ValueError("a name is taken")
        self.services = {**others, **{service.name: service for service in services}}

    def get(self, name: str) -> MapService:
        if name not in self.services:
            raise NoSuchService
        return self.services[name]

    def listed(self, owner: str | None) -> list[MapService]:
        listed = [each for each in self.services.values() if owner in (None, each.owner)]
        return sorted(listed, key=lambda each: (each.created, each.name))

    def of_job(self, job_id: str) -> list[MapService]:
        return sorted((s for s in self.services.values() if s.job_id == job_id), key=lambda each: each.name)

    def readable(self, job_id: str) -> bool:
        return True

    def expired(self, before: datetime) -> list[MapService]:
        return [each for each in self.listed(None) if each.temporary and each.created < before]

    def remove(self, names: Sequence[str]) -> int:
        return sum(self.services.pop(name, None) is not None for name in names)

    def close(self) -> None:
        """Nothing is open."""
