"""The AppStore dialect's part of the configuration: its keys and their reader. No Flask: settings are read early."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from dragoman.config.dialects import DialectSettings
from dragoman.config.file import shown
from dragoman.config.values import Section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragoman.config.settings import Settings

NAME: Final = "appstore"
RESULT_TYPES: Final = ("auto", "JSON", "STREAM", "WEBSITE")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One application: a process of ours, and how its tasks are put together."""

    name: str
    """As it stands in its paths."""
    process: str
    assets_input: str | None = None
    """The input that the assets are values of; None: the only one that takes several."""
    attributes_input: str | None = None
    """The input that gets an object for each asset; None: ``attributes``, where the process has it."""
    attributes: tuple[str, ...] = ()
    """The attributes that every asset must have."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Further inputs, whose values no client chooses."""
    assets_per_batch: int = 10
    quiet_period: float = 30.0
    """Seconds without a new asset after which a task starts."""
    start_on_short_batch: bool = False
    abandoned_after: float = 86400.0
    """Seconds after which a task is given up to which no asset comes."""
    result_type: str = "auto"
    """One of RESULT_TYPES."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppStoreSettings:
    """What is served by this dialect."""

    applications: Mapping[str, Application] | None = None
    """By name; None: those of BUNDLED whose process is declared."""
    default: str | None = None
    """The application at the root; None: the first."""
    downloads: int = 8
    """Assets that are fetched at once, of all tasks together."""


BUNDLED: Final = (
    Application(name="mosaic", process="mosaic"),
    Application(
        name="image-report",
        process="image-report",
        attributes=("longitude", "latitude"),
        result_type="WEBSITE",
    ),
)
"""What is served where the configuration names no application."""


def parse(section: Section, process_ids: Sequence[str]) -> AppStoreSettings:
    """The settings of the section; raises SettingsError for a process that is not declared."""
    applications = _applications(section, process_ids)
    default = section.values.get("default")
    known = bundled(process_ids) if applications is None else applications
    if default is not None and default not in known:
        names = ", ".join(known) or "none"
        raise section.error("default", f"{shown(default)} is not an application; allowed: {names}")
    return AppStoreSettings(
        applications=applications, default=default, downloads=section.whole("downloads", 8, low=1, high=256)
    )


def bundled(process_ids: Sequence[str]) -> Mapping[str, Application]:
    """The applications of BUNDLED that these processes make possible."""
    return {each.name: each for each in BUNDLED if each.process in process_ids}


def settings_of(settings: Settings) -> AppStoreSettings:
    """This dialect's part of the settings, with the applications that are served; the defaults where there is none."""
    own = settings.dialects.get(NAME)
    known = own if isinstance(own, AppStoreSettings) else AppStoreSettings()
    applications = known.applications
    if applications is None:
        applications = bundled([process.id for process in settings.processes])
    return AppStoreSettings(
        applications=applications,
        default=known.default or next(iter(applications), None),
        downloads=known.downloads,
    )


def _applications(section: Section, process_ids: Sequence[str]) -> Mapping[str, Application] | None:
    if section.values.get("applications") is None:
        return None
    names = section.values["applications"]
    if not isinstance(names, dict) or not names:
        raise section.error(
            "applications",
            f"{shown(names)} is no mapping; allowed: a name and its keys, for each application",
        )
    below = Section(section.config, (*section.key, "applications"), known=list(names))
    return {name: _application(below, name, process_ids) for name in names}


def _application(section: Section, name: str, process_ids: Sequence[str]) -> Application:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise section.error(
            str(name),
            "is no name for an application; allowed: letters, digits and -._ (it stands in its paths)",
        )
    own = section.section(name)
    process, result_type = own.values.get("process"), own.values.get("result_type") or "auto"
    if not isinstance(process, str) or process not in process_ids:
        declared = ", ".join(process_ids) or "none"
        raise own.error("process", f"{shown(process)} is not a process; allowed: {declared}")
    if result_type not in RESULT_TYPES:
        raise own.error("result_type", f"{shown(result_type)} is none; allowed: {', '.join(RESULT_TYPES)}")
    return Application(
        name=name,
        process=process,
        assets_input=own.text("assets_input", "-") if "assets_input" in own.values else None,
        attributes_input=own.text("attributes_input", "-") if "attributes_input" in own.values else None,
        attributes=own.words("attributes"),
        parameters=_parameters(own),
        assets_per_batch=own.whole("assets_per_batch", 10, low=1, high=10_000),
        quiet_period=own.duration("quiet_period", 30, zero=True),
        start_on_short_batch=own.flag("start_on_short_batch", False),
        abandoned_after=own.duration("abandoned_after", 86400),
        result_type=result_type,
    )


def _parameters(section: Section) -> Mapping[str, Any]:
    written = section.values.get("parameters") or {}
    if not isinstance(written, dict) or not all(isinstance(name, str) for name in written):
        raise section.error("parameters", f"{shown(written)} is no mapping; allowed: values by input")
    return written


SETTINGS: Final = DialectSettings(
    name=NAME,
    summary="AppStore's applications; off turns them off.",
    keys={
        "default": "The application that is also served at the root; the first.",
        "downloads": "Assets that are fetched at once, of all tasks together; 8.",
        "applications": "By name; left out: `mosaic` and `image-report`, where processes of these names are declared.",
        "applications.*.process": "The process that a task runs.",
        "applications.*.assets_input": "Its input that gets the files; the only one that takes several.",
        "applications.*.attributes_input": "Its input that gets an object for each file; `attributes`, if it has that.",
        "applications.*.attributes": "Attributes that every asset must have; none.",
        "applications.*.parameters": "Further inputs with fixed values.",
        "applications.*.assets_per_batch": "Assets that may come in one request; 10.",
        "applications.*.quiet_period": "Time without a new asset after which a task starts; 30.",
        "applications.*.start_on_short_batch": "Whether a batch with room for more starts it at once; false.",
        "applications.*.abandoned_after": "Time without an asset after which a task is given up; 1d.",
        "applications.*.result_type": "auto, JSON, STREAM or WEBSITE; auto.",
    },
    defaults=AppStoreSettings(),
    parse=parse,
    counted=True,
)
