"""ncdjango's part of the configuration: its keys and their reader. No Flask: settings are read early."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dragoman.adapters.ncdjango.registered_jobs import registered_jobs
from dragoman.config.dialects import DialectSettings
from dragoman.config.file import shown
from dragoman.config.values import Section
from dragoman.errors import InvalidRenderer
from dragoman.maps.declarations import ServiceDeclaration
from dragoman.maps.renderers import parse_renderer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragoman.adapters.ncdjango.registered_jobs import RegisteredJob
    from dragoman.config.settings import Settings
    from dragoman.model.renderer import Renderer

NAME: Final = "ncdjango"
AGE: Final = 43_200.0
"""Seconds; the real server's NC_MAX_TEMPORARY_SERVICE_AGE."""

_SERVICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class NcdjangoSettings:
    """How ncdjango's jobs and map services are served."""

    max_temporary_service_age: float = AGE
    """Seconds after which a published result is no service any more."""
    render_processes: int = 2
    """That draw maps at once, at most."""
    picture_cache: int = 2**30
    """Bytes of pictures that are kept."""
    services: tuple[ServiceDeclaration, ...] = ()
    """The operator's own files."""
    jobs: Mapping[str, RegisteredJob] = field(default_factory=dict)
    """The registered jobs, by name."""


def parse(section: Section, process_ids: Sequence[str]) -> NcdjangoSettings:
    """The settings of the section; raises SettingsError."""
    return NcdjangoSettings(
        max_temporary_service_age=section.duration("max_temporary_service_age", AGE),
        render_processes=section.whole("render_processes", 2, low=1, high=64),
        picture_cache=section.size("picture_cache", 2**30),
        services=_services(section),
        jobs=registered_jobs(_named(section, "jobs"), process_ids),
    )


def workflow_ids(own: object) -> tuple[str, ...]:
    """The processes that these settings add: a workflow's id is the name of its job."""
    jobs = own.jobs if isinstance(own, NcdjangoSettings) else {}
    return tuple(name for name, job in jobs.items() if job.workflow)


def settings_of(settings: Settings) -> NcdjangoSettings:
    """This dialect's part of the settings; the defaults where there is none."""
    own = settings.dialects.get(NAME)
    return own if isinstance(own, NcdjangoSettings) else NcdjangoSettings()


def _named(section: Section, name: str) -> Section:
    """A mapping whose keys are names of the operator's."""
    names = section.values.get(name)
    known = [str(each) for each in names] if isinstance(names, dict) else ()
    return Section(section.config, (*section.key, name), known=known)


def _services(section: Section) -> tuple[ServiceDeclaration, ...]:
    services = _named(section, "services")
    return tuple(_service(services, name) for name in services.values)


def _service(services: Section, name: str) -> ServiceDeclaration:
    if not isinstance(name, str) or not _SERVICE.fullmatch(name):
        raise services.error(
            str(name), "is no name of a service; allowed: letters, digits and . _ -, parts joined by /"
        )
    own = Section(services.config, (*services.key, name), known=("path", "description", "variables"))
    if own.values.get("path") is None:
        raise own.error("path", "is missing; allowed: a NetCDF or GeoTIFF file, relative to this file")
    return ServiceDeclaration(
        name=name,
        path=own.folder("path", ""),
        description=own.text("description", "") if own.values.get("description") else "",
        variables=_variables(own),
    )


def _variables(service: Section) -> dict[str, Renderer | None]:
    variables = _named(service, "variables")
    return {str(name): _renderer(variables, str(name)) for name in variables.values}


def _renderer(variables: Section, name: str) -> Renderer | None:
    if variables.values[name] is None:
        return None
    own = Section(variables.config, (*variables.key, name), known=("renderer",))
    value = own.values.get("renderer")
    if value is None:
        return None
    try:
        return parse_renderer(value, words=True)
    except InvalidRenderer as error:
        raise own.error("renderer", error.detail if error.place else shown(value)) from error


SETTINGS: Final = DialectSettings(
    name=NAME,
    summary="ncdjango's jobs and map services; off turns them off.",
    keys={
        "max_temporary_service_age": "Time that a published result stays a map service; 43200.",
        "render_processes": "Processes that draw maps at once, at most; 2.",
        "picture_cache": "Pictures of maps that are kept; 1GiB.",
        "services": "Files of yours that are map services, by name.",
        "services.*.path": "A NetCDF or GeoTIFF file, relative to this file.",
        "services.*.description": "A line about the service.",
        "services.*.variables": "Which variables are its layers, in this order; left out: all that can be drawn.",
        "services.*.variables.*.renderer": "How it is coloured; left out: black to white, minimum to maximum.",
        "jobs": "The jobs that ncdjango's clients may start, by name.",
        "jobs.*.type": "task or workflow.",
        "jobs.*.task": "Of a task: the process that it runs, or one of ncdjango's own (raster:apply_expression).",
        "jobs.*.path": "Of a workflow: ncdjango's JSON, relative to this file; it is a process of the job's name.",
        "jobs.*.publish_raster_results": "Whether rasters that it gives become map services.",
        "jobs.*.results_renderer": "How these are coloured, or min-max; a value may be min, max, mean, p2, ...",
    },
    defaults=NcdjangoSettings(),
    parse=parse,
    counted=True,
    adds=workflow_ids,
)
