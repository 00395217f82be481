"""The aeon dialect's part of the configuration: its keys and their reader. No Flask: settings are read early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.config.dialects import DialectSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.config.settings import Settings
    from dragoman.config.values import Section

NAME: Final = "aeon"


@dataclass(frozen=True, slots=True, kw_only=True)
class AeonSettings:
    """How dataset sessions are served."""

    idle_timeout: float = 3600
    """Seconds after its last batch that a session is kept."""
    session_memory: int = 256 * 2**20
    """Bytes of batches that are kept ready for one session."""
    memory: int = 2**30
    """Bytes of batches that are kept ready, of all sessions together."""
    packed_fit: bool = False
    """Whether a fitted picture starts its buffer at its own size, as in the real service."""
    fast_decode: bool = False
    """Whether large JPEGs may be decoded at a smaller scale, which is not the same bit for bit."""


def parse(section: Section, _process_ids: Sequence[str]) -> AeonSettings:
    """The settings of the section; raises SettingsError."""
    own = AeonSettings(
        idle_timeout=section.duration("idle_timeout", 3600),
        session_memory=section.size("session_memory", 256 * 2**20),
        memory=section.size("memory", 2**30),
        packed_fit=section.flag("packed_fit", default=False),
        fast_decode=section.flag("fast_decode", default=False),
    )
    if own.memory < own.session_memory:
        raise section.error(
            "memory",
            f"{own.memory} bytes are less than one session may have; allowed: {own.session_memory} or more",
        )
    return own


def settings_of(settings: Settings) -> AeonSettings:
    """This dialect's part of the settings; the defaults where there is none."""
    own = settings.dialects.get(NAME)
    return own if isinstance(own, AeonSettings) else AeonSettings()


SETTINGS: Final = DialectSettings(
    name=NAME,
    summary="aeon's dataset sessions; off turns them off.",
    keys={
        "idle_timeout": "Time after its last batch that a session is kept; 3600.",
        "session_memory": "Batches that are kept ready for one session; 256MiB.",
        "memory": "Batches that are kept ready, of all sessions together; 1GiB.",
        "packed_fit": "Whether a fitted picture starts its buffer at its own size; false.",
        "fast_decode": "Whether large JPEGs may be decoded at a smaller scale; false.",
    },
    defaults=AeonSettings(),
    parse=parse,
    counted=True,
)
