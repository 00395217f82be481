"""From what is said of a good token to the principal: whose it is, and what it may do. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from dragoman.errors import InsufficientScope, InvalidToken
from dragoman.model.principal import ANONYMOUS, Principal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dragoman.config.auth import OidcSettings

LONGEST: Final = 255
"""Characters of an owner's name: OpenID Connect allows as many for ``sub``."""
FAR: Final = 2**53
"""Seconds beyond which no moment is told from another."""


def principal(claims: Mapping[str, Any], oidc: OidcSettings) -> Principal:
    """Whom the token speaks for. Raises InvalidToken, InsufficientScope."""
    check_audience(claims.get("aud"), oidc.audience)
    scopes = frozenset(_words(claims.get("scope")) or _words(claims.get("scp")))
    lacking = [scope for scope in oidc.scopes if scope not in scopes]
    if lacking:
        raise InsufficientScope(
            f"the token lacks the scope {', '.join(lacking)}, which this server asks for", scopes=oidc.scopes
        )
    roles = frozenset(_words(_at(claims, oidc.roles_claim), separator=None))
    return Principal(id=_owner(claims, oidc), roles=roles, scopes=scopes, admin=oidc.admin_role in roles)


def check_audience(audience: object, configured: Iterable[str]) -> None:
    """Raise InvalidToken unless one of the audiences, raw or once percent-decoded, is a configured one."""
    names = audience if isinstance(audience, list) else [audience]
    spellings = {text for name in names if isinstance(name, str) for text in (name, unquote(name))}
    if spellings.isdisjoint(configured):
        raise InvalidToken("the token is for another audience")


def seconds(value: object, default: float) -> float:
    """A moment as a number of seconds, far ones cut; ``default`` where there is none. Raises InvalidToken."""
    if value is None:
        return default
    try:
        number = min(int(value), FAR)  # type: ignore[call-overload]  # whatever the JSON has
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidToken("a time of the token is no number") from error
    return float(number)


def _owner(claims: Mapping[str, Any], oidc: OidcSettings) -> str:
    """The user, else the client; a name that is there but cannot be one ends the search."""
    for name in (oidc.user_claim, *oidc.client_claim):
        owner = _at(claims, name)
        if owner is None:
            continue
        usable = isinstance(owner, str) and owner.isprintable() and 0 < len(owner) <= LONGEST
        if (
            not usable or owner == ANONYMOUS.id
        ):  # whose jobs, from before there were tokens, are an admin's alone
            raise InvalidToken(f"the token's {name} is no name for an owner")
        return str(owner)
    raise InvalidToken("the token names neither a user nor a client")


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of that very name, which may have dots in it, else the one at the dotted path; None: there is none."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _words(value: object, separator: str | None = " ") -> list[str]:
    """The texts of a list, or of one text; what is no text, or cannot be shown, is left out."""
    if isinstance(value, str):
        value = value.split(separator) if separator else [value]
    words = value if isinstance(value, list) else []
    return [word for word in words if isinstance(word, str) and word and word.isprintable()]
