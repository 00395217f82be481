"""Who may ask for what: the operator's part ``server.manager.auth``, read and checked.

``public`` and ``execute`` guard something only where there is an ``oidc``; without it they stop the start, as does
any other setting that would guard nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from dragoman.config.file import shown
from dragoman.config.values import Section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""Signatures that can be allowed: with all of them, who can check a token cannot make one."""
PUBLIC: Final = ("landing", "conformance", "processes", "openapi", "health", "appstore-status")
"""What needs no token unless the operator says otherwise."""
PUBLIC_WORDS: Final = (*PUBLIC, "metrics", "services", "collections")
"""Everything that can be made public."""
EVERY_PROCESS: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrospectionSettings:
    """Where tokens that are not JWTs are asked about (RFC 7662)."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """Whose tokens are accepted, and how they are read."""

    issuer: str
    """Exactly what tokens have as ``iss``, its last slash, if any, included."""
    audience: tuple[str, ...]
    """One of them must be in a token's ``aud``."""
    algorithms: tuple[str, ...] = ("RS256", "ES256", "PS256")
    scopes: tuple[str, ...] = ()
    """Required of every token."""
    user_claim: str = "sub"
    client_claim: tuple[str, ...] = ("azp", "client_id")
    """The owner where there is no user; the first that is there."""
    roles_claim: str = "realm_access.roles"
    """A claim, or the dotted path to one."""
    admin_role: str = "admin"
    client_id: str = ""
    """The public client that programs of users log in by; may be empty."""
    introspection: IntrospectionSettings | None = None
    """None: only JWTs are accepted."""
    leeway: float = 30.0
    """Seconds that clocks may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteRule:
    """What a principal needs to execute a process: one of the roles, and all of the scopes."""

    roles: tuple[str, ...] = ()
    """Empty: none is needed."""
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthSettings:
    """How requests are authenticated, and what they may do."""

    oidc: OidcSettings | None = None
    """None: nobody is authenticated."""
    public: frozenset[str] = frozenset(PUBLIC)
    """Of PUBLIC_WORDS; it counts only where there is an ``oidc``."""
    execute: Mapping[str, ExecuteRule] = field(default_factory=dict)
    """By process; EVERY_PROCESS stands for each that is not named. Of others every good token will do."""


def read_auth(auth: Section, process_ids: Sequence[str]) -> AuthSettings:
    """The settings below ``server.manager.auth``; raises SettingsError."""
    oidc = None if auth.values.get("oidc") is None else _oidc(auth.section("oidc"))
    for name in ("public", "execute"):
        if oidc is None and auth.values.get(name) is not None:
            raise auth.error(name, "guards nothing without auth.oidc; allowed: with oidc, or leave it out")
    return AuthSettings(
        oidc=oidc,
        public=_public(auth),
        execute=_execute(auth, process_ids),
    )


def _oidc(section: Section) -> OidcSettings:
    if section.values.get("issuer") is None:
        raise section.error("issuer", "is missing; allowed: the URL that tokens have as iss")
    audience = _texts(section, "audience", ())
    if not audience:
        raise section.error("audience", "is missing; allowed: what tokens for this server have in aud")
    default = OidcSettings(issuer="", audience=())
    return OidcSettings(
        issuer=_provider_url(section, "issuer"),
        audience=audience,
        algorithms=_algorithms(section, default.algorithms),
        scopes=_scopes(section, "scopes"),
        user_claim=section.text("user_claim", default.user_claim),
        client_claim=_texts(section, "client_claim", default.client_claim),
        roles_claim=section.text("roles_claim", default.roles_claim),
        admin_role=section.text("admin_role", default.admin_role),
        client_id=section.text("client_id", ""),
        introspection=_introspection(section),
        leeway=section.duration("leeway", default.leeway, zero=True),
    )


def _texts(section: Section, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """One text, or a list of them; not empty where it is written."""
    value = section.values.get(name)
    if value is None:
        return default
    if isinstance(value, str):
        return (section.text(name, ""),)
    if not section.words(name):
        raise section.error(name, f"{shown(value)} is empty; allowed: a text, or a list of texts")
    return section.words(name)


def _scopes(section: Section, name: str) -> tuple[str, ...]:
    scopes = section.words(name)
    for scope in scopes:
        if not scope.isascii() or any(character in scope for character in ' "\\'):
            raise section.error(name, f"{shown(scope)} is no scope; allowed: ASCII without space, quote, \\")
    return scopes


def _algorithms(section: Section, default: tuple[str, ...]) -> tuple[str, ...]:
    algorithms = _texts(section, "algorithms", default)
    for algorithm in algorithms:
        if algorithm not in ALGORITHMS:
            problem = f"{shown(algorithm)} is not accepted; allowed: {', '.join(ALGORITHMS)}"
            raise section.error("algorithms", problem)
    return algorithms


def _introspection(section: Section) -> IntrospectionSettings | None:
    if section.values.get("introspection") is None:
        return None
    below = section.section("introspection")
    for name in ("url", "client_id", "client_secret"):
        if below.values.get(name) is None:
            raise below.error(name, "is missing; allowed: url, client_id and client_secret together")
    secret = below.values["client_secret"]
    if not isinstance(secret, str) or not secret or "${" in secret:
        raise below.error("client_secret", "is not text (not shown); allowed: text, ${...} without quotes")
    url = _provider_url(below, "url")
    return IntrospectionSettings(url=url, client_id=below.text("client_id", ""), client_secret=secret)


def _provider_url(section: Section, name: str) -> str:
    """The URL as it is written: ``iss`` is compared letter by letter. Plain http stays on this machine."""
    url = section.text(name, "")
    section.web_url(name)
    if not is_private_enough(url):
        problem = f"{shown(url)} is open to whoever is between; allowed: https, or http on loopback"
        raise section.error(name, problem)
    return url


def is_private_enough(url: str) -> bool:
    """Whether what is fetched from a URL of the provider can be trusted: https, or http on loopback."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    loopback = host in ("localhost", "::1") or host.endswith(".localhost") or _is_127(host)
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and loopback))


def _is_127(host: str) -> bool:
    parts = host.split(".")
    numbers = len(parts) == 4 and all(part.isascii() and part.isdecimal() for part in parts)
    return numbers and parts[0] == "127"


def _public(auth: Section) -> frozenset[str]:
    if auth.values.get("public") is None:
        return frozenset(PUBLIC)
    words = auth.words("public")
    for word in words:
        if word not in PUBLIC_WORDS:
            problem = f"{shown(word)} is nothing that can be public; allowed: {', '.join(PUBLIC_WORDS)}"
            raise auth.error("public", problem)
    return frozenset(words)


def _execute(auth: Section, process_ids: Sequence[str]) -> dict[str, ExecuteRule]:
    if auth.values.get("execute") is None:
        return {}
    section = Section(auth.config, (*auth.key, "execute"), known=(*process_ids, EVERY_PROCESS))
    return {name: _rule(section, name) for name in section.values}


def _rule(section: Section, name: str) -> ExecuteRule:
    allowed = "{roles: [...], scopes: [...]}, or {} for whoever has a good token"
    if not isinstance(section.values[name], dict):
        raise section.error(name, f"{shown(section.values[name])} is no rule; allowed: {allowed}")
    rule = Section(section.config, (*section.key, name), known=("roles", "scopes"))
    for part, values in rule.values.items():
        if not values:
            raise rule.error(part, f"names none; allowed: at least one, or leave it out ({allowed})")
    return ExecuteRule(roles=rule.words("roles"), scopes=_scopes(rule, "scopes"))
