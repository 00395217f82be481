"""Reading single values of the configuration; each refusal is one line that says what is allowed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from dragoman.config.file import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import URL

    from dragoman.config.file import ConfigFile, Key
    from dragoman.errors import SettingsError

SIZES: Final = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
DURATIONS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
HIGHEST: Final = (36_500 * 86_400, 2**60)
"""Of a duration (a century) and of a size: sockets and timers take no more."""

_QUANTITY = re.compile(r"(?P<number>[0-9]{1,18}(?:\.[0-9]{1,9})?) ?(?P<unit>[A-Za-z]*)", re.ASCII)
_PORT = r"(:(?!0)(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
_ORIGIN = re.compile(rf"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+){_PORT}", re.ASCII)
_HOST = re.compile(rf"(\[[0-9a-f:.]+\]|[a-z0-9_][a-z0-9._-]*){_PORT}|[0-9a-f]*:[0-9a-f:.]+", re.ASCII)
_PREFIX = re.compile(r"(s3|gs)://[A-Za-z0-9][A-Za-z0-9._-]*(/[^\s?#*]*)?", re.ASCII)
_DATABASE = re.compile(r"(sqlite|postgresql)(\+\w+)?:///?.+", re.ASCII)


def parse_quantity(value: object, units: Mapping[str, int]) -> float | None:
    """A number with one of the units, in the unit that counts 1; None where it is not that, or negative."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _QUANTITY.fullmatch(str(value))
    if match is None or match["unit"] not in units:
        return None
    number = float(match["number"]) if "." in match["number"] else int(match["number"])
    return number * units[match["unit"]]


