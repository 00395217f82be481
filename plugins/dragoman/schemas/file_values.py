"""The value in a document: JSON or text, by what the schema expects, never more than a cap. The one reader of both."""

from __future__ import annotations

import codecs
import json
import math
from typing import TYPE_CHECKING, Final, NoReturn

from dragoman.schemas.forms import always_binary, branches, is_encoded, types_of
from dragoman.schemas.media_types import charset_of, is_json
from dragoman.schemas.messages import cut, shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.model.process import JSON
    from dragoman.model.resolved import ResolvedValue

MAX_BYTES: Final = 256 * 2**20
"""Of a file that is read whole as JSON or text; inclusive."""
VALUE_BYTES: Final = 64 * 2**20
"""The same of a document that comes with a request, and becomes a value in memory."""


_NO_CHARSETS: Final = (
    "idna",
    "punycode",
    "raw_unicode_escape",
    "raw-unicode-escape",
    "unicode_escape",
    "unicode-escape",
)


class FileContentError(ValueError):
    """The content is not what is expected; the text is safe to show."""


class NotJsonText(FileContentError):
    """The text is not JSON."""

    def __init__(self, reason: str, line: int = 1, place: str = "") -> None:
        self.reason = reason
        """Why, in a few words, without the place."""
        self.line = line
        """Where, from 1; the first where that is not known."""
        self.place = place
        """Line, column and character for a reader, with a colon before them; empty where they are not known."""
        super().__init__(f"it is not JSON ({reason}{place})")


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
    text = read_text(value.path, charset=None if as_json else stated_charset(value.media_type))
    if as_json:
        return parse_json(text)
    if value.media_type is not None and is_json(value.media_type):
        parsed = parse_json(text)
        return parsed if isinstance(parsed, str) else text
    return text


def stated_charset(*media_types: str | None) -> str | None:
    """The charset of the first media type that states one; JSON is UTF-8, whatever is said (RFC 8259, 8.1)."""
    named = [name for name in media_types if name]
    if named and is_json(named[0]):
        return None
    return next(filter(None, map(charset_of, named)), None)


def read_text(path: Path, limit: int = MAX_BYTES, charset: str | None = None) -> str:
    """The file's text; raises FileContentError where it is larger than ``limit`` bytes, or not of the charset."""
    try:
        if path.stat().st_size > limit:
            raise FileContentError(f"the content is larger than {limit} bytes, which is the limit here")
        data = path.read_bytes()
    except OSError as error:
        raise FileContentError(f"the file cannot be read ({error.strerror})") from error
    return decode_text(data, charset)


def decode_text(data: bytes, charset: str | None = None) -> str:
    """The text of the bytes, which is UTF-8 unless another charset is stated; raises FileContentError."""
    codec = _codec(charset or "utf-8")
    try:
        return data.decode(codec)
    except UnicodeError as error:
        named = "UTF-8" if codec == "utf-8-sig" else cut(str(charset))
        raise FileContentError(f"the content is not text in {named}") from error


def _codec(charset: str) -> str:
    """Python's name of a charset; one that Python has for purposes of its own is as unknown as any other."""
    try:
        name = codecs.lookup(charset).name.replace("_", "-")
        bytes(4).decode(name)  # a codec that makes no text, such as hex, is refused here
    except (LookupError, ValueError, UnicodeError):
        name = ""
    if not name or name in _NO_CHARSETS:
        raise FileContentError(
            f"the charset {shown(charset)} is not known; allowed: utf-8, or another of IANA's"
        )
    return "utf-8-sig" if name == "utf-8" else name


def parse_json(text: str) -> JSON:
    """The value of a JSON text (RFC 8259); raises NotJsonText, also for NaN and for what no double can hold."""
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise NotJsonText(error.msg, error.lineno, str(error).removeprefix(error.msg)) from error
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
