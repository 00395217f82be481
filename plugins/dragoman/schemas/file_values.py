"""The value in a file: JSON or text, by what the schema expects, never more than a cap."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from dragoman.schemas.forms import branches, is_binary
from dragoman.schemas.media_types import is_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.model.process import JSON
    from dragoman.model.resolved import ResolvedValue

MAX_BYTES: Final = 256 * 2**20
"""Of a file that is read whole as JSON or text."""


class FileContentError(ValueError):
    """The file does not hold what is expected; the text is safe to show."""


def expects_json(schema: Mapping[str, JSON]) -> bool:
    """Whether a file for this schema holds JSON, rather than characters or bytes."""
    if is_binary(schema):
        return False
    types = {branch["type"] for branch in branches(schema) if isinstance(branch.get("type"), str)}
    return types != {"string"}


def read_value(value: ResolvedValue, as_json: bool) -> JSON:
    """The JSON value; that of a file is its text where ``as_json`` is false.

    Raises FileContentError.
    """
    if value.path is None:
        return value.value
    text = read_text(value.path)
    if as_json:
        return parse_json(text)
    if value.media_type is not None and is_json(value.media_type):
        parsed = parse_json(text)
        return parsed if isinstance(parsed, str) else text
    return text


def read_text(path: Path) -> str:
    """The file's text; raises FileContentError where it is too large or not UTF-8."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FileContentError(f"the file is larger than {MAX_BYTES} bytes")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileContentError("the file is not text in UTF-8") from error
    except OSError as error:
        raise FileContentError(f"the file cannot be read ({error.strerror})") from error


def parse_json(text: str) -> JSON:
    """The JSON value of the text; NaN and infinities are refused."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise FileContentError("the JSON is nested too deeply") from error
    except ValueError as error:
        raise FileContentError(f"it is not JSON ({error})") from error


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
