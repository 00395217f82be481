"""Who is known to the provider: users, clients, audiences; from a small YAML file or from options."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

import yaml

from dragoman.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DEFAULT_LIFETIME: Final = 300
DEFAULT_REFRESH_LIFETIME: Final = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who signs in by name and password."""

    name: str
    password: str
    roles: tuple[str, ...] = ()
    subject: str = ""
    """``sub`` of the user's tokens; empty: made from the name, the same at every start."""

    @property
    def sub(self) -> str:
        """``sub`` of the user's tokens."""
        return self.subject or str(uuid5(NAMESPACE_URL, f"dragoman-dev-idp:user:{self.name}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A program; without a secret it is a public one, which cannot act for itself."""

    id: str
    secret: str = ""
    roles: tuple[str, ...] = ()
    """Roles of its service account, in tokens of the grant client_credentials."""
    opaque: bool = False
    """Whether its access tokens are handles that only introspection explains."""

    @property
    def sub(self) -> str:
        """``sub`` of its service account."""
        return str(uuid5(NAMESPACE_URL, f"dragoman-dev-idp:client:{self.id}"))


DEFAULT_USERS: Final = (
    User(name="alice", password="alice", roles=("analyst",)),
    User(name="bob", password="bob"),
    User(name="admin", password="admin", roles=("admin",)),
)
DEFAULT_CLIENTS: Final = (
    Client(id="dragoman-cli"),
    Client(id="dragoman-service", secret="secret", roles=("analyst",)),
    Client(id="dragoman-opaque", secret="secret", opaque=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Realm:
    """Everything that the provider knows; nothing of it changes while it runs."""

    name: str = "geo"
    audiences: tuple[str, ...] = ("dragoman",)
    """``aud`` of every access token, beside ``account``; and what may be asked for by uma-ticket."""
    users: tuple[User, ...] = DEFAULT_USERS
    clients: tuple[Client, ...] = DEFAULT_CLIENTS
    lifetime: int = DEFAULT_LIFETIME
    """Seconds for which an access token is good; below zero it has expired when it is given."""
    refresh_lifetime: int = DEFAULT_REFRESH_LIFETIME
    """Seconds for which a refresh token is good."""
    _by_name: dict[str, User] = field(init=False, repr=False, compare=False)
    _by_id: dict[str, Client] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {user.name: user for user in self.users})
        object.__setattr__(self, "_by_id", {client.id: client for client in self.clients})

    def user(self, name: str) -> User | None:
        """A user by name."""
        return self._by_name.get(name)

    def client(self, name: str) -> Client | None:
        """A client by its id."""
        return self._by_id.get(name)


def read_realm(path: Path) -> Realm:
    """A realm from a YAML file; what it leaves out is as by default. Raises SettingsError in one line.

    ``{name, audiences, lifetime, refresh_lifetime, users: {NAME: {password, roles, subject}},
    clients: {ID: {secret, roles, opaque}}}``.
    """
    try:
        data = yaml.safe_load(path.read_text("utf-8")) or {}
        return _realm(data)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise SettingsError(f"{path}: cannot be read: {reason}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _realm(data: Any) -> Realm:
    values = _known(data, "the file", {f.name for f in fields(Realm) if f.init})
    for key in {"lifetime", "refresh_lifetime"} & values.keys():
        values[key] = _typed(values[key], int, key)
    if "name" in values:
        values["name"] = _typed(values["name"], str, "name")
    if "audiences" in values:
        values["audiences"] = _words(values["audiences"], "audiences")
    if "users" in values:
        allowed = {"password", "roles", "subject"}
        values["users"] = tuple(
            User(name=str(name), **_members(user, f"users.{name}", allowed, {"password": ""}))
            for name, user in _typed(values["users"], dict, "users").items()
        )
    if "clients" in values:
        allowed = {"secret", "roles", "opaque"}
        values["clients"] = tuple(
            Client(id=str(name), **_members(client, f"clients.{name}", allowed, {}))
            for name, client in _typed(values["clients"], dict, "clients").items()
        )
    return Realm(**values)


def _members(data: Any, where: str, allowed: set[str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    values = {**defaults, **_known(data or {}, where, allowed)}
    for key in {"password", "secret", "subject"} & values.keys():
        values[key] = str(values[key])
    if "opaque" in values:
        values["opaque"] = _typed(values["opaque"], bool, f"{where}.opaque")
    if "roles" in values:
        values["roles"] = _words(values["roles"], f"{where}.roles")
    return values


def _known(data: Any, where: str, allowed: set[str]) -> dict[str, Any]:
    values: dict[str, Any] = dict(_typed(data, dict, where))
    if unknown := sorted(map(str, values.keys() - allowed)):
        raise ValueError(f"{where}: unknown key {unknown[0]!r}; allowed: {', '.join(sorted(allowed))}")
    return values


def _words(data: Any, where: str) -> tuple[str, ...]:
    return tuple(str(word) for word in ([data] if isinstance(data, str) else _typed(data, list, where)))


def _typed(data: Any, kind: type, where: str) -> Any:
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        words = {
            dict: "a mapping",
            list: "a list",
            int: "a whole number",
            bool: "true or false",
            str: "a text",
        }
        raise TypeError(f"{where} is to be {words[kind]}")
    return data
