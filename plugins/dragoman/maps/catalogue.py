"""The map services that a server process offers: the operator's own, and those that jobs have published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dragoman.errors import NoSuchService
from dragoman.maps.held_steps import HeldSteps
from dragoman.maps.placing import placed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dragoman.maps.ports import ServiceStore
    from dragoman.model.map_service import MapService
    from dragoman.model.principal import Principal
    from dragoman.model.service_step import ServiceStep

MOST_OF_A_NAME = 200
"""Characters of what was taken for a service's name that are shown."""


class OwnServices(Protocol):
    """The operator's services."""

    def services(self) -> Mapping[str, MapService]:
        """Those that can be served now, by name, in the order of the configuration."""

    def start(self) -> None:
        """Begin to look at their files, where that has not begun in this process."""


class NoOwnServices:
    """Of a server whose operator has published nothing."""

    def services(self) -> Mapping[str, MapService]:
        """None."""
        return {}

    def start(self) -> None:
        """There is nothing to look at."""


class MapCatalogue:
    """Looks services up on behalf of a principal: somebody else's does not exist. All paths are absolute."""

    def __init__(
        self, *, home: Path, open_store: Callable[[], ServiceStore], own: OwnServices | None = None
    ) -> None:
        self._home = home
        self._open_store = open_store
        self._opened: ServiceStore | None = None
        self._own = own or NoOwnServices()

    def start(self) -> None:
        """Begin to look at the operator's files: what is wrong with one is a line at the start."""
        self._own.start()

    def visible_to(self, principal: Principal) -> tuple[MapService, ...]:
        """All that the principal may see: the operator's first, then what jobs have published, oldest first."""
        own = self._own.services()
        owner = None if principal.admin else principal.id
        published = (placed(each, self._home) for each in self._store.listed(owner))
        return (*own.values(), *(each for each in published if each.name not in own))

    def get(self, name: str, principal: Principal) -> MapService:
        """The service; raises NoSuchService if there is none that the principal may see."""
        service = self.anybodys(name)
        if service.owner is None or principal.admin or service.owner == principal.id:
            return service
        raise _none(name)

    def hold(self, job_id: str, number: int, step: ServiceStep) -> ServiceStep:
        """See ``references.Services``."""
        return HeldSteps(self._home).hold(job_id, number, step)

    def of_job(self, job_id: str) -> tuple[MapService, ...]:
        """What a job, which the caller may see, has published and is still there."""
        return tuple(placed(each, self._home) for each in self._store.of_job(job_id))

    def anybodys(self, name: str) -> MapService:
        """The service, whoever asks: for those whose key opens it. Raises NoSuchService."""
        own = self._own.services().get(name)
        if own is not None:
            return own
        try:
            return placed(self._store.get(name), self._home)
        except NoSuchService:
            raise _none(name) from None

    @property
    def _store(self) -> ServiceStore:
        """Opened when it is first asked: most servers publish nothing."""
        if self._opened is None:
            self._opened = self._open_store()
        return self._opened


def _none(name: str) -> NoSuchService:
    return NoSuchService(f"there is no service '{name[:MOST_OF_A_NAME]}'")
