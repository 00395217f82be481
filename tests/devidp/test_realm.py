"""What the YAML file may say, and what it is told if it says something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragoman.devidp.realm import Client, Realm, User, read_realm
from dragoman.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def _file(folder: Path, text: str) -> Path:
    path = folder / "realm.yml"
    path.write_text(text, "utf-8")
    return path


def test_what_the_file_leaves_out_is_as_by_default(tmp_path: Path) -> None:
    assert read_realm(_file(tmp_path, "")) == Realm()


def test_a_file_names_users_clients_and_audiences(tmp_path: Path) -> None:
    text = """
    name: d4science
    audiences: [/root/VO/VRE]
    lifetime: 5
    users: {ann: {password: 123, roles: [analyst]}}
    clients: {app: , service: {secret: s, opaque: true}}
    """
    assert read_realm(_file(tmp_path, text)) == Realm(
        name="d4science",
        audiences=("/root/VO/VRE",),
        lifetime=5,
        users=(User(name="ann", password="123", roles=("analyst",)),),
        clients=(Client(id="app"), Client(id="service", secret="s", opaque=True)),
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("users: [ann]", "users is to be a mapping"),
        ("people: {}", "unknown key 'people'; allowed: audiences, clients,"),
        ("users: {ann: {pass: x}}", "users.ann: unknown key 'pass'; allowed: password, roles, subject"),
        ("lifetime: soon", "lifetime is to be a whole number"),
        ("clients: {a: {opaque: 1}}", "clients.a.opaque is to be true or false"),
        ("users: {", "cannot be read"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_realm(_file(tmp_path, text))
    assert reason in caught.value.detail
    assert "\n" not in caught.value.detail


def test_a_user_is_the_same_one_at_every_start() -> None:
    assert User(name="ann", password="a").sub == User(name="ann", password="b").sub
    assert User(name="ann", password="a").sub != User(name="bob", password="a").sub
