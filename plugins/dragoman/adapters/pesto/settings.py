"""The PESTO dialect's part of the configuration: its keys and their reader. No Flask: settings are read early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.config.dialects import DialectSettings
from dragoman.config.file import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.config.settings import Settings
    from dragoman.config.values import Section

NAME: Final = "pesto"


@dataclass(frozen=True, slots=True, kw_only=True)
class PestoSettings:
    """How the PESTO dialect is served."""

    default_process: str | None = None
    """The process that is also served at ``/api/v1/...``; None: nothing is."""
    asynchronous: tuple[str, ...] = ()
    """Processes whose POST returns a link at once; a PESTO project may say so itself."""


def parse(section: Section, process_ids: Sequence[str]) -> PestoSettings:
    """The settings of the section; raises SettingsError for a process that is not declared."""
    default, asynchronous = section.values.get("default_process"), section.words("asynchronous")
    for key, name in (("default_process", default), *(("asynchronous", name) for name in asynchronous)):
        if name is not None and name not in process_ids:
            raise section.error(
                key, f"{shown(name)} is not a process; allowed: {', '.join(process_ids) or 'none'}"
            )
    return PestoSettings(default_process=default, asynchronous=asynchronous)


def settings_of(settings: Settings) -> PestoSettings:
    """This dialect's part of the settings; the defaults where there is none."""
    own = settings.dialects.get(NAME)
    return own if isinstance(own, PestoSettings) else PestoSettings()


SETTINGS: Final = DialectSettings(
    name=NAME,
    summary="PESTO; off turns it off.",
    keys={
        "default_process": "The process that is also served at /api/v1/...",
        "asynchronous": "Processes whose POST returns a link at once.",
    },
    defaults=PestoSettings(),
    parse=parse,
)
