"""What inputs may be fetched, and from where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dragoman.config.settings import FetchSettings, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePolicy:
    """The operator's rules for inputs by reference."""

    fetch: FetchSettings
    data_roots: tuple[Path, ...] = ()
    """Folders that ``file:`` may be read from."""
    extra_roots: tuple[Path, ...] = ()
    """Further ones for this run only: the examples of the package under test, say."""

    @classmethod
    def from_settings(cls, settings: Settings, extra_roots: Iterable[Path] = ()) -> SourcePolicy:
        """The policy of a server."""
        return cls(fetch=settings.fetch, data_roots=settings.data_roots, extra_roots=tuple(extra_roots))

    @property
    def roots(self) -> tuple[Path, ...]:
        """Every folder that may be read."""
        return self.data_roots + self.extra_roots

    def allows(self, host: str, port: int) -> bool:
        """Whether this host, a name or an address without brackets, may be private."""
        host = host.lower().rstrip(".")
        names = {host, f"{host}:{port}"}
        if ":" in host:
            names = {host, f"[{host}]", f"[{host}]:{port}"}
        return not names.isdisjoint(self.fetch.allow)
