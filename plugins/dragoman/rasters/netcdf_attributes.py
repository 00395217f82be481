"""Attributes of NetCDF files as texts that can be written again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping


RESERVED: Final = frozenset({"_NCProperties", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict"})
"""Attributes that NetCDF-4 keeps its own notes in."""


def readable(attributes: Mapping[Any, Any]) -> dict[Any, Any]:
    """The attributes, with the texts that their library could not read as what they most likely are.

    Tools that copy a file mark UTF-8 as ASCII; its bytes come back as lone surrogates, which nobody can write. What
    a library has noted for itself is left out: no other may write it.
    """
    return {_value(name): _value(value) for name, value in attributes.items() if name not in RESERVED}


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes):
        return _decoded(value)
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
        return [_value(item) for item in value.ravel().tolist()]
    return value


def _text(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        try:
            return _decoded(text.encode("utf-8", "surrogateescape"))
        except UnicodeEncodeError:
            return text.encode("utf-8", "replace").decode("utf-8")
    return text


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
