"""The types that inputs of a workflow may have, and what each is in a process description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import PackageError
from dragoman.schemas.forms import expand
from dragoman.schemas.messages import cut, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON

ARRAYS: Final = ("array", "raster")
SCHEMAS: Final[Mapping[str, str | Mapping[str, JSON]]] = {
    "any": {},
    "array": "raster",
    "raster": "raster",
    "raster_dataset": "netcdf",
    "bool": {"type": "boolean"},
    "dict": {"anyOf": [{"type": "object"}, {"type": "array", "items": {}}]},
    "feature": {"type": "object", "format": "geojson-geometry"},
    "feature_collection": "features",
    "feature_dataset": "features",
    "float": {"type": "number"},
    "number": {"type": "number"},
    "int": {"type": "integer"},
    "string": {"type": "string"},
}
"""By type, what process.yml would say; ``list`` and ``multiple`` are made of others."""
TYPES: Final = (*SCHEMAS, "list", "multiple")
MOST_DEEP: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterType:
    """What ncdjango calls the type of a parameter."""

    id: str
    of: tuple[ParameterType, ...] = ()
    """Of a list its items' type; of ``multiple`` the types, the first that fits counts."""

    @property
    def is_array(self) -> bool:
        """Whether its values are arrays."""
        return self.id in ARRAYS

    @property
    def words(self) -> str:
        """As a person would write it: ``list of array``."""
        names = " or ".join(each.words for each in self.of)
        return {"list": f"list of {names}", "multiple": names}.get(self.id, self.id)


def parameter_type(id: str, args: JSON, place: str, depth: int = 0) -> ParameterType:
    """The type that a workflow's input says, with its ``args``; raises PackageError."""
    if id not in TYPES:
        raise PackageError(f"{place}: there is no type {shown(id)}; allowed: {', '.join(TYPES)}")
    if depth > MOST_DEEP:
        raise PackageError(f"{place}: types within types, more than {MOST_DEEP} deep")
    if id not in ("list", "multiple"):
        return ParameterType(id=id)
    positional = args[0] if isinstance(args, list) and args and isinstance(args[0], list) else []
    inner = positional[:1] if id == "list" else positional
    if id == "multiple" and len(inner) == 1 and _is_listed(inner[0]):
        inner = inner[0]
    types = tuple(_inner(each, place, depth) for each in inner)
    if not types:
        raise PackageError(f'{place}: args of {id} names no type; allowed: [[["array", [[""], {{}}]]], {{}}]')
    return ParameterType(id=id, of=types)


def _is_listed(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, list) for each in value)


def _inner(value: Any, place: str, depth: int) -> ParameterType:
    if not isinstance(value, list) or not value or not isinstance(value[0], str):
        raise PackageError(
            f'{place}: args has {cut(shown(value))} for a type; allowed: ["array", [[""], {{}}]]'
        )
    return parameter_type(value[0], value[1] if len(value) > 1 else None, place, depth + 1)


def schema_of(kind: ParameterType) -> dict[str, JSON]:
    """The schema of a value, in the OGC form; a list by itself is an input that may occur several times."""
    if kind.id == "list":
        return {"type": "array", "items": schema_of(kind.of[0])}
    if kind.id == "multiple":
        return {"oneOf" if _binary(kind) else "anyOf": [schema_of(each) for each in kind.of]}
    return expand(SCHEMAS[kind.id])[0]


def _binary(kind: ParameterType) -> bool:
    return any(each.is_array or each.id == "raster_dataset" for each in kind.of)
