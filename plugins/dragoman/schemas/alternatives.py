"""Which alternative of a schema a value belongs to, told by its media type (OGC 18-062r2, 7.11.2.2).

Of ``oneOf: [{string, text/csv}, {string, text/plain}]`` a validator cannot tell one from the other: both are strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from dragoman.schemas.file_values import expects_json
from dragoman.schemas.forms import GEOJSON, RASTERS, UNKNOWN, branches, may_be_binary, media_types
from dragoman.schemas.media_types import accepted, essence, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.model.process import JSON, InputSpec

CHOICES: Final = ("oneOf", "anyOf")


def taken_types(spec: InputSpec) -> tuple[str, ...]:
    """The media types that a value of an input may be stated to have; empty is any.

    An alternative that states none beside others that do takes JSON where JSON is its form, else text.
    """
    stated = media_types(spec.schema)
    if not stated:
        return ()
    silent = (option for _, option in _options(spec.schema) if not media_types(option))
    rasters = RASTERS if spec.shorthand == "raster" else ()
    return tuple(dict.fromkeys((*stated, *map(_implied, silent), *rasters)))


def narrowed(schema: Mapping[str, JSON], media_type: str | None) -> Mapping[str, JSON]:
    """The schema with only those alternatives that the media type may mean; itself where that tells nothing."""
    if not media_type or not media_types(schema):
        return schema
    for key in CHOICES:
        options = [option for name, option in _options(schema) if name == key]
        meant = [option for option in options if _takes(option, media_type)]
        if meant and len(meant) < len(schema[key]):
            return {**schema, key: meant}
    return schema


def told_apart(fitting: Sequence[JSON]) -> bool:
    """Whether a value that fits all of these alternatives is still one's alone.

    Each states a media type of its own, or all but one are references that cannot be looked up.
    """
    known = [option for option in fitting if not _is_unknown(option)]
    types = [
        frozenset(map(essence, media_types(o))) if isinstance(o, Mapping) else frozenset() for o in known
    ]
    return len(known) < 2 or (all(types) and len(frozenset().union(*types)) == sum(map(len, types)))


def _options(schema: Mapping[str, JSON]) -> list[tuple[str, Mapping[str, JSON]]]:
    return [
        (key, option) for key in CHOICES for option in schema.get(key) or () if isinstance(option, Mapping)
    ]


def _takes(option: Mapping[str, JSON], media_type: str) -> bool:
    stated = media_types(option)
    if stated:
        return accepted(media_type, stated)
    kind = kind_of(media_type)
    if may_be_binary(option):
        return kind == "binary"
    return kind == "json" or (kind == "text" and not expects_json(option))


def _implied(option: Mapping[str, JSON]) -> str:
    """The media type of an alternative that states none."""
    if may_be_binary(option):
        return "application/octet-stream"
    if not expects_json(option):
        return "text/plain"
    geojson = any(str(branch.get("format", "")).startswith("geojson-") for branch in branches(option))
    return GEOJSON if geojson else "application/json"


def _is_unknown(option: JSON) -> bool:
    return isinstance(option, Mapping) and any(UNKNOWN in branch for branch in branches(option))
