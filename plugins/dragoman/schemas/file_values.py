"""The value in a document: JSON or text, by what the schema expects, never more than a cap. The one reader of both."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final, NoReturn

from dragoman.schemas.forms import always_binary, branches, is_encoded, types_of
from dragoman.schemas.media_types import is_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.model.process import JSON
    from dragoman.model.resolved import ResolvedValue

MAX_BYTES: Final = 256 * 2**20
"""Of a file that is read whole as JSON or text; inclusive."""
VALUE_BYTES: Final = 64 * 2**20
"""The same of a document that comes with a request, and becomes a value in memory."""


class FileContentError(ValueError):
    """The content is not what is expected; the text is safe to show."""


class NotJsonText(FileContentError):
    """The text is not JSON."""

    def __init__(self, reason: str, line: int = 1) -> None:
        self.reason = reason
        """Why, in a few words."""
        self.line = line
        """Where, from 1; the first where that is not known."""
        super().__init__(f"it is not JSON ({reason})")


def expects_json(schema: Mapping[str, JSON]) -> bool:
    """Whether a document for this schema holds JSON, rather than characters or bytes."""
    types = {name for branch in branches(schema) for name in types_of(branch)}
    return not always_binary(schema) and types != {"string"}


def takes_text(schema: Mapping[str, JSON]) -> bool:
    """Whether a text, as it is, may be a value: a branch says so, or says nothing of its type."""
    typed = {"type", "oneOf", "anyOf", "allOf", "properties", "items"}
    return bool(text_types(schema)) or any(map(typed.isdisjoint, branches(schema)))


def text_types(schema: Mapping[str, JSON]) -> tuple[str | None, ...]:
    """The media type of each branch that takes a text as it is; None for a branch that states none."""
    texts = (b for b in branches(schema) if "string" in types_of(b) and not is_encoded(b))
    return tuple(branch.get("contentMediaType") for branch in texts)


def value_of(text: str, schema: Mapping[str, JSON], media_type: str | None) -> JSON:
    """The value that a document of this media type is for the schema: what its JSON says, or the text itself.

    It is the text where the schema takes nothing else, unless it is declared to be JSON and holds a string; and where
    it is no JSON, and the schema takes a text too. Raises NotJsonText.
    """
    json_expected = expects_json(schema)
    if not json_expected and not (media_type and is_json(media_type)):
        return text
    try:
        value = parse_json(text)
    except NotJsonText:
        if takes_text(schema):
            return text
        raise
    return value if json_expected or isinstance(value, str) else text


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


def read_text(path: Path, limit: int = MAX_BYTES) -> str:
    """The file's text; raises FileContentError where it is larger than ``limit`` bytes, or not UTF-8."""
    try:
        if path.stat().st_size > limit:
            raise FileContentError(f"the content is larger than {limit} bytes, which is the limit here")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileContentError("the content is not text in UTF-8") from error
    except OSError as error:
        raise FileContentError(f"the file cannot be read ({error.strerror})") from error


def parse_json(text: str) -> JSON:
    """The value of a JSON text (RFC 8259); raises NotJsonText, also for NaN and for what no double can hold."""
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise NotJsonText(str(error), error.lineno) from error
    except RecursionError as error:
        raise NotJsonText("it is nested too deeply") from error
    except ValueError as error:
        raise NotJsonText(str(error)) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number
