"""Whose token it is, and which are none: against an issuer on loopback."""

from __future__ import annotations

import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from harness import deaf_port
from issuerkit import AUDIENCE, Issuer, issuing, jwk, part, private_key

from dragoman.errors import InsufficientScope, InvalidToken, Unavailable
from dragoman.identity import provider, signing_keys, tokens
from dragoman.identity.tokens import Tokens
from dragoman.model.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as running:
        yield running


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets the monotonic clock go on by so many seconds."""
    real, ahead = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + ahead[0])

    def go_on(seconds: float) -> None:
        ahead[0] += seconds

    return go_on


ALICE = Principal(
    id="alice", roles=frozenset({"analyst"}), scopes=frozenset({"openid", "geo.run"}), admin=False
)


def test_a_good_token_names_its_owner_roles_and_scopes(issuer: Issuer) -> None:
    assert Tokens(issuer.settings()).principal(issuer.token()) == ALICE


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("RSA", "RS256"), ("RSA", "PS256"), ("EC", "ES256"), ("OKP", "EdDSA"), ("RSA", "RS512")],
)
@pytest.mark.parametrize("declared", [True, False])
def test_each_algorithm_that_is_allowed(issuer: Issuer, kind: str, algorithm: str, declared: bool) -> None:
    kid = f"key of {kind}"
    issuer.keys = [jwk("one"), jwk(kid, kind, **({"alg": algorithm} if declared else {}))]
    allowed = issuer.settings(algorithms=("RS256", "RS512", "PS256", "ES256", "EdDSA"))
    token = issuer.token(kid=kid, kind=kind, algorithm=algorithm)
    assert Tokens(allowed).principal(token).id == "alice"
    narrow = issuer.settings(algorithms=tuple({"RS256", "ES256"} - {algorithm}))
    with pytest.raises(InvalidToken, match="algorithm"):
        Tokens(narrow).principal(token)


@pytest.mark.parametrize(
    ("changes", "owner"),
    [({}, "alice"), ({"sub": None}, "geo-client"), ({"sub": None, "azp": None, "client_id": "c"}, "c")],
)
def test_the_owner_is_the_user_else_the_client(issuer: Issuer, changes: dict[str, Any], owner: str) -> None:
    assert Tokens(issuer.settings()).principal(issuer.token(**changes)).id == owner


@pytest.mark.parametrize(
    ("audience", "good"),
    [("dragoman", True), (["account", "dragoman"], True), ("drag%6Fman", True), ("drag%256Fman", False),
     ("account", False), (None, False), ([], False), (7, False), ([["dragoman"]], False), ("Dragoman", False),
     ({"dragoman": 1}, False)],
)  # fmt: skip
def test_the_audience_matches_raw_or_once_decoded(issuer: Issuer, audience: object, good: bool) -> None:
    token = issuer.token(aud=audience)
    if good:
        assert Tokens(issuer.settings()).principal(token).id == "alice"
    else:
        with pytest.raises(InvalidToken, match="audience"):
            Tokens(issuer.settings()).principal(token)


@pytest.mark.parametrize(
    ("claims", "headers", "reason"),
    [
        ({"exp": 1}, {}, "expired"),
        ({"exp": None}, {}, "not one that the issuer has signed"),
        ({"exp": "soon"}, {}, "not one"),
        ({"exp": int(time.time()) - 60}, {}, "expired"),
        ({"nbf": 10**10}, {}, "not valid yet"),
        ({"iat": 10**10}, {}, "not valid yet"),
        ({"iss": "https://elsewhere.example.org"}, {}, "another issuer"),
        ({"iss": None}, {}, "not one"),
        ({"iss": [1]}, {}, "not one|another issuer"),
        ({"typ": "ID"}, {}, "no access token"),
        ({"typ": "Refresh"}, {}, "no access token"),
        ({"typ": None, "nonce": "n"}, {}, "no access token"),
        ({"typ": None, "at_hash": "n"}, {}, "no access token"),
        ({"cnf": {"jkt": "x"}}, {}, "bound"),
        ({"sub": ""}, {}, "owner"),
        ({"sub": "anonymous"}, {}, "owner"),
        ({"sub": "a\u0000b"}, {}, "owner"),
        ({"sub": "\ud800"}, {}, "owner"),
        ({"sub": "x" * 256}, {}, "owner"),
        ({"sub": 7}, {}, "not one|owner"),
        ({"sub": None, "azp": ["x"]}, {}, "owner"),
        ({"sub": None, "azp": None}, {}, "neither"),
        ({}, {"typ": "JWS"}, "typ"),
        ({}, {"typ": ""}, "typ"),
        ({}, {"crit": ["exp"], "exp": 1}, "not one|extensions"),
        ({}, {"crit": []}, "not one|extensions"),
        ({}, {"kid": "two"}, "none of the issuer's"),
    ],
)
def test_a_token_that_is_not_good(
    issuer: Issuer, claims: dict[str, Any], headers: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidToken, match=reason):
        Tokens(issuer.settings()).principal(issuer.token(headers=headers, **claims))


def test_it_may_be_late_by_the_leeway(issuer: Issuer) -> None:
    now = int(time.time())
    assert Tokens(issuer.settings()).principal(issuer.token(exp=now - 5, nbf=now + 20)).id == "alice"


def test_an_access_token_by_its_header_may_have_any_claims(issuer: Issuer) -> None:
    token = issuer.token(headers={"typ": "at+JWT"}, typ=None, nonce="n")
    assert Tokens(issuer.settings()).principal(token).id == "alice"


def public_forms() -> dict[str, bytes]:
    """The public key in every form in which somebody might take it for a shared secret."""
    key = private_key("one").public_key()
    return {
        **{
            f"{encoding} {form}": key.public_bytes(encoding, form)
            for encoding in (Encoding.PEM, Encoding.DER)
            for form in (PublicFormat.PKCS1, PublicFormat.SubjectPublicKeyInfo)
        },
        "JWK": json.dumps(jwk("one")).encode(),
        "modulus": jwk("one")["n"].encode(),
    }


def shared(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """A token signed by HMAC."""
    text = f"{part({**header, 'alg': 'HS256'})}.{part(claims)}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), 'sha256'))}"


def forged(issuer: Issuer) -> dict[str, str]:
    """Tokens that nobody with the issuer's keys has signed as they are."""
    good = issuer.token()
    head, body, signature = good.split(".")
    header = {"typ": "JWT", "kid": "one", "alg": "RS256"}
    claims = issuer.claims(user="mallory")
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    return {
        **{
            f"algorithm {none!r}": f"{part({**header, 'alg': none})}.{part(claims)}."
            for none in ("none", "None", "NONE", "nOnE", "", None, ["none"], {"none": 1})
        },
        "tampered": f"{head}.{part(claims)}.{signature}",
        "no signature": f"{head}.{body}.",
        "cut": good[:-20],
        "cut in the middle": good[: len(head) + 10],
        "doubled": f"{good}.{good}",
        "deep header": f"{part(deep)}.{body}.{signature}",
        "deep claims": f"{head}.{part(deep)}.{signature}",
        "no object": f"{part([1])}.{part(2)}.{signature}",
        "no text": f"{part(bytes(range(255)))}.{body}.{signature}",
        "long": part(b"x" * 300_000),
        "long claims": issuer.token(padding="x" * 300_000),
        **{f"{form} as a secret": shared(header, claims, secret) for form, secret in public_forms().items()},
        "own key": jwt.encode(
            claims, private_key("own"), "RS256",
            {"kid": "one", "jwk": jwk("own"), "jku": f"{issuer.url}/own", "x5u": f"{issuer.url}/own"},
        ),
        "a key that is no text": f"{part({**header, 'kid': ['one']})}.{body}.{signature}",
        "no key": issuer.token(kid=None),
        "of another kind": jwt.encode(claims, private_key("ec", "EC"), "ES256", {"kid": "one"}),
        "b64": f"{part({**header, 'b64': False, 'crit': ['b64']})}..{signature}",
    }  # fmt: skip


