"""JSON Web Tokens as access tokens (RFC 9068, and Keycloak's form of them): are they of this issuer, for us, in time?

Every check is here but those of the audience and of what the token allows, which opaque tokens share (``claims``).
The header says nothing of where a key is: ``jwk``, ``jku``, ``x5u`` and ``x5c`` are not looked at.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

import jwt
from jwt.exceptions import ExpiredSignatureError, ImmatureSignatureError, InvalidIssuerError

from dragoman.errors import InvalidToken, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt.types import Options

    from dragoman.config.auth import OidcSettings
    from dragoman.identity.signing_keys import SigningKeys

ACCESS_TOKEN: Final = ("at+jwt", "application/at+jwt")
"""``typ`` of a token that says itself that it is an access token (RFC 9068)."""
TYPES: Final = ("jwt", *ACCESS_TOKEN)
OPTIONS: Final[Options] = {
    "require": ["exp", "iss"],
    "verify_aud": False,  # by ``claims``, in the two spellings
    "enforce_minimum_key_length": True,
}
OF_ID_TOKENS: Final = ("nonce", "at_hash", "c_hash", "s_hash")
"""Claims that only an ID token has, where no ``typ`` among the claims says what it is."""


def is_jwt(token: str) -> bool:
    """Whether a token is a JWT, good or not; only others may be asked about at the provider."""
    head, dot, _rest = token.partition(".")
    if not dot:
        return False
    try:
        return isinstance(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))), dict)
    except (ValueError, RecursionError):
        return False


def verified_claims(token: str, oidc: OidcSettings, keys: SigningKeys) -> Mapping[str, Any]:
    """The claims of a good token. Raises InvalidToken, and Unavailable if the keys cannot be had."""
    try:
        header = jwt.get_unverified_header(token)
        _check_header(header, oidc)
        key = keys.key(header["kid"], header["alg"])
        claims = jwt.decode(
            token,
            key,
            algorithms=list(oidc.algorithms),
            issuer=oidc.issuer,
            leeway=oidc.leeway,
            options=OPTIONS,
        )
    except (InvalidToken, Unavailable):
        raise
    except ExpiredSignatureError as error:
        raise InvalidToken("the token has expired") from error
    except ImmatureSignatureError as error:
        raise InvalidToken("the token is not valid yet") from error
    except InvalidIssuerError as error:
        raise InvalidToken("the token is of another issuer") from error
    except (
        Exception
    ) as error:  # anybody may send any bytes: whatever is raised by them, they are no good token
        raise InvalidToken("the token is not one that the issuer has signed") from error
    _check_use(header, claims)
    return claims


def _check_header(header: Mapping[str, Any], oidc: OidcSettings) -> None:
    if header.get("alg") not in oidc.algorithms:
        raise InvalidToken("the token is signed by an algorithm that is not accepted")
    if "crit" in header or "b64" in header:
        raise InvalidToken("the token has extensions that are not understood")
    if str(header.get("typ")).lower() not in TYPES:
        raise InvalidToken("the token is no access token: its header's typ is neither JWT nor at+jwt")
    if not isinstance(header.get("kid"), str):
        raise InvalidToken("the token does not name its key")


def _check_use(header: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
    """Refuse what the same issuer has signed for another use, or for who can prove more than having it."""
    kind = claims.get("typ")  # Keycloak's word: Bearer, ID, Refresh, ...
    if str(header.get("typ")).lower() in ACCESS_TOKEN:
        other = False
    elif kind is not None:
        other = str(kind).lower() != "bearer"
    else:
        other = any(name in claims for name in OF_ID_TOKENS)
    if other:
        raise InvalidToken(
            "the token is no access token; an ID token or a refresh token is not for this server"
        )
    bound = claims.get("cnf")
    if isinstance(bound, dict) and "jkt" in bound:  # RFC 9449, 7.2: not to be accepted as a bearer token
        raise InvalidToken("the token is bound to a key (DPoP), which this server cannot check")
