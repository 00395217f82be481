"""References to map services in inputs: ``service://name[:variable][@unix-seconds]``.

Contract: ncdjango.md, sections 2 and "Ours".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from dragoman.errors import InvalidRequest, NoSuchService
from dragoman.model.service_step import ServiceStep
from dragoman.schemas.messages import cut

if TYPE_CHECKING:
    from dragoman.model.map_service import MapService, MapVariable
    from dragoman.model.principal import Principal

SCHEME: Final = "service"
FORM: Final = "service://name[:variable][@seconds since 1970]"
LAST_SECOND: Final = 253_402_300_799
"""Of the year 9999: later seconds are milliseconds, or nonsense."""
LONGEST: Final = 2_000
"""Characters of a reference."""
MOST_NAMES: Final = 50
"""Variables that are named in a refusal."""

_TIME: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)


class Services(Protocol):
    """Where services are looked up: the catalogue."""

    def get(self, name: str, principal: Principal, /) -> MapService:
        """The service; raises NoSuchService."""

    def hold(self, job_id: str, number: int, step: ServiceStep, /) -> ServiceStep:
        """The step, kept for a job that is about to be made, whatever becomes of its service; one of each number."""


class NoServices:
    """Of a server without map services."""

    def get(self, _name: str, _principal: Principal) -> MapService:
        """See Services."""
        raise NoSuchService("there are no map services on this server")

    def hold(self, _job_id: str, _number: int, step: ServiceStep) -> ServiceStep:
        """There are none."""
        return step


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a reference says."""

    name: str
    variable: str | None
    seconds: int | None
    """Since 1970, UTC."""


def is_service(href: str) -> bool:
    """Whether a reference is to a map service."""
    return href[: len(SCHEME) + 1].lower() == f"{SCHEME}:"


def parse_reference(href: str) -> Reference:
    """The parts of a reference; raises InvalidRequest."""
    _, slashes, rest = href.partition("://")
    if not slashes or len(href) > LONGEST:
        raise InvalidRequest(f"got {cut(href)!r}; allowed: {FORM}")
    place, at, time = rest.partition("@")
    name, colon, variable = place.partition(":")
    if not name or (colon and not variable):
        raise InvalidRequest(f"got {cut(href)!r}; allowed: {FORM}")
    return Reference(name=name, variable=variable or None, seconds=_seconds(time) if at else None)


def _seconds(text: str) -> int:
    seconds = int(text) if _TIME.fullmatch(text) else None
    if seconds is None:
        raise InvalidRequest(f"the time {cut(text)!r} is no whole number; allowed: seconds since 1970")
    if abs(seconds) > LAST_SECOND:
        raise InvalidRequest(
            f"the time {seconds} is beyond the year 9999; allowed: seconds, not milliseconds"
        )
    return seconds


def resolve_reference(href: str, services: Services, principal: Principal) -> ServiceStep:
    """The cells that a reference stands for, as the catalogue is now; raises InvalidRequest.

    Without a time it is the first step, with one the nearest (of two as near, the earlier).
    """
    reference = parse_reference(href)
    try:
        service = services.get(reference.name, principal)
    except NoSuchService as error:
        raise InvalidRequest(error.detail) from error
    variable = _variable(service, reference)
    if reference.seconds is not None and not variable.times:
        raise InvalidRequest(
            f"'{variable.name}' of '{cut(service.name)}' has no time; allowed: no @ and time"
        )
    step = nearest(variable.times, reference.seconds) if variable.times else None
    path, band = variable.drawn[step or 0]
    return ServiceStep(path=str(path), band=band, variable=variable.name, step=step)


def _variable(service: MapService, reference: Reference) -> MapVariable:
    """The variable that is named; the only one, where there is one."""
    names = ", ".join(variable.name for variable in service.variables[:MOST_NAMES])
    if reference.variable is None:
        if len(service.variables) == 1:
            return service.variables[0]
        raise InvalidRequest(f"'{cut(service.name)}' has several variables; allowed: one of {names}")
    for variable in service.variables:
        if variable.name == reference.variable:
            return variable
    raise InvalidRequest(
        f"'{cut(service.name)}' has no variable '{cut(reference.variable)}'; allowed: {names}"
    )


def nearest(times: tuple[float, ...], seconds: float | None) -> int:
    """The place of the time that is nearest; the earlier of two, and the first where none is asked for."""
    if seconds is None:
        return 0
    return min(range(len(times)), key=lambda place: (abs(times[place] - seconds), place))