def test_nobody_else_can_sign(issuer: Issuer) -> None:
    door = Tokens(issuer.settings(introspection=True))
    for name, token in forged(issuer).items():
        with pytest.raises(InvalidToken) as raised:
            door.principal(token)
        assert "mallory" not in raised.value.detail, name
    assert issuer.asked.get("own") is None
    assert door.principal(issuer.token()).id == "alice"


def test_a_key_of_another_kind_does_not_check_an_rsa_signature(issuer: Issuer) -> None:
    issuer.keys = [jwk("ec", "EC")]
    token = jwt.encode(issuer.claims(), private_key("ec"), "RS256", {"kid": "ec"})
    with pytest.raises(InvalidToken):
        Tokens(issuer.settings()).principal(token)


def test_a_key_for_encryption_checks_nothing(issuer: Issuer) -> None:
    issuer.keys = [jwk("one", use="enc"), jwk("two")]
    with pytest.raises(InvalidToken, match="none of the issuer's"):
        Tokens(issuer.settings()).principal(issuer.token())


def test_required_scopes_are_403_and_name_themselves(issuer: Issuer) -> None:
    with pytest.raises(InsufficientScope, match=r"geo\.write") as raised:
        Tokens(issuer.settings(scopes=("geo.run", "geo.write"))).principal(issuer.token())
    assert raised.value.scopes == ("geo.run", "geo.write")
    listed = issuer.token(scope=None, scp=["geo.run"])
    assert Tokens(issuer.settings(scopes=("geo.run",))).principal(listed).scopes == {"geo.run"}


