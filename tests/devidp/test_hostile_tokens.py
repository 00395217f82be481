"""The table of tokens: every one can be made and sent, and each is what its name says as far as a library can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jwt
import pytest
from hostile_tokens import GOOD, HOSTILE, WITHOUT_TOKEN
from tokenkit import TokenFactory, listening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragoman.devidp.serving import DevIdp

LIBRARY_TAKES = {"an ID token", "a token that says it refreshes", "an ID token of another make", "nobody's"}
"""What only a careful resource server refuses: signature, issuer, audience and times are all good."""


@pytest.fixture(scope="module")
def factory(idp: DevIdp) -> Iterator[TokenFactory]:
    with listening() as listener:
        yield TokenFactory(idp=idp, listener=listener.url)
        assert listener.connections == 0


def _claims(factory: TokenFactory, authorization: str) -> object:
    """What the library makes of it, asked as the documents of it say."""
    token = authorization.partition(" ")[2]
    jwk = next(
        key for key in factory.idp.keys.published if key.kid == jwt.get_unverified_header(token).get("kid")
    )
    return jwt.decode(
        token,
        jwk.private.public_key(),
        algorithms=[jwk.algorithm],
        audience=["dragoman", "%64ragoman"],
        issuer=factory.idp.issuer,
        leeway=30,
        options={"require": ["exp"]},
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_every_hostile_token_can_be_sent(factory: TokenFactory, name: str) -> None:
    header = HOSTILE[name](factory)
    assert (header is None) == (name == "no token")
    if header is not None:
        sent = header.encode("latin-1")
        assert not {0, 10, 13} & set(sent), "no client sends it, no server reads it"
        assert ("300 kB" in name) == (len(sent) > 200_000)


@pytest.mark.parametrize("name", GOOD)
def test_every_good_token_is_good(factory: TokenFactory, name: str) -> None:
    assert _claims(factory, GOOD[name](factory))


@pytest.mark.parametrize("name", sorted(HOSTILE.keys() - set(WITHOUT_TOKEN)))
def test_a_hostile_token_is_refused_for_more_than_its_name(factory: TokenFactory, name: str) -> None:
    try:
        _claims(factory, HOSTILE[name](factory) or "")
    except (jwt.PyJWTError, StopIteration, RecursionError, ValueError, TypeError, AttributeError):
        return
    header = jwt.get_unverified_header((HOSTILE[name](factory) or "").partition(" ")[2])
    assert name in LIBRARY_TAKES or header.get("typ") != "JWT" or "crit" in header or "subject" in name, name


def test_an_unknown_key_can_be_published_later(factory: TokenFactory) -> None:
    token, publish = factory.unknown_key()
    with pytest.raises(StopIteration):
        _claims(factory, f"Bearer {token}")
    publish()
    assert _claims(factory, f"Bearer {token}")
