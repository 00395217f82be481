"""Results on the wire: a value, a qualified value, or a link. Pure; whoever calls reads the files."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from dragoman.schemas.media_types import kind_of
from dragoman.web.links import url
from dragoman.web.responses import json_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.model.job import Job, Output
    from dragoman.model.process import JSON
    from dragoman.web.result_values import Load

INLINE_BINARY: Final = 1024**2
"""Bytes up to which a binary file is sent inside a document, unless the client said how it wants it."""
INLINE: Final = 64 * 1024**2
"""Bytes above which nothing is sent inside a document: it would have to be held in memory whole."""


def output_url(job: Job, output: Output, base: str) -> str:
    """Where one output is fetched by itself."""
    return url(base, "jobs", job.id, "results", output.id)


def item_url(job: Job, output: Output, index: int, base: str) -> str:
    """Where one file of a list is fetched by itself."""
    return url(base, "jobs", job.id, "results", output.id, str(index))


def item_links(job: Job, output: Output, base: str) -> list[JSON]:
    """A link to each file of a list that is (still) there."""
    return [
        {"href": item_url(job, output, index, base), "type": item.media_type}
        for index, item in enumerate(output.items)
        if item.file is not None
    ]


def transmission(job: Job, output: Output) -> Literal["value", "reference"] | None:
    """How the client asked for an output; None if it did not say."""
    requested = (job.request.outputs or {}).get(output.id)
    return requested.transmission if requested is not None else None


def native(output: Output) -> tuple[str, bytes]:
    """Media type and bytes of a value: a string is text, anything else JSON."""
    text = isinstance(output.value, str)
    data = output.value.encode("utf-8", errors="replace") if text else json_bytes(output.value)
    return _native_type(output.media_type, text=text), data


@lru_cache(maxsize=256)
def _native_type(declared: str, *, text: bool) -> str:
    """The media type of a value whose process declares this one."""
    kind = kind_of(declared)
    if not text:
        return declared if kind == "json" else "application/json"
    if not declared or kind == "json":
        return "text/plain; charset=utf-8"
    return f"{declared}; charset=utf-8" if kind == "text" and "charset" not in declared.lower() else declared


def media_type_of(output: Output) -> str:
    """The media type that an output is sent with."""
    return output.media_type if output.file is not None else native(output)[0]


def results_document(job: Job, outputs: Sequence[Output], base: str, load: Load) -> dict[str, JSON]:
    """results.yaml, in the order of ``outputs``."""
    return {output.id: _result(job, output, base, load) for output in outputs}


def _result(job: Job, output: Output, base: str, load: Load) -> JSON:
    if linked(output, transmission(job, output)):
        return {"href": output_url(job, output, base), "type": media_type_of(output)}
    if output.items:
        return _list(job, output, base, load)
    return _inline(output) if output.file is None else _qualified(output, load)


def _list(job: Job, output: Output, base: str, load: Load) -> list[JSON]:
    """The files of a list in order: all as values, or all as links where they are large."""
    sizes = sum(item.size or 0 for item in output.items)
    small = INLINE_BINARY if transmission(job, output) is None else INLINE
    if sizes > small:
        return item_links(job, output, base)
    return [_qualified(item, load) for item in output.items if item.file is not None]


def _qualified(output: Output, load: Load) -> JSON:
    qualified = {"value": load(output), "mediaType": output.media_type}
    return qualified | ({"encoding": "base64"} if kind_of(output.media_type) == "binary" else {})


def linked(output: Output, transmission: Literal["value", "reference"] | None) -> bool:
    """Whether a document holds a link to the output in place of its value."""
    if transmission == "reference":
        return True
    if output.file is None:
        return False
    small = INLINE_BINARY if transmission is None and kind_of(output.media_type) == "binary" else INLINE
    return (output.size or 0) > small


def _inline(output: Output) -> JSON:
    """A value as it is, but an object (unless a bbox), and text of another kind than plain, qualified."""
    value = output.value
    if isinstance(value, dict):
        return value if _is_bbox(value) else {"value": value, "mediaType": native(output)[0]}
    plain = native(output)[0].startswith("text/plain") if isinstance(value, str) else True
    return value if plain else {"value": value, "mediaType": output.media_type}


def _is_bbox(value: dict[str, JSON]) -> bool:
    """bbox.yaml"""
    corners = value.get("bbox")
    return value.keys() <= {"bbox", "crs"} and isinstance(corners, list) and len(corners) in (4, 6)


def results_type(job: Job) -> str:
    """The media type that the results of a finished job will have, whose request has to be there; empty: no content."""
    outputs = wanted(job)
    by_value = [output for output in outputs if transmission(job, output) != "reference"]
    if job.request.response == "document":
        return "application/json"
    if not by_value:
        return ""
    single = len(outputs) == 1 and not outputs[0].items
    return media_type_of(outputs[0]) if single else "multipart/related"


def wanted(job: Job) -> list[Output]:
    """The outputs that the request named, all if it named none, as far as they are (still) there."""
    named = job.request.outputs
    return [output for output in job.outputs.values() if named is None or output.id in named]
