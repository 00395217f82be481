"""What the configuration needs to know of a dialect: its keys, and how they are read. Each dialect brings its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dragoman.config.values import Section

UNAVAILABLE: Final = "is not available in this version"
ROOT: Final = "server.manager.dialects"


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectSettings:
    """The part of the configuration below ``server.manager.dialects`` that belongs to one dialect."""

    name: str
    """Its key; ``off`` as its value switches the dialect off."""
    summary: str
    """One line on the key itself, for the documentation."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """The keys below it, dotted and with ``*`` for any one name, with a line on each."""
    defaults: object = None
    """The settings where the key is absent, empty or ``on``."""
    parse: Callable[[Section, Sequence[str]], object] | None = None
    """Reads the mapping below the key, given the ids of all declared processes; raises SettingsError."""
    adds: Callable[[object], Sequence[str]] | None = None
    """The ids of processes that come with its settings, as these were parsed; None: none do."""
    counted: bool = False
    """Whether the engine depends on these settings, so that a supervisor with others is replaced."""


def dialect_keys(dialects: Iterable[DialectSettings]) -> dict[str, str]:
    """Every key of these dialects, with a line on each."""
    keys: dict[str, str] = {}
    for dialect in dialects:
        root = f"{ROOT}.{dialect.name}"
        keys[root] = dialect.summary
        keys |= {f"{root}.{key}": line for key, line in dialect.keys.items()}
    return keys


def read_dialects(
    section: Section, dialects: Iterable[DialectSettings], process_ids: Sequence[str]
) -> dict[str, object]:
    """The settings of each dialect by its name; False for one that is off. Raises SettingsError."""
    return {dialect.name: _read(section, dialect, process_ids) for dialect in dialects}


def added_processes(dialects: Iterable[DialectSettings], settings: Mapping[str, object]) -> list[str]:
    """The ids of the processes that the settings of dialects bring."""
    return [id for each in dialects if each.adds is not None for id in each.adds(settings[each.name])]


def _read(section: Section, dialect: DialectSettings, process_ids: Sequence[str]) -> object:
    written = section.values.get(dialect.name)
    if written is False:
        return False
    if written is None or written is True:
        return dialect.defaults
    below = section.section(dialect.name)
    return dialect.defaults if dialect.parse is None else dialect.parse(below, process_ids)
