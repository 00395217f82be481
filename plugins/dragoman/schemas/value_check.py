"""Checks one JSON value against one schema; the compiled form of a schema is made once."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from contextlib import suppress
from functools import cache, cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from dragoman.schemas.alternatives import told_apart
from dragoman.schemas.findings import explain, faults
from dragoman.schemas.flat_arrays import doubtful, quick_check
from dragoman.schemas.forms import always_binary, media_types, validating_form
from dragoman.schemas.json_formats import format_checker, is_integer, is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jsonschema.protocols import Validator

    from dragoman.model.process import JSON

_log = logging.getLogger(__name__)

MOST: Final = 3
"""Findings that are reported for one value."""

SEVERAL: Final = 8
"""Items from which on an array is looked at as a whole first."""

CACHED: Final = 4096
"""Compiled schemas that are kept."""


class SchemaCheck:
    """One schema, compiled: says in words what is wrong with a value.

    A schema that is itself wrong (of a foreign processor; ours are checked when they are loaded)
    allows everything, and the log says so.
    """

    def __init__(self, schema: Mapping[str, JSON]) -> None:
        self._schema = schema
        form = validating_form(schema)
        try:
            Draft202012Validator.check_schema(form)
        except SchemaError as error:
            _log.warning("a schema is not valid and is not checked: %s", error.message)
            form = {}
        self._fits = quick_check(form, _formats().checkers)
        self._validator = _validator_class()(form, registry=_EMPTY, format_checker=_formats())

    @cached_property
    def binary(self) -> bool:
        """Whether every value is binary."""
        return always_binary(self._schema)

    @cached_property
    def media_types(self) -> tuple[str, ...]:
        """Those that the schema states."""
        return media_types(self._schema)

    def findings(self, value: JSON) -> list[str]:
        """What is wrong, at most MOST sentences, one for each fault; empty where nothing is."""
        if self._fits is not None and self._fits(value):
            return []
        try:
            errors = list(islice(self._validator.iter_errors(value), MOST))
            return list(dict.fromkeys(explain(error) for error in faults(errors)))
        except Unresolvable:
            return []
        except RecursionError:
            return ["is nested too deeply"]
        except OverflowError:
            return ["holds a number that is too large"]


_cached: OrderedDict[int, tuple[Mapping[str, JSON], SchemaCheck]] = OrderedDict()


def check_of(schema: Mapping[str, JSON]) -> SchemaCheck:
    """The compiled form of this very object, made once; the object is kept, so its id cannot come back."""
    entry = _cached.get(id(schema))
    if entry is None:
        entry = (schema, SchemaCheck(schema))
        _cached[id(schema)] = entry
        while len(_cached) > CACHED:
            _cached.popitem(last=False)
    return entry[1]


_EMPTY: Registry[Any] = Registry()
"""Nothing is fetched: a reference to another document does not resolve."""


@cache
def _formats() -> Any:
    return format_checker()


@cache
def _validator_class() -> type[Validator]:
    base = Draft202012Validator
    types = base.TYPE_CHECKER.redefine_many(
        {"number": lambda _, value: is_number(value), "integer": lambda _, value: is_integer(value)}
    )
    keywords = {
        "$ref": _reference,
        "type": _type,
        "anyOf": _any_of,
        "oneOf": _one_of,
        "enum": _enum,
        "items": _items,
    }
    keywords |= {name: _kept(kind, keeps) for name, (kind, keeps) in _KEPT.items()}
    extended: type[Validator] = extend(base, keywords, type_checker=types)  # type: ignore[no-untyped-call]  # the stub's
    return extended


# The library's own versions print the whole value, and keep every finding of every branch: for a large
# value that costs far more time and memory than the value itself.


def _type(validator: Any, types: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if not any(validator.is_type(instance, name) for name in ([types] if isinstance(types, str) else types)):
        yield ValidationError("wrong type")


_KEPT: Final[Mapping[str, tuple[str, Callable[[Any, Any], bool]]]] = {
    "minLength": ("string", lambda value, limit: len(value) >= limit),
    "maxLength": ("string", lambda value, limit: len(value) <= limit),
    "pattern": ("string", lambda value, limit: re.search(limit, value) is not None),
    "minItems": ("array", lambda value, limit: len(value) >= limit),
    "maxItems": ("array", lambda value, limit: len(value) <= limit),
}
"""Keywords that hold values of one type, which may be very large, to a limit."""


def _kept(kind: str, keeps: Callable[[Any, Any], bool]) -> Callable[..., Iterator[ValidationError]]:
    def keyword(validator: Any, limit: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
        if validator.is_type(instance, kind) and not keeps(instance, limit):
            yield ValidationError("beyond a limit")

    return keyword


def _reference(validator: Any, reference: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """One that cannot be looked up allows anything, and takes nothing from what stands around it."""
    with suppress(Unresolvable):
        yield from Draft202012Validator.VALIDATORS["$ref"](validator, reference, instance, schema)


def _items(validator: Any, items: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    whole = isinstance(instance, list) and len(instance) >= SEVERAL and isinstance(items, dict)
    if not whole or "prefixItems" in schema:
        yield from Draft202012Validator.VALIDATORS["items"](validator, items, instance, schema)
        return
    for index in doubtful(instance, items, _formats().checkers):
        yield from validator.descend(instance[index], items, path=index)


def _enum(validator: Any, choices: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, str):
        yield from Draft202012Validator.VALIDATORS["enum"](validator, choices, instance, schema)
    elif instance not in choices:
        yield ValidationError("no choice")


def _any_of(validator: Any, branches: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    context: list[ValidationError] = []
    for index, branch in enumerate(branches):
        errors = list(islice(validator.descend(instance, branch, schema_path=index), MOST))
        if not errors:
            return
        context.extend(errors)
    yield ValidationError("fits no branch", context=context)


def _one_of(validator: Any, branches: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    yield from _any_of(validator, branches, instance, schema)
    fitting = [branch for branch in branches if validator.evolve(schema=branch).is_valid(instance)]
    if not told_apart(fitting):
        yield ValidationError("fits more than one branch")
