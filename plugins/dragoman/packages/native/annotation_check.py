"""Annotations of run that can never take their input: told when the code is loaded, not by every call.

Only what is certain is refused; unions, Literal, Any, no annotation, and schemas that allow several types are not.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_origin

from dragoman.packages.native.coercion import FORMS, LISTS, file_form, item_annotation, without_none
from dragoman.packages.native.signature import parameter_name
from dragoman.schemas.forms import may_be_binary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragoman.model.process import JSON, InputSpec, Process

_SCALARS: Final[Mapping[Any, str]] = {str: "string", int: "number", float: "number", bool: "boolean"}
"""By annotation: the type of a schema that it takes; an integer is a number here."""
_TYPES: Final = ("string", "number", "integer", "boolean", "object", "array")


def impossible(process: Process, parameters: Mapping[str, inspect.Parameter]) -> Iterator[str]:
    """What is wrong with the annotation of each parameter that its input can never become."""
    for input_id, spec in process.inputs.items():
        parameter = parameters.get(parameter_name(input_id))
        if parameter is None or parameter.annotation is inspect.Parameter.empty:
            continue
        annotation = without_none(parameter.annotation)
        if spec.repeatable:
            item = item_annotation(annotation)
            if item is None and not _is_union(annotation):
                yield f"{_asked(parameter)}, but the input may be repeated, so it has to be a list[...]"
            annotation = Any if item is None else without_none(item)
        if not _is_form(annotation):
            yield f"{_asked(parameter)}, which is no form of an input; allowed: {FORMS}"
        elif not _may_fit(annotation, spec):
            yield f"{_asked(parameter)}, which no value of its schema ({_said(spec)}) can become"


def line_of(run: Callable[..., object]) -> int:
    """The line where a function begins; 1 where it is not known."""
    code = getattr(inspect.unwrap(run), "__code__", None)
    return code.co_firstlineno if code is not None else 1


def _asked(parameter: inspect.Parameter) -> str:
    words = inspect.formatannotation(parameter.annotation)
    return f"parameter '{parameter.name}' asks for {words}"


def _said(spec: InputSpec) -> str:
    return spec.shorthand or f"type: {spec.schema.get('type')}"


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (types.UnionType, typing.Union)


def _is_form(annotation: Any) -> bool:
    """Whether it is one of those in ``coercion.py``; a union passes, whatever its parts."""
    if annotation in (Any, object, Path, type(None), *_SCALARS):
        return True
    if _is_union(annotation) or file_form(annotation) is not None:
        return True
    origin = get_origin(annotation) or annotation
    return origin in (Literal, *LISTS) or _is_mapping(origin)


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, dict | Mapping)


def _may_fit(annotation: Any, spec: InputSpec) -> bool:
    """Whether some value that meets the schema can take the form."""
    as_file = annotation is Path or file_form(annotation) is not None
    mapping = not as_file and _is_mapping(get_origin(annotation) or annotation)  # a Dataset is one, too
    if may_be_binary(spec.schema):
        return spec.shorthand is None or not (mapping or annotation in (int, float, bool))
    json_type = _single_type(spec.schema)
    if json_type is None or annotation is Path:
        return True
    if as_file:
        return json_type == "string"  # sent by reference, text may be an ASCII grid
    if annotation is str:
        return json_type not in ("number", "boolean")  # sent by reference, an object may be taken as its text
    if annotation in _SCALARS:
        return json_type == _SCALARS[annotation]
    if mapping:
        return json_type in ("object", "string")
    return (get_origin(annotation) or annotation) not in LISTS or json_type in ("array", "string")


def _single_type(schema: Mapping[str, JSON]) -> str | None:
    """The one type of the schema, where it is as plain as that; ``integer`` counts as ``number``."""
    json_type = schema.get("type")
    if json_type not in _TYPES or schema.get("nullable") is True:
        return None
    return "number" if json_type == "integer" else str(json_type)
