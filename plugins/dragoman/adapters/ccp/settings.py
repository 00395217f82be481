"""The CCP dialect's part of the configuration: its keys and their reader. No Flask: settings are read early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.config.dialects import DialectSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.config.settings import Settings
    from dragoman.config.values import Section

NAME: Final = "ccp"


@dataclass(frozen=True, slots=True, kw_only=True)
class CcpSettings:
    """How CCP is served."""

    cancelled_as_failed: bool = True
    """Whether a dismissed job reads as failed under ``/ccp``: clients of CCP wait for ever on any other word."""
    script_methods: bool = False
    """Whether methods that were imported from CCP may run their scripts here."""


def parse(section: Section, process_ids: Sequence[str]) -> CcpSettings:
    """The settings of the section; raises SettingsError."""
    return CcpSettings(
        cancelled_as_failed=section.flag("cancelled_as_failed", True),
        script_methods=section.flag("script_methods", False),
    )


def settings_of(settings: Settings) -> CcpSettings:
    """This dialect's part of the settings; the defaults where there is none."""
    own = settings.dialects.get(NAME)
    return own if isinstance(own, CcpSettings) else CcpSettings()


SETTINGS: Final = DialectSettings(
    name=NAME,
    summary="CCP; off turns it off.",
    keys={
        "cancelled_as_failed": "Whether a cancelled job reads as failed under /ccp.",
        "script_methods": "Whether methods imported from CCP are served, whose scripts run here.",
    },
    defaults=CcpSettings(),
    parse=parse,
)
