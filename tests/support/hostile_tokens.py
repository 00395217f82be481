"""Tokens that a resource server must not take, and a few odd ones that it must.

``HOSTILE`` is the table: by name what makes the value of an Authorization header (None: there is none) for a
provider. One suite can so try them all, on every endpoint.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from forging import base64url, hmac_signed, json_bytes, signed, signing_input, unsigned

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokenkit import TokenFactory

DAY: Final = 86400

type Maker = Callable[[TokenFactory], str | None]

HOSTILE: Final[dict[str, Maker]] = {}
"""By name what makes the Authorization header for a provider; every one is refused with 401 where a token is needed."""

WITHOUT_TOKEN: Final = ("no token", "no scheme", "Basic", "another scheme")
"""The names of those with which no bearer token comes: they get a challenge without ``error`` (RFC 6750, 3.1)."""


def _bearer(make: Callable[[TokenFactory], str]) -> Maker:
    return lambda factory: f"Bearer {make(factory)}"


def _claims(**changes: Any) -> Maker:
    """Signed by the provider itself; only what it says is not for us, or not for now."""
    return _bearer(lambda factory: factory.good(**changes))


def _headed(**changes: Any) -> Maker:
    return _bearer(lambda factory: factory.headed(**changes))


def _payload(text: bytes) -> Maker:
    return _bearer(lambda factory: signed(factory.key, factory.header(), text))


def _raw_header(text: bytes) -> Maker:
    return _bearer(lambda factory: unsigned(text, factory.claims(), b"\1" * 256))


def _cut(parts: int, *, tail: int = 0) -> Maker:
    def make(factory: TokenFactory) -> str:
        kept = ".".join(factory.good().split(".")[:parts])
        return kept[: len(kept) - tail]

    return _bearer(make)


def _altered(token: str, part: int, change: Callable[[str], str]) -> str:
    parts = token.split(".")
    parts[part] = change(parts[part])
    return ".".join(parts)


def _more_rights(factory: TokenFactory) -> str:
    """A good token of bob's whose payload was changed into an admin's afterwards."""
    header, _, signature = factory.good("bob").split(".")
    stolen = factory.claims("bob", realm_access={"roles": ["admin"]})
    return f"{header}.{base64url(json_bytes(stolen))}.{signature}"


def _flipped(text: str) -> str:
    middle = len(text) // 2
    return text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]


HOSTILE.update(
    {
        "no token": lambda _: None,
        "no scheme": lambda factory: factory.good(),
        "Basic": lambda _: "Basic YWxpY2U6YWxpY2U=",
        "another scheme": lambda factory: f"DPoP {factory.good()}",
        "a scheme alone": lambda _: "Bearer",
        "an empty token": lambda _: "Bearer  ",
        "two tokens": lambda factory: f"Bearer {factory.good()} {factory.good()}",
        "two headers in one": lambda factory: f"Bearer {factory.good()}, Bearer {factory.good()}",
        "no token at all but dots": lambda _: "Bearer ..",
        "many dots": lambda _: "Bearer " + "." * 8000,
        "bytes above 127": lambda _: "Bearer \xe4\xf6\xfc.\xff\xfe.\x80",
        "characters that no token has": lambda _: "Bearer <script>alert('1')</script>.{}.\"",
    }
)

HOSTILE.update(
    {
        "expired": lambda factory: f"Bearer {factory.good(exp=int(time.time()) - 3600)}",
        "expired long ago": _claims(exp=1),
        "expired before there was time": _claims(exp=-1),
        "no end": _claims(exp=None),
        "an end in words": _claims(exp="tomorrow"),
        "an end that is true": _claims(exp=True),
        "an end that is a list": _claims(exp=[9999999999]),
        "an end that is no number": _payload(b'{"sub":"a","exp":NaN}'),
        "an endless end": _payload(b'{"sub":"a","exp":Infinity}'),
        "an end of 5000 digits": _payload(b'{"sub":"a","exp":' + b"9" * 5000 + b"}"),
        "not yet valid": lambda factory: f"Bearer {factory.good(nbf=int(time.time()) + DAY)}",
        "valid from a word on": _claims(nbf="now"),
        "issued tomorrow": lambda factory: f"Bearer {factory.good(iat=int(time.time()) + DAY)}",
        "no audience": _claims(aud=None),
        "another audience": _claims(aud="account"),
        "other audiences": _claims(aud=["account", "dragomans"]),
        "an empty audience": _claims(aud=""),
        "no audiences": _claims(aud=[]),
        "an audience that is a number": _claims(aud=5),
        "an audience that is a mapping": _claims(aud={"dragoman": "dragoman"}),
        "an audience of lists": _claims(aud=[["dragoman"]]),
        "the audience as part of a word": _claims(aud="dragoman-other"),
        "the audience in capitals": _claims(aud="DRAGOMAN"),
        "the audience encoded twice": _claims(aud="%2564ragoman"),
        "the audience as azp": _claims(aud="account", azp="dragoman"),
        "no issuer": _claims(iss=None),
        "another issuer": _claims(iss="https://id.example.org/realms/geo"),
        "the issuer and a slash": lambda factory: f"Bearer {factory.good(iss=factory.idp.issuer + '/')}",
        "the issuer in capitals": lambda factory: f"Bearer {factory.good(iss=factory.idp.issuer.upper())}",
        "a list of issuers": lambda factory: f"Bearer {factory.good(iss=[factory.idp.issuer])}",
        "nobody's": _claims(sub=None, azp=None),
        "a subject that is a list": _claims(sub=["alice"], azp=None),
        "a subject that is a number": _claims(sub=5, azp=None),
        "an empty subject": _claims(sub="", azp=None),
        "a subject with a NUL": _claims(sub="alice\0", azp=None),
        "a subject of half a character": _claims(sub="\ud800", azp=None),
    }
)

HOSTILE.update(
    {
        "an ID token": lambda factory: f"Bearer {factory.good(typ='ID')}",
        "an ID token of another make": _claims(typ=None, at_hash="cGxlYXNl", nonce="n", azp="dragoman"),
        "a refresh token": lambda factory: f"Bearer {_refresh_token(factory)}",
        "a token that says it refreshes": _claims(typ="Refresh"),
        "a logout token": _headed(typ="logout+jwt"),
        "a token of possession": _headed(typ="dpop+jwt"),
        "no type": _headed(typ=None),
        "a type that is a number": _headed(typ=5),
        "a type that is a list": _headed(typ=["JWT"]),
    }
)


def _refresh_token(factory: TokenFactory) -> str:
    user, client = factory.idp.realm.user("alice"), factory.idp.realm.client("dragoman-cli")
    assert user is not None
    assert client is not None
    return factory.idp.tokens.refresh(factory.idp.tokens.open(user, client, "", factory.idp.realm.audiences))


HOSTILE.update(
    {
        f"alg {spelling!r}{' and a signature' if signature else ''}": _bearer(
            lambda factory, spelling=spelling, signature=signature: unsigned(  # type: ignore[misc]
                factory.header(alg=spelling), factory.claims(), signature
            )
        )
        for spelling in ("none", "None", "NONE", "nOnE", "none ", " none", "none\0", "n\u043ene", "", "null")
        for signature in (b"", b"\1" * 256)
    }
)

HOSTILE.update(
    {
        "alg left out": _bearer(lambda factory: unsigned(factory.header(alg=None), factory.claims())),
        "alg null": _raw_header(b'{"alg":null,"typ":"JWT"}'),
        "alg a list": _headed(alg=["RS256"]),
        "alg a mapping": _headed(alg={"RS256": 1}),
        "alg a number": _headed(alg=256),
        "alg in small letters": _headed(alg="rs256"),
        "alg that is not allowed": _bearer(
            lambda factory: signed(
                factory.key, factory.header(alg="RS512"), factory.claims(), algorithm="RS512"
            )
        ),
        "alg unknown": _headed(alg="XS256"),
        "alg twice": _raw_header(b'{"alg":"RS256","alg":"none","typ":"JWT"}'),
        "RS256 with the signature of PS256": _bearer(
            lambda factory: signed(factory.key, factory.header(), factory.claims(), algorithm="PS256")
        ),
        "RS256 against an EC key": _bearer(
            lambda factory: signed(factory.foreign, factory.header(kid=factory.ec_key.kid), factory.claims())
        ),
        "ES256 against an RSA key": _bearer(
            lambda factory: signed(factory.foreign_ec, factory.header(alg="ES256"), factory.claims())
        ),
        "ES256 by another key": _bearer(
            lambda factory: signed(
                factory.foreign_ec, factory.header(alg="ES256", kid=factory.ec_key.kid), factory.claims()
            )
        ),
        "ES256 of zeros": _bearer(
            lambda factory: unsigned(
                factory.header(alg="ES256", kid=factory.ec_key.kid), factory.claims(), bytes(64)
            )
        ),
        "RS256 of zeros": _bearer(lambda factory: unsigned(factory.header(), factory.claims(), bytes(256))),
    }
)

SECRET_FORMS: Final = (
    "PEM",
    "PEM without its last line break",
    "PEM with CRLF",
    "PEM in one line",
    "PKCS1 PEM",
    "DER",
    "PKCS1 DER",
    "base64 of DER",
    "OpenSSH",
    "JWK",
    "JWK with blanks",
    "bare JWK",
    "JWK set",
    "modulus",
    "modulus in bytes",
    "nothing",
    "its name",
)
HOSTILE.update(
    {
        f"HS{size} by the public key: {form}": _bearer(
            lambda factory, form=form, size=size: hmac_signed(  # type: ignore[misc]
                factory.public_forms[form], factory.header(alg=f"HS{size}"), factory.claims()
            )
        )
        for form in SECRET_FORMS
        for size in ((256, 384, 512) if form == "PEM" else (256,))
    }
)


def _brought(**members: Callable[[TokenFactory], Any]) -> Maker:
    """Signed by an attacker, whose header brings the key, or says where it is."""

    def make(factory: TokenFactory) -> str:
        brought = {name: value(factory) for name, value in members.items()}
        return factory.headed(factory.foreign, **{"kid": factory.foreign.kid, **brought})

    return _bearer(make)


HOSTILE.update(
    {
        "a key of its own": _brought(jwk=lambda factory: factory.foreign.public_jwk()),
        "a key of its own under a known name": _brought(
            jwk=lambda factory: factory.foreign.public_jwk() | {"kid": factory.key.kid},
            kid=lambda factory: factory.key.kid,
        ),
        "keys elsewhere": _brought(jku=lambda factory: f"{factory.listener}/jwks"),
        "keys elsewhere, a known name": _brought(
            jku=lambda factory: f"{factory.listener}/jwks", kid=lambda factory: factory.key.kid
        ),
        "a certificate elsewhere": _brought(x5u=lambda factory: f"{factory.listener}/certificate"),
        "a certificate of its own": _brought(x5c=lambda _: ["AAAA"]),
        "a name that is an address": _brought(kid=lambda factory: f"{factory.listener}/key"),
        "another key under a known name": _brought(kid=lambda factory: factory.key.kid),
        "another key without a name": _brought(kid=lambda _: None),
        "an unknown name": _brought(),
        "a name that is a path": _brought(kid=lambda _: "../../../../dev/null"),
        "a name that is a query": _brought(kid=lambda _: "' OR '1'='1"),
        "a name with line breaks": _brought(kid=lambda _: "a\r\nSet-Cookie: b=c\n"),
        "a name of half a character": _brought(kid=lambda _: "\ud800"),
        "a name that is a number": _brought(kid=lambda _: 5),
        "a name that is a list": _brought(kid=lambda _: ["a"]),
        "a name that is a mapping": _brought(kid=lambda _: {"a": 1}),
        "a name that is empty": _brought(kid=lambda _: ""),
        "a good signature under a name that is a list": _headed(kid=["a"]),
        "crit of something unknown": _headed(crit=["urn:example:must"], **{"urn:example:must": True}),
        "crit of b64": _headed(crit=["b64"], b64=False),
        "crit of something absent": _headed(crit=["exp"]),
        "crit empty": _headed(crit=[]),
        "crit no list": _headed(crit="exp"),
    }
)

HOSTILE.update(
    {
        "more rights": _bearer(_more_rights),
        "a flipped signature": _bearer(lambda factory: _altered(factory.good(), 2, _flipped)),
        "a flipped payload": _bearer(lambda factory: _altered(factory.good(), 1, _flipped)),
        "a flipped header": _bearer(lambda factory: _altered(factory.good(), 0, _flipped)),
        "the signature of another token": _bearer(
            lambda factory: (
                f"{signing_input(factory.header(), factory.claims('admin'))}.{factory.good().split('.')[2]}"
            )
        ),
        "the signature cut off": _bearer(lambda factory: factory.good().rpartition(".")[0] + "."),
        "two parts": _cut(2),
        "one part": _cut(1),
        "the last characters cut off": _cut(3, tail=9),
        "doubled": _bearer(lambda factory: factory.good() * 2),
        "doubled with a dot": _bearer(lambda factory: f"{factory.good()}.{factory.good()}"),
        "four parts": _bearer(lambda factory: f"{factory.good()}.AAAA"),
        "an encrypted one": lambda _: "Bearer eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA",
        "a payload that is a list": _payload(b"[]"),
        "a payload that is a text": _payload(b'"alice"'),
        "a payload that is null": _payload(b"null"),
        "a payload that is empty": _payload(b""),
        "a payload that is no JSON": _payload(b"{'sub': 'alice'}"),
        "a payload that is no UTF-8": _payload(b'{"sub":"\xff\xfe"}'),
        "a header that is a list": _raw_header(b"[]"),
        "a header that is a number": _raw_header(b"5"),
        "a header that is empty": _raw_header(b""),
        "a header that is no UTF-8": _raw_header(b'{"alg":"\xff"}'),
        "a header in UTF-16": _raw_header('{"alg":"none"}'.encode("utf-16")),
        "a header with a number of 5000 digits": _raw_header(b'{"alg":"RS256","x":' + b"9" * 5000 + b"}"),
    }
)


def _nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    return opening * depth + b"1" + closing * depth


HOSTILE.update(
    {
        "a header of nested lists": _raw_header(_nested(b"[", b"]", 50_000)),
        "a header with a nested member": _raw_header(
            b'{"alg":"RS256","typ":"JWT","x":' + _nested(b"[", b"]", 50_000) + b"}"
        ),
        "a header of nested mappings": _raw_header(_nested(b'{"a":', b"}", 20_000)),
        "nested lists, truly signed": _payload(b'{"aud":' + _nested(b"[", b"]", 50_000) + b"}"),
        "nested mappings, truly signed": _payload(_nested(b'{"a":', b"}", 20_000)),
        "nested brackets alone": _raw_header(b"[" * 50_000),
        "300 kB of payload": _bearer(
            lambda factory: unsigned(factory.header(), factory.claims(x="x" * 225_000), b"\1" * 256)
        ),
        "300 kB of header": _bearer(lambda factory: factory.headed(factory.foreign, x="x" * 225_000)),
        "300 kB of signature": _bearer(
            lambda factory: unsigned(factory.header(), factory.claims(), b"\1" * 225_000)
        ),
        "300 kB of nothing": lambda _: "Bearer " + "A" * 300_000,
    }
)

GOOD: Final[dict[str, Callable[[TokenFactory], str]]] = {
    "as dev-idp makes it": lambda factory: f"Bearer {factory.good()}",
    "the scheme in small letters": lambda factory: f"bearer {factory.good()}",
    "of RFC 9068": lambda factory: f"Bearer {factory.headed(typ='at+jwt')}",
    "of RFC 9068, as a media type": lambda factory: f"Bearer {factory.headed(typ='application/at+jwt')}",
    "one audience of several": lambda factory: f"Bearer {factory.good(aud=['account', 'dragoman'])}",
    "the audience percent-encoded": lambda factory: f"Bearer {factory.good(aud='%64ragoman')}",
    "by an EC key": lambda factory: (
        f"Bearer {signed(factory.ec_key, factory.header(alg='ES256', kid=factory.ec_key.kid), factory.claims())}"
    ),
    "just expired, within the leeway": lambda factory: f"Bearer {factory.good(exp=int(time.time()) - 1)}",
    "an end of 400 digits": lambda factory: f"Bearer {factory.good(exp=10**400)}",
    "roles that are no list": lambda factory: f"Bearer {factory.good(realm_access={'roles': 5})}",
    "roles that are no mapping": lambda factory: f"Bearer {factory.good(realm_access='admin')}",
    "a scope that is no text": lambda factory: f"Bearer {factory.good(scope=['geo.run'])}",
}
"""Authorization headers with which alice comes in."""
