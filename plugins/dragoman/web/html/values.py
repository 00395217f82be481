"""JSON values as a page shows them: what kind they are, how they read, and which links are safe to follow."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from dragoman.model.process import JSON

type Kind = Literal["empty", "scalar", "link", "object", "list", "records", "deep"]

MAX_DEPTH = 10
"""Levels of nesting that are drawn; what lies below is shown as JSON text."""

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""What HTML forbids, and lone surrogates, which no UTF-8 answer can carry."""

SCHEME = re.compile(r"^([^/?#]*?):")
UNSAFE_IN_URL = re.compile(r"[\x00-\x20\x7f-\x9f\ud800-\udfff\\]")


def safe_href(value: JSON) -> str:
    """The URL if a page may link to it (http, https or relative), else the empty string.

    Browsers drop control characters inside a URL, so that one which holds any is refused as a whole.
    """
    if not isinstance(value, str) or not value or UNSAFE_IN_URL.search(value):
        return ""
    scheme = SCHEME.match(value)
    return value if scheme is None or scheme.group(1).lower() in {"http", "https"} else ""


def is_url(value: JSON) -> bool:
    """Whether a plain string of the data is worth a link: an absolute http(s) URL."""
    return isinstance(value, str) and value.startswith(("http://", "https://")) and bool(safe_href(value))


def text(value: JSON) -> str:
    """A scalar as it reads: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def json_text(value: JSON) -> str:
    """Any value as indented JSON text."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def clean(value: Any) -> Any:
    """The last step of every expression of a template: what no page can carry becomes U+FFFD."""
    return UNPRINTABLE.sub("\ufffd", value) if type(value) is str else value


def is_scalar(value: JSON) -> bool:
    """Whether the value has no members of its own."""
    return value is None or isinstance(value, str | int | float | bool)


def is_link(value: JSON) -> bool:
    """Whether the value is an OGC link: an object with an ``href`` and only scalar members."""
    return isinstance(value, Mapping) and isinstance(value.get("href"), str) and _flat(value)


def kind(value: JSON, depth: int = 0) -> Kind:
    """How a value is drawn at a depth (from 0)."""
    if is_scalar(value):
        return "scalar"
    if not value:
        return "empty"
    if depth >= MAX_DEPTH:
        return "deep"
    if isinstance(value, Mapping):
        return "link" if is_link(value) else "object"
    return "records" if _records(value) else "list"


def columns(records: Sequence[Mapping[str, JSON]]) -> list[str]:
    """The members of all records, in the order they first appear."""
    return list(dict.fromkeys(key for record in records for key in record))


def without(data: JSON, *names: str) -> dict[str, JSON]:
    """The members that a page has not shown in a place of their own."""
    members = data.items() if isinstance(data, Mapping) else ()
    return {key: value for key, value in members if key not in names}


def _flat(record: Mapping[str, JSON]) -> bool:
    return all(is_scalar(value) for value in record.values())


def _records(value: Sequence[JSON]) -> bool:
    """Whether a list reads best as a table: several flat objects that share few members."""
    flat = all(isinstance(item, Mapping) and item and _flat(item) for item in value)
    return flat and len(value) > 1 and len(columns(value)) <= 8
