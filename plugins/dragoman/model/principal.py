"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The party a request is made for; every call of the job service takes one."""

    id: str
    """Stable name of the owner; ``anonymous`` where there is no authentication."""
    roles: frozenset[str] = frozenset()
    """Roles granted by the token."""
    scopes: frozenset[str] = frozenset()
    """What the token may be used for."""
    admin: bool = False
    """Whether every job is visible, not only the principal's own."""


ANONYMOUS = Principal(id="anonymous")
