"""The part ``auth``: whose tokens count, what is public, who may execute what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dragoman.adapters.registry import dialect_settings
from dragoman.config.auth import (
    ALGORITHMS,
    PUBLIC,
    AuthSettings,
    ExecuteRule,
    OidcSettings,
    is_private_enough,
)
from dragoman.config.settings_file import load_settings
from dragoman.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.config.settings import Settings

    type Load = Callable[..., Settings]

OURS = Path(__file__).parents[2] / "pygeoapi-config.yml"
ISSUER = "https://id.example.org/realms/geo"
OIDC = {"issuer": ISSUER, "audience": "dragoman"}


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load our own file with this part of it, in which ``oidc`` may be given in members."""

    def build(auth: Any, host: str = "127.0.0.1") -> Settings:
        data = yaml.safe_load(OURS.read_text("utf-8"))
        data["server"]["manager"]["auth"] = auth
        data["server"]["bind"]["host"] = host
        path = tmp_path / "config.yml"
        path.write_text(yaml.safe_dump(data), "utf-8")
        return load_settings(path, {}, dialect_settings())

    return build


def test_without_it_nobody_is_authenticated(load: Load) -> None:
    assert load(None).auth == AuthSettings()
    assert load({"oidc": None}).auth.oidc is None


def test_issuer_and_audience_are_enough(load: Load) -> None:
    auth = load({"oidc": OIDC}).auth
    assert auth.oidc == OidcSettings(issuer=ISSUER, audience=("dragoman",))
    assert auth.public == set(PUBLIC)
    assert auth.execute == {}


def test_every_key_is_read(load: Load) -> None:
    introspection = {"url": "http://127.0.0.1:9/x", "client_id": "a", "client_secret": "shh"}
    written = {
        **OIDC, "audience": ["a", "b"], "algorithms": ["ES384"], "scopes": ["geo"], "user_claim": "email",
        "client_claim": "cid", "roles_claim": "roles", "admin_role": "boss", "client_id": "cli",
        "introspection": introspection, "leeway": "1m",
    }  # fmt: skip
    auth = load({"oidc": written, "public": [], "execute": {"ndvi": {"roles": ["x"]}, "*": {}}}).auth
    oidc = auth.oidc
    assert oidc is not None
    assert (oidc.audience, oidc.algorithms, oidc.scopes) == (("a", "b"), ("ES384",), ("geo",))
    assert (oidc.user_claim, oidc.client_claim, oidc.roles_claim) == ("email", ("cid",), "roles")
    assert (oidc.admin_role, oidc.client_id, oidc.leeway) == ("boss", "cli", 60)
    assert oidc.introspection is not None
    assert oidc.introspection.client_secret == "shh"
    assert "shh" not in repr(auth)
    assert auth.public == frozenset()
    assert auth.execute == {"ndvi": ExecuteRule(roles=("x",)), "*": ExecuteRule()}


def test_the_issuer_keeps_its_last_slash(load: Load) -> None:
    oidc = load({"oidc": {**OIDC, "issuer": "https://x.example.org/"}}).auth.oidc
    assert oidc is not None
    assert oidc.issuer == "https://x.example.org/"


def test_with_it_the_server_may_listen_anywhere(load: Load) -> None:
    assert load({"oidc": OIDC}, host="0.0.0.0").host == "0.0.0.0"
    with pytest.raises(SettingsError, match=r"server\.bind\.host.*oidc"):
        load(None, host="0.0.0.0")


def test_the_engine_does_not_depend_on_it(load: Load) -> None:
    assert load({"oidc": OIDC}).digest == load(None).digest


@pytest.mark.parametrize(
    ("auth", "key", "allowed"),
    [
        ({"oidc": {}}, "oidc.issuer", "iss"),
        ({"oidc": {"issuer": ISSUER}}, "oidc.audience", "aud"),
        ({"oidc": {**OIDC, "audience": []}}, "oidc.audience", "list of texts"),
        ({"oidc": {"audience": "a"}}, "oidc.issuer", "is missing"),
        ({"oidc": {**OIDC, "issuer": "id.example.org"}}, "oidc.issuer", "http(s)://"),
        ({"oidc": {**OIDC, "issuer": "http://id.example.org"}}, "oidc.issuer", "https, or http on loopback"),
        ({"oidc": {**OIDC, "issuer": "https://a:b@id.example.org"}}, "oidc.issuer", "http(s)://"),
        ({"oidc": {**OIDC, "algorithms": ["HS256"]}}, "oidc.algorithms", "RS256"),
        ({"oidc": {**OIDC, "algorithms": ["none"]}}, "oidc.algorithms", "RS256"),
        ({"oidc": {**OIDC, "algorithms": []}}, "oidc.algorithms", "list of texts"),
        ({"oidc": {**OIDC, "scopes": ["a b"]}}, "oidc.scopes", "without space"),
        ({"oidc": {**OIDC, "scope": ["a"]}}, "oidc.scope", "did you mean scopes"),
        ({"oidc": {**OIDC, "leeway": -1}}, "oidc.leeway", "0 or more"),
        ({"oidc": {**OIDC, "introspection": {"url": ISSUER}}}, "oidc.introspection.client_id", "together"),
        ({"oidc": {**OIDC, "introspection": {"uri": ISSUER}}}, "oidc.introspection.uri", "did you mean url"),
        ({"oidc": ISSUER}, "oidc", "issuer, audience"),
        ({"oidc": OIDC, "public": ["jobs"]}, "public", "landing, conformance"),
        ({"oidc": OIDC, "public": "landing"}, "public", "[a, b]"),
        ({"oidc": OIDC, "execute": {"nvdi": {}}}, "execute.nvdi", "did you mean ndvi"),
        ({"oidc": OIDC, "execute": {"ndvi": None}}, "execute.ndvi", "roles"),
        ({"oidc": OIDC, "execute": {"ndvi": ["analyst"]}}, "execute.ndvi", "roles"),
        ({"oidc": OIDC, "execute": {"ndvi": {"roles": []}}}, "execute.ndvi.roles", "at least one"),
        ({"oidc": OIDC, "execute": {"ndvi": {"role": ["a"]}}}, "execute.ndvi.role", "did you mean roles"),
        ({"public": ["landing"]}, "public", "with oidc"),
        ({"execute": {"ndvi": {}}}, "execute", "with oidc"),
        ({"oauth": OIDC}, "oauth", "oidc"),
    ],
)
def test_a_mistake_is_one_line(load: Load, auth: dict[str, Any], key: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load(auth)
    detail = raised.value.detail
    assert "\n" not in detail
    assert f": server.manager.auth.{key}: " in detail
    assert allowed in detail


def test_a_secret_is_not_shown(load: Load) -> None:
    with pytest.raises(SettingsError) as raised:
        load({"oidc": {**OIDC, "introspection": {"url": ISSUER, "client_id": "a", "client_secret": 12345}}})
    assert "12345" not in raised.value.detail


def test_no_secret_shared_with_clients_can_sign() -> None:
    assert not any(algorithm.startswith(("HS", "none")) for algorithm in ALGORITHMS)


@pytest.mark.parametrize(
    ("url", "good"),
    [("https://x.org", True), ("http://localhost:1", True), ("http://127.1.2.3/x", True), ("http://[::1]:1", True),
     ("http://x.org", False), ("http://127.0.0.1.x.org", False), ("ftp://localhost", False), ("https://", False),
     ("http://[", False)],
)  # fmt: skip
def test_plain_http_stays_on_this_machine(url: str, good: bool) -> None:
    assert is_private_enough(url) is good
