"""Images within objects and lists, as a PESTO payload may hold them: each a URL or base64, each fetched to a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dragoman.errors import InputError
from dragoman.model.job import InputValue
from dragoman.packages.pesto.references import FORMS, href_of, may_be_base64
from dragoman.sources.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dragoman.model.process import JSON, InputSpec
    from dragoman.model.resolved import ResolvedValue
    from dragoman.sources.policy import SourcePolicy

    type Fetch = Callable[[str, Mapping[str, JSON], str], Path]
    """From the name of a place, its schema and the text there to the file."""


def resolve_with_images(
    spec: InputSpec, value: InputValue, folder: Path, policy: SourcePolicy
) -> ResolvedValue:
    """The value as ``resolve`` gives it and, where its input has ``inner_files``, a Path for each image within.

    InputError names the place of an image that cannot be had, such as ``pair[1].after``.
    """
    resolved = resolve(spec, value, folder, policy)
    if not spec.inner_files or resolved.path is not None:
        return resolved

    held: list[object] = [*resolved.held]

    def fetch(place: str, schema: Mapping[str, JSON], text: str) -> Path:
        image = resolve(replace(spec, id=place, schema=schema), _as_sent(place, text), folder, policy)
        if image.path is None:
            raise InputError(place, f"is no image; allowed: {FORMS}")
        held.extend(image.held)
        return image.path

    value_with_files = _with_files(resolved.value, spec.schema, spec.id, fetch)
    return replace(resolved, value=value_with_files, held=tuple(held))


def _with_files(value: JSON, schema: JSON, place: str, fetch: Fetch) -> JSON:
    """The value with the file in place of each text that its schema calls an image; what does not fit stays."""
    if not isinstance(schema, dict):
        return value
    if isinstance(value, str):
        return fetch(place, schema, value) if is_inner_image(schema) else value
    if isinstance(value, dict) and isinstance(properties := schema.get("properties"), dict):
        return {
            name: _with_files(member, properties.get(name), f"{place}.{name}", fetch)
            for name, member in value.items()
        }
    if isinstance(value, list):
        items = schema.get("items")
        return [_with_files(item, items, f"{place}[{index}]", fetch) for index, item in enumerate(value)]
    return value


def is_inner_image(schema: Mapping[str, JSON]) -> bool:
    """Whether a text within a value stands for an image, where its input has ``inner_files``."""
    return schema.get("contentEncoding") == "binary"


def _as_sent(place: str, text: str) -> InputValue:
    """The image that the text names; raises InputError where it names none."""
    href = href_of(text)
    if href is not None:
        return InputValue(href=href)
    if may_be_base64(text):
        return InputValue(value=text, encoding="base64")
    raise InputError(place, f"is no image; allowed: {FORMS}")
