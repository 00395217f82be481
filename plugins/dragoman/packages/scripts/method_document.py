"""A method.json as a document: what it says, and where."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import PackageError
from dragoman.packages.yaml_document import Document, one_line, read_document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE: Final = "method.json"
MOST_BYTES: Final = 4 * 2**20


def load_document(path: Path, label: str) -> Document:
    """A JSON file with its lines, as far as these can be told; raises PackageError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PackageError(f"{label}: has more than {MOST_BYTES} bytes")
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise PackageError(f"{label}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise PackageError(f"{label}: is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise PackageError(one_line(f"{label}:{error.lineno}: is no JSON ({error.msg})")) from error
    except RecursionError as error:
        raise PackageError(f"{label}: is nested too deeply") from error
    if not isinstance(data, dict):
        raise PackageError(f"{label}: is no JSON object")
    try:
        lines = read_document(path, label).lines
    except PackageError:  # JSON that YAML does not take; then errors name the key alone
        lines = {}
    return Document(label=label, data=data, lines=lines)


def objects_of(document: Document, key: str) -> Mapping[str, Mapping[str, Any]]:
    """Inputs or outputs by id; raises PackageError where one is no object."""
    members = document.data.get(key) or {}
    if not isinstance(members, dict):
        raise document.error((key,), "is no object")
    for name, spec in members.items():
        if not isinstance(spec, dict) or not isinstance(spec.get("schema", {}), dict):
            raise document.error((key, name), "is no object with a schema")
    return members


def text_of(data: Mapping[str, Any], key: str) -> str:
    """A member that is a text; empty where it is none."""
    value = data.get(key)
    return value if isinstance(value, str) else ""


def dicts_in(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; empty where it is none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
