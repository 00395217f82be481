"""Gives every input the form that run asks for: a path, an open dataset, a number, GeoJSON.

    absent            the schema's default, else the parameter's own, else None (or an empty list)
    repeatable        ``list[X]``: one X for each value
    anything else     ``X`` of the one value

The forms of X are in ``coercion.py``.
"""

from __future__ import annotations

import inspect
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, get_args

from dragoman.errors import InputError, PackageError
from dragoman.model.resolved import ResolvedValue
from dragoman.packages.native.coercion import Coercion, item_annotation, without_none
from dragoman.packages.native.signature import CONTEXT, parameter_name
from dragoman.schemas.forms import default_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dragoman.model.process import InputSpec, Process
    from dragoman.packages.program import WatchedContext

_ABSENT: Final = object()


@contextmanager
def bind(
    parameters: Mapping[str, inspect.Parameter],
    process: Process,
    values: Mapping[str, Sequence[ResolvedValue]],
    *,
    context: WatchedContext,
    max_pixels: int | None,
) -> Iterator[dict[str, object]]:
    """The keyword arguments of run; what was opened for them is closed at the end.

    Raises InputError for a value that cannot take its form, PackageError for a parameter that asks
    for a form that there is none of.
    """
    with ExitStack() as stack:
        coercion = Coercion(stack=stack, context=context, max_pixels=max_pixels)
        arguments: dict[str, object] = {}
        for input_id, spec in process.inputs.items():
            name = parameter_name(input_id)
            parameter = _parameter(parameters, name)
            if parameter is None:
                raise PackageError(f"{process.id}: run has no parameter '{name}' for input '{input_id}'")
            bound = _bound(coercion, spec, parameter, values.get(input_id, ()))
            if bound is not _ABSENT:
                arguments[name] = bound
        if CONTEXT in parameters:
            arguments[CONTEXT] = context
        yield arguments


def _parameter(parameters: Mapping[str, inspect.Parameter], name: str) -> inspect.Parameter | None:
    if name in parameters:
        return parameters[name]
    return next((p for p in parameters.values() if p.kind is inspect.Parameter.VAR_KEYWORD), None)


def _bound(
    coercion: Coercion, spec: InputSpec, parameter: inspect.Parameter, values: Sequence[ResolvedValue]
) -> object:
    """The argument, or _ABSENT where run's own default is to be taken."""
    annotation = Any if parameter.annotation is inspect.Parameter.empty else parameter.annotation
    if not values:
        values = _defaults(spec)
    if not values:
        return _missing(spec, parameter, annotation)
    if not spec.repeatable:
        return coercion.value(spec, annotation, values[0])
    item = item_annotation(without_none(annotation))
    if item is None:
        raise PackageError(f"parameter '{parameter.name}' takes several values, so it has to be a list[...]")
    return [coercion.value(spec, item, value) for value in values]


def _defaults(spec: InputSpec) -> list[ResolvedValue]:
    """The values that the schema's default stands for; a list is several where the input is repeatable."""
    for default in default_of(spec.schema):
        several = spec.repeatable and isinstance(default, list) and spec.schema.get("type") != "array"
        return [ResolvedValue(value=value) for value in (default if several else [default])]
    return []


def _missing(spec: InputSpec, parameter: inspect.Parameter, annotation: Any) -> object:
    if spec.min_occurs > 0:
        raise InputError(spec.id, "is required, but missing")
    if parameter.default is not inspect.Parameter.empty or parameter.kind is parameter.VAR_KEYWORD:
        return _ABSENT
    if annotation in (Any, object) or type(None) in get_args(annotation):
        return None
    if spec.repeatable:
        return []
    raise PackageError(f"parameter '{parameter.name}' of an optional input has no default")
