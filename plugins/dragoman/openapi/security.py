"""How an API document says that tokens are asked for."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.openapi.merging import operations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dragoman.config.auth import AuthSettings
    from dragoman.model.process import JSON

DISCOVERY: Final = "/.well-known/openid-configuration"
SAFE: Final = ("get", "head")


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """Whose tokens are asked for, and where."""

    issuer: str
    scopes: tuple[str, ...] = ()
    """Required of every token."""
    public: tuple[str, ...] | None = ()
    """The words of what needs none; None: no path does, for a document of servers with and without tokens."""


def security_of(auth: AuthSettings) -> Security | None:
    """What a server's documents say; None where nobody is authenticated."""
    if auth.oidc is None:
        return None
    return Security(issuer=auth.oidc.issuer, scopes=auth.oidc.scopes, public=tuple(sorted(auth.public)))


def secured(
    document: dict[str, JSON], security: Security | None, words: Iterable[tuple[str, str]]
) -> dict[str, JSON]:
    """A copy of the document with its security schemes: documents share what is the same in all of them.

    ``words`` are the words of ``auth.public`` by path, a parameter in it as ``{name}`` or ``<name>``.
    """
    if security is None:
        return document
    document = deepcopy(document)
    document["components"]["securitySchemes"] = _schemes(security)
    asked: list[JSON] = [{"openIdConnect": list(security.scopes)}, {"bearer": []}]
    free: list[JSON] = [{}, *asked]
    if security.public is None:
        document["security"] = free
        return document
    document["security"] = asked
    by_path = {_pattern(path): word for path, word in words}
    for path, method, operation in operations(document):
        if method in SAFE and _word(path, by_path) in security.public:
            operation["security"] = free
    return document


def _schemes(security: Security) -> dict[str, JSON]:
    issuer = f"an access token of {security.issuer}"
    return {
        "openIdConnect": {
            "type": "openIdConnect",
            "description": f"OpenID Connect: {issuer}.",
            "openIdConnectUrl": security.issuer.rstrip("/") + DISCOVERY,
        },
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": f"By hand: {issuer}, in the header Authorization.",
        },
    }


type Pattern = tuple[str, ...]


def _pattern(path: str) -> Pattern:
    """The segments of a path, parameters as ``{}``."""
    return tuple("{}" if part[:1] in ("{", "<") else part for part in path.rstrip("/").split("/"))


def _word(path: str, words: Mapping[Pattern, str]) -> str:
    """The word of a path, or of the first with a parameter in the place of one of its segments."""
    sent = _pattern(path)
    if sent in words:
        return words[sent]
    for pattern, word in words.items():
        pairs = zip(pattern, sent, strict=False)
        if len(pattern) == len(sent) and all(part in ("{}", name) for part, name in pairs):
            return word
    return ""
