"""One sentence for one finding of jsonschema: what was given and what is allowed."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from dragoman.schemas.key_paths import dotted
from dragoman.schemas.messages import FORMATS, SHOWN, allowed, cut, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

type Finding = Any
"""A ValidationError or SchemaError of jsonschema."""

_OWN: Final = ("ogc-", "geojson-")
"""The formats that look at the whole of a value, and say what is wrong with it better than the keywords beside them."""


def faults(errors: list[Finding]) -> list[Finding]:
    """Drop keyword findings that repeat what one of our format checks already reported for the same value."""
    told = [tuple(error.absolute_path) for error in errors if _of_own_format(error)]

    def again(error: Finding) -> bool:
        where = tuple(error.absolute_path)
        return not _of_own_format(error) and any(where[: len(place)] == place for place in told)

    return [error for error in errors if not again(error)]


def _of_own_format(error: Finding) -> bool:
    return error.validator == "format" and str(error.validator_value).startswith(_OWN)


def explain(error: Finding) -> str:
    """One sentence for one finding of jsonschema: what was given and what is allowed."""
    error = nearest(error)
    where = cut(
        dotted(tuple(cut(part) if isinstance(part, str) else part for part in error.absolute_path)), 4 * SHOWN
    )
    return f"{where}: {finding(error)}" if where else finding(error)


def finding(error: Finding) -> str:
    """The same without the place."""
    words = _BY_KEYWORD.get(error.validator, _expected)
    return words(error)


def _expected(error: Finding) -> str:
    """What was given and what the schema, or each of its branches, allows: right for any keyword."""
    words = _branches(error) or [allowed(error.schema)]
    return f"got {shown(error.instance)}; allowed: {', or '.join(words)}"


def _missing(error: Finding) -> str:
    missing = [name for name in error.validator_value if name not in error.instance]
    return f"got {shown(error.instance)}; missing: {', '.join(missing)}"


def _missing_beside(error: Finding) -> str:
    needs = [
        f"{name} needs {', '.join(missing)}"
        for name, others in error.validator_value.items()
        if name in error.instance and (missing := [other for other in others if other not in error.instance])
    ]
    return f"got {shown(error.instance)}; {'; '.join(needs)}"


def _unknown(error: Finding) -> str:
    known = error.schema.get("properties", {})
    extra = islice((name for name in error.instance if name not in known), 3)
    names = ", ".join(shown(name, 40) for name in extra)
    return f"{names} is unknown; allowed: {', '.join(known) or 'none'}"


def _repeated(error: Finding) -> str:
    return f"got {shown(error.instance)}; allowed: each item once"


def _ambiguous(error: Finding) -> str:
    if error.context:  # it fits none
        return _expected(error)
    return f"got {shown(error.instance)}, which fits more than one of: {allowed(error.schema)}"


def _forbidden(error: Finding) -> str:
    return f"got {shown(error.instance)}, which is not allowed"


def _format(error: Finding) -> str:
    reason = f" ({error.cause})" if isinstance(error.cause, ValueError) and str(error.cause) else ""
    words = FORMATS.get(str(error.validator_value), f"the format {error.validator_value}")
    return f"got {shown(error.instance)}{reason}; allowed: {words}"


_BY_KEYWORD: Final[Mapping[str, Callable[[Finding], str]]] = {
    "required": _missing,
    "dependentRequired": _missing_beside,
    "additionalProperties": _unknown,
    "uniqueItems": _repeated,
    "oneOf": _ambiguous,
    "not": _forbidden,
    "format": _format,
}
"""The keywords whose findings need words of their own."""


def _branches(error: Finding) -> list[str]:
    """What each branch of a failed anyOf allows, where the value is of the wrong kind for all of them.

    The findings know the schemas that references stand for; the schema of the anyOf does not.
    """
    first = {inner.schema_path[0]: inner for inner in reversed(error.context or ())}
    if error.validator not in ("anyOf", "oneOf") or not all(map(_wrong_kind, first.values())):
        return []
    words = [allowed(first[index].schema) for index in sorted(first)]
    return list(dict.fromkeys(words)) if len(first) == len(error.validator_value) else []


def nearest(error: Finding) -> Finding:
    """Of a failed oneOf or anyOf: the finding in the one branch that the value was meant for."""
    while error.validator in ("oneOf", "anyOf") and error.context:
        by_branch: dict[object, list[Finding]] = {}
        for inner in error.context:
            by_branch.setdefault(inner.schema_path[0], []).append(inner)
        meant = [errors for errors in by_branch.values() if not any(map(_wrong_kind, errors))]
        if len(meant) != 1:
            break
        error = meant[0][0]
    return error


def _wrong_kind(error: Finding) -> bool:
    return not error.path and error.validator in ("type", "enum", "const")