@pytest.mark.parametrize(
    ("path", "claims", "roles"),
    [
        ("realm_access.roles", {}, {"analyst"}),
        ("https://geo.example.org/roles", {"https://geo.example.org/roles": ["x"]}, {"x"}),
        ("groups", {"groups": "staff of geo"}, {"staff of geo"}),
        ("a.b.c", {"a": {"b": "c"}}, set()),
        ("groups", {"groups": ["ok", 7, None, "\u0000", ""]}, {"ok"}),
    ],
)
def test_roles_are_where_the_operator_says(
    issuer: Issuer, path: str, claims: dict[str, Any], roles: set[str]
) -> None:
    door = Tokens(issuer.settings(roles_claim=path))
    assert door.principal(issuer.token(**claims)).roles == roles


def test_the_admin_role_makes_an_admin(issuer: Issuer) -> None:
    token = issuer.token(realm_access={"roles": ["boss"]})
    assert Tokens(issuer.settings(admin_role="boss")).principal(token).admin
    assert not Tokens(issuer.settings()).principal(token).admin


def test_what_was_verified_is_not_verified_again(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    door, token = Tokens(issuer.settings()), issuer.token()
    first = door.principal(token)
    monkeypatch.setattr(tokens, "verified_claims", None)
    assert door.principal(token) is first


def test_but_not_beyond_its_time(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    door, now = Tokens(issuer.settings()), time.time()
    token = issuer.token(exp=int(now) + 10)
    door.principal(token)
    monkeypatch.setattr(time, "time", lambda: now + 45)
    with monkeypatch.context() as patch:
        patch.setattr(tokens, "verified_claims", _expired)
        with pytest.raises(InvalidToken, match="asked again"):
            door.principal(token)


def _expired(*_: Any) -> Any:
    raise InvalidToken("asked again")


def test_a_withdrawn_key_counts_for_a_minute_at_most(issuer: Issuer, clock: Callable[[float], None]) -> None:
    door, token = Tokens(issuer.settings()), issuer.token()
    door.principal(token)
    issuer.keys = [jwk("two")]
    clock(59)
    assert door.principal(token).id == "alice"
    clock(1.1)
    with pytest.raises(InvalidToken, match="none of the issuer's"):
        door.principal(token)


def test_a_new_key_is_fetched_when_it_is_met_but_not_more_often_than_every_five_seconds(
    issuer: Issuer, clock: Callable[[float], None]
) -> None:
    door = Tokens(issuer.settings())
    door.principal(issuer.token())
    issuer.keys.append(jwk("two"))
    for _ in range(10):
        with pytest.raises(InvalidToken):
            door.principal(issuer.token(kid="two"))
    assert issuer.asked["certs"] == 1
    clock(5.1)
    assert door.principal(issuer.token(kid="two")).id == "alice"
    for _ in range(10):
        with pytest.raises(InvalidToken):
            door.principal(issuer.token(kid="three"))
    assert issuer.asked["certs"] == 2


def test_it_is_discovered_where_the_keys_are(issuer: Issuer, clock: Callable[[float], None]) -> None:
    door = Tokens(issuer.settings())
    documents: tuple[Any, ...] = (
        {**issuer.discovery, "issuer": issuer.url + "/"},
        {**issuer.discovery, "jwks_uri": "http://keys.example.org"},
        {**issuer.discovery, "jwks_uri": "file:///etc/passwd"},
        {**issuer.discovery, "jwks_uri": None},
        [],
        b"no JSON",
        b"[" * 100_000,
    )
    for document in documents:
        issuer.discovery, right = document, issuer.discovery
        with pytest.raises(Unavailable):
            door.principal(issuer.token())
        issuer.discovery = right
        clock(provider.RETRY)
    assert door.principal(issuer.token()).id == "alice"


def test_an_issuer_that_is_away_is_503_and_asked_again_every_five_seconds(
    issuer: Issuer, clock: Callable[[float], None]
) -> None:
    door = Tokens(issuer.settings())
    issuer.broken = 500
    for _ in range(10):
        with pytest.raises(Unavailable) as raised:
            door.principal(issuer.token())
        assert raised.value.retry_after == provider.RETRY
        assert issuer.url not in raised.value.detail
    assert issuer.asked == {"openid-configuration": 1}
    assert "500" in door.fault
    assert door.away()
    with pytest.raises(InvalidToken):  # what is no token of anybody's needs no issuer
        door.principal("x.y.z")
    issuer.broken = None
    clock(provider.RETRY)
    assert door.principal(issuer.token()).id == "alice"
    assert not door.away()


def test_known_keys_serve_while_it_is_away_for_a_minute(
    issuer: Issuer, clock: Callable[[float], None]
) -> None:
    door = Tokens(issuer.settings())
    door.principal(issuer.token())
    issuer.broken = 503
    clock(10)
    with pytest.raises(Unavailable):
        door.principal(issuer.token(kid="two"))
    assert door.principal(issuer.token("bob")).id == "bob"
    clock(signing_keys.LIFESPAN)
    with pytest.raises(Unavailable):
        door.principal(issuer.token("bob"))


def test_an_issuer_that_was_never_there(issuer: Issuer) -> None:
    with deaf_port() as port:
        away = Issuer(port)
        with pytest.raises(Unavailable):
            Tokens(away.settings()).principal(away.token())


# Opaque tokens


def test_without_introspection_only_jwts_are_accepted(issuer: Issuer) -> None:
    with pytest.raises(InvalidToken, match="no JWT"):
        Tokens(issuer.settings()).principal("opaque")


def test_an_opaque_token_is_asked_about_once_a_minute(issuer: Issuer, clock: Callable[[float], None]) -> None:
    issuer.opaque["opaque"] = {"active": True, **issuer.claims()}
    door = Tokens(issuer.settings(introspection=True))
    for _ in range(3):
        assert door.principal("opaque") == ALICE
    assert issuer.asked == {"introspect": 1}
    assert issuer.credentials == ["Basic Z2VvJTNBMTpzK2g="]  # both form-encoded: geo%3A1, s+h
    del issuer.opaque["opaque"]  # revoked
    clock(59)
    door.principal("opaque")
    clock(1.1)
    for _ in range(3):
        with pytest.raises(InvalidToken, match="revoked"):
            door.principal("opaque")
    assert issuer.asked == {"introspect": 2}


@pytest.mark.parametrize(
    ("changes", "good"),
    [({"iss": None, "exp": None, "typ": None}, True), ({"active": "true"}, False), ({"aud": None}, False),
     ({"aud": "other"}, False), ({"iss": "https://x"}, False), ({"exp": 1}, False), ({"exp": "x"}, False),
     ({"exp": 10**400}, True), ({"nbf": 10**10}, False), ({"token_type": "DPoP"}, False),
     ({"typ": "Refresh"}, False), ({"token_type": "bearer"}, True), ({"sub": "anonymous"}, False)],
)  # fmt: skip
def test_what_the_issuer_says_is_checked(issuer: Issuer, changes: dict[str, Any], good: bool) -> None:
    issuer.opaque["opaque"] = {"active": True, **issuer.claims(**changes)}
    door = Tokens(issuer.settings(introspection=True))
    if good:
        assert door.principal("opaque").id == "alice"
    else:
        with pytest.raises(InvalidToken):
            door.principal("opaque")


def test_a_jwt_is_never_asked_about(issuer: Issuer) -> None:
    door = Tokens(issuer.settings(introspection=True))
    unknown = issuer.token(kid="two")
    issuer.opaque = {unknown: {"active": True, **issuer.claims()}}
    for token in (
        unknown,
        *(each for name, each in forged(issuer).items() if name not in ("no text", "no object", "long")),
    ):
        with pytest.raises(InvalidToken):
            door.principal(token)
    assert "introspect" not in issuer.asked


def test_an_introspection_that_fails_is_503(issuer: Issuer, clock: Callable[[float], None]) -> None:
    door = Tokens(issuer.settings(introspection=True))
    issuer.opaque["opaque"] = {"active": True, **issuer.claims()}
    for status in (401, 500):
        issuer.broken = status
        with pytest.raises(Unavailable):
            door.principal("opaque")
        assert str(status) in door.fault
        issuer.broken = None
        assert door.principal(issuer.token(str(status))).id == str(status)  # keys are another matter
        clock(provider.RETRY)
    issuer.broken = 400  # the token's own fault: others go on
    with pytest.raises(InvalidToken):
        door.principal("strange")
    issuer.broken = None
    assert door.principal("opaque").id == "alice"
    assert AUDIENCE == "dragoman"
