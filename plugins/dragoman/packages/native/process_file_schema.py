"""Holds a YAML document of a package to its published JSON Schema."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from dragoman.schemas.findings import finding, nearest
from dragoman.schemas.forms import published_schema

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

    from dragoman.errors import PackageError
    from dragoman.packages.yaml_document import Document
    from dragoman.schemas.key_paths import KeyPath


@cache
def _validator(name: str) -> Any:
    return Draft202012Validator(published_schema(name), format_checker=Draft202012Validator.FORMAT_CHECKER)


def check_document(document: Document, name: str) -> None:
    """Raise PackageError for the first mistake, in the order of lines; ``name``: process or example."""
    mistakes = map(nearest, _validator(name).iter_errors(document.data))
    errors = [document.error(key_path(error), finding(error)) for error in mistakes]
    if errors:
        raise min(errors, key=_line)


def key_path(error: ValidationError) -> KeyPath:
    """The key that is wrong: the unknown one itself, where there is one."""
    path: KeyPath = tuple(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        return (*path, next((name for name in error.instance if name not in known), ""))
    if "propertyNames" in error.absolute_schema_path:
        return (*path, str(error.instance))
    return path


def _line(error: PackageError) -> int:
    with suppress(IndexError, ValueError):
        return int(error.detail.split(":")[1])
    return 0