class Section:
    """One mapping of the file; an absent or empty one has every default."""

    def __init__(self, config: ConfigFile, key: Key, known: Iterable[str] | None = None) -> None:
        """``known``: the names allowed in it; None: those of the file's keys (any, in ``server`` itself)."""
        self.config, self.key = config, key
        mapping: Any = config.data
        for part in key:
            mapping = mapping.get(part) if isinstance(mapping, dict) else None
        if mapping is not None and not isinstance(mapping, dict):
            raise config.error(
                key, f"{shown(mapping)} is not a mapping; allowed: {', '.join(config.known(key))}"
            )
        self.values: Mapping[str, Any] = mapping or {}
        if key != ("server",):  # most of its keys are pygeoapi's, whose schema knows them
            config.refuse_unknown(key, self.values, config.known(key) if known is None else known)

    def section(self, name: str) -> Section:
        """The mapping under a key."""
        return Section(self.config, (*self.key, name))

    def error(self, name: str, problem: str) -> SettingsError:
        """What to raise about one of its keys."""
        return self.config.error((*self.key, name), problem)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.error(name, f"{shown(value)} is neither; allowed: true, false")
        return default if value is None else value

    def whole(self, name: str, default: int, low: int = 0, high: int = 2**53) -> int:
        """A whole number, bounds inclusive."""
        value = default if self.values.get(name) is None else self.values[name]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            upper = f"to {high}" if high < 2**53 else "or more"
            raise self.error(
                name, f"{shown(value)} is out of range or no whole number; allowed: {low} {upper}"
            )
        return value

    def size(self, name: str, default: int, *, zero: bool = False) -> int:
        """Bytes; ``zero``: whether 0 is a value."""
        return int(self._quantity(name, default, SIZES, zero))

    def duration(self, name: str, default: float, *, zero: bool = False) -> float:
        """Seconds; ``zero``: whether 0 is a value."""
        return float(self._quantity(name, default, DURATIONS, zero))

    def _quantity(self, name: str, default: float, units: Mapping[str, int], zero: bool) -> float:
        value = default if self.values.get(name) is None else self.values[name]
        number = parse_quantity(value, units)
        if number is not None and units is SIZES:
            number = int(number)
        if number is None or number > HIGHEST[units is SIZES] or (number == 0 and not zero):
            kind, least = "size" if units is SIZES else "duration", "0 or more" if zero else "more than 0"
            words = f"a number ({least}) alone or with {', '.join(unit for unit in units if unit)}"
            raise self.error(name, f"{shown(value)} is not a {kind}; allowed: {words}")
        return number

    def text(self, name: str, default: str) -> str:
        """Text that is not empty, on one line."""
        value = default if self.values.get(name) is None else self.values[name]
        if not isinstance(value, str) or (not value and name in self.values) or not value.isprintable():
            raise self.error(name, f"{shown(value)} is not text; allowed: text on one line, not empty")
        if "${" in value:
            raise self.error(
                name, f"{shown(value)} is quoted, so not substituted; allowed: ${{...}} without quotes"
            )
        return value

    def folder(self, name: str, default: str) -> Path:
        """An absolute path, relative ones counted from the file's folder; nothing need be there."""
        return self._absolute(self.text(name, default))

    def _absolute(self, text: str) -> Path:
        return Path(os.path.abspath(self.config.path.parent / os.path.expanduser(text)))

    def words(self, name: str, separator: str = "") -> tuple[str, ...]:
        """A list of texts; with a separator also one text that joins them. Empty parts are dropped."""
        value = self.values.get(name)
        if separator and isinstance(value, str):
            value = [part.strip() for part in value.split(separator) if part.strip()]
        value = [] if value is None else value
        if not isinstance(value, list) or not all(
            isinstance(part, str) and part.isprintable() for part in value
        ):
            joined = f", or one text that joins them with '{separator}'" if separator else ""
            raise self.error(name, f"{shown(value)} is not a list of texts; allowed: [a, b]{joined}")
        return tuple(part for part in value if part)

    def folders(self, name: str) -> tuple[Path, ...]:
        """Absolute paths of a list, or of a text joined by ':'."""
        value = self.values.get(name)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and "://" in text:
                raise self.error(name, f"{shown(text)} is a URL; allowed: folders, a list or joined by ':'")
        return tuple(self._absolute(text) for text in self.words(name, ":"))

    def hosts(self, name: str) -> tuple[str, ...]:
        """Lower-case ``host`` or ``host:port`` of a list, or of a text joined by ','."""
        hosts = tuple(text.lower() for text in self.words(name, ","))
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise self.error(name, f"{shown(host)} is not a host; allowed: host, host:port, [IPv6]:port")
        return hosts

    def object_stores(self, name: str) -> tuple[str, ...]:
        """Prefixes of object URLs of a list, or of a text joined by ','; each ends with a slash."""
        prefixes = self.words(name, ",")
        for prefix in prefixes:
            if not _PREFIX.fullmatch(prefix):
                raise self.error(
                    name, f"{shown(prefix)} is no prefix; allowed: s3://bucket/, gs://bucket/folder/"
                )
        return tuple(f"{prefix.rstrip('/')}/" for prefix in prefixes)

    def origins(self, name: str) -> tuple[str, ...]:
        """Lower-case web origins."""
        origins = tuple(text.lower() for text in self.words(name, ","))
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise self.error(
                    name, f"{shown(origin)} is not an origin; allowed: http(s)://host or http(s)://host:port"
                )
        return origins

    def web_url(self, name: str) -> str:
        """An http(s) URL without query or fragment; its trailing slash is dropped."""
        url = self.text(name, "")
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or parts.query or parts.fragment or parts.username is not None or " " in url:
            raise self.error(name, f"{shown(url)} is not a base URL; allowed: http(s)://host[:port][/path]")
        return url.rstrip("/")

    def database(self, name: str, home: Path) -> str:
        """An SQLAlchemy URL; empty: SQLite in ``home``. A refusal never shows it: it may hold a password."""
        from sqlalchemy import (
            URL,
            make_url,
        )  # here, since it takes longer than the rest of reading the settings
        from sqlalchemy.exc import ArgumentError

        value = self.values.get(name)
        if value is None or value == "":
            return _rendered(URL.create("sqlite", database=str(home / "dragoman.db")))
        if (
            not isinstance(value, str)
            or not value.isprintable()
            or not _DATABASE.fullmatch(value)
            or ":memory:" in value
        ):
            raise self._no_database(name)
        try:
            url = make_url(value)
        except (ArgumentError, ValueError) as error:  # ValueError: a port that is no number
            raise self._no_database(name) from error
        if url.get_backend_name() == "sqlite":
            return _rendered(url.set(database=str(self._absolute(url.database or ""))))
        return value

    def _no_database(self, name: str) -> SettingsError:
        allowed = "empty, sqlite:///path, postgresql://user@host/name, without quotes around ${...}"
        return self.error(name, f"is not a database URL (not shown); allowed: {allowed}")


def _rendered(url: URL) -> str:
    """As text, in which a path may hold any character: ``?``, ``#`` and ``%`` are quoted."""
    return url.render_as_string(hide_password=False)
