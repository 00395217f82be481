"""`dragoman dev-idp`: an identity provider for tests and demonstrations, which guards nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.devidp.realm import Client, Realm, User
    from dragoman.devidp.serving import DevIdp

WARNING = (
    "WARNING: dev-idp is for tests and demonstrations. It guards nothing: whoever reaches this port gets any\n"
    "token, its passwords are plain text, and its keys are new at every start. It listens on loopback alone."
)


def dev_idp(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8180,
    user: Annotated[
        list[str] | None, typer.Option(help="NAME:PASSWORD; may be given often; default alice, bob, admin.")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(help="NAME:ROLE of a user or client; may be given often.")
    ] = None,
    client: Annotated[
        list[str] | None,
        typer.Option(help="ID, or ID:SECRET; may be given often; beside dragoman-cli and dragoman-service."),
    ] = None,
    audience: Annotated[
        list[str] | None, typer.Option(help="`aud` of its tokens; may be given often; default dragoman.")
    ] = None,
    lifetime: Annotated[
        int | None, typer.Option(help="Seconds for which a token is good; default 300.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A YAML file of users, clients and audiences.")] = None,
) -> None:
    """Serve an identity provider for tests and demonstrations on loopback; it guards nothing."""
    from dragoman.devidp.realm import Realm, read_realm
    from dragoman.devidp.serving import DevIdp
    from dragoman.errors import SettingsError

    realm = _with_options(read_realm(file) if file else Realm(), user or [], client or [], role or [])
    if audience:
        realm = replace(realm, audiences=tuple(audience))
    if lifetime is not None:
        realm = replace(realm, lifetime=lifetime)
    typer.echo(WARNING, err=True)
    try:
        idp = DevIdp(realm, port=port, quiet=False)
    except (OSError, SystemExit) as error:  # werkzeug has said why and ends the process
        raise SettingsError(f"--port {port} cannot be used; allowed: a free port, or 0 for any") from error
    _introduce(idp)
    try:
        idp.wait()
    except KeyboardInterrupt:
        idp.close()


def _introduce(idp: DevIdp) -> None:
    realm = idp.realm
    typer.echo(f"issuer          {idp.issuer}")
    typer.echo(f"token endpoint  {idp.token_endpoint}")
    typer.echo(f"new key         POST {idp.issuer}/dev/rotate")
    typer.echo(f"audiences       {', '.join(realm.audiences)}")
    for user in realm.users:
        typer.echo(f"user            {user.name}:{user.password} {' '.join(user.roles)}".rstrip())
    for client in realm.clients:
        secret = f":{client.secret}" if client.secret else " (public)"
        typer.echo(f"client          {client.id}{secret}{' (opaque tokens)' if client.opaque else ''}")


def _with_options(realm: Realm, users: Sequence[str], clients: Sequence[str], roles: Sequence[str]) -> Realm:
    """The realm with the users of the options in place of its own, and their clients beside its own."""
    from dragoman.devidp.realm import Client, User

    if users:
        named = [_pair(text, "--user", "NAME:PASSWORD") for text in users]
        realm = replace(realm, users=tuple(User(name=name, password=password) for name, password in named))
    added = [Client(id=name, secret=secret) for name, _, secret in (text.partition(":") for text in clients)]
    kept = [old for old in realm.clients if old.id not in {new.id for new in added}]
    realm = replace(realm, clients=(*kept, *added))
    for name, role in (_pair(text, "--role", "NAME:ROLE") for text in roles):
        if realm.user(name) is None and realm.client(name) is None:
            raise typer.BadParameter(f"--role {name}:{role}: there is no user or client {name!r}")
        realm = replace(
            realm,
            users=tuple(_given(user, role) if user.name == name else user for user in realm.users),
            clients=tuple(_given(client, role) if client.id == name else client for client in realm.clients),
        )
    return realm


def _given[Party: (User, Client)](party: Party, role: str) -> Party:
    return replace(party, roles=(*party.roles, role))


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    first, colon, second = text.partition(":")
    if not (first and colon and second):
        raise typer.BadParameter(f"{option} {text!r} is not {form}")
    return first, second
