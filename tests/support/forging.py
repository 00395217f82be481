"""JWTs by hand: what a library that makes tokens would refuse to make."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

from jwt.algorithms import get_default_algorithms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.devidp.keys import SigningKey


def base64url(data: bytes) -> str:
    """Without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def json_bytes(value: object) -> bytes:
    """Compact JSON; bytes stay as they are."""
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode("utf-8")


def signing_input(header: object, payload: object) -> str:
    """The two parts that are signed."""
    return f"{base64url(json_bytes(header))}.{base64url(json_bytes(payload))}"


def unsigned(header: object, payload: object, signature: bytes = b"") -> str:
    """A token whose signature is whatever is wished."""
    return f"{signing_input(header, payload)}.{base64url(signature)}"


def signed(key: SigningKey, header: object, payload: object, *, algorithm: str = "") -> str:
    """A token that is truly signed by a key, whatever its header says."""
    text = signing_input(header, payload)
    signer: Any = get_default_algorithms()[algorithm or key.algorithm]
    return f"{text}.{base64url(signer.sign(text.encode('ascii'), key.private))}"


def hmac_signed(secret: bytes, header: Mapping[str, Any], payload: object) -> str:
    """A token that is signed by a shared secret, by the HS algorithm of its header."""
    text = signing_input(header, payload)
    digest = getattr(hashlib, f"sha{header['alg'][2:]}")
    return f"{text}.{base64url(hmac.new(secret, text.encode('ascii'), digest).digest())}"
