"""Whether the inputs of a request are what the process declares; every mistake is named.

``validate_inputs`` runs before a job is made (it is on the way of every synchronous call);
``validate_resolved`` in the worker, on what came from elsewhere.
"""

from __future__ import annotations

import binascii
import re
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import InputError, InputProblem, InvalidInputs
from dragoman.packages.checks import check_of
from dragoman.packages.contents import FileContentError, expects_json, parse_json, read_value
from dragoman.packages.mediatypes import accepted
from dragoman.packages.schema import is_binary, may_be_binary, media_types
from dragoman.packages.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dragoman.model.job import InputValue
    from dragoman.model.process import JSON, InputSpec, Process
    from dragoman.model.resolved import ResolvedValue

RASTERS: Final = ("image/png", "image/jpeg", "image/jp2", "image/webp", "image/bmp", "image/gif")
"""What a ``raster`` input may be called besides GeoTIFF; the formats that are opened."""

_COMPILED_PROCESSES: Final = 256
_SPACES: Final = re.compile(r"\s")


class _Compiled:
    """What is worked out once for an input: its check, its media types, whether it is binary."""

    __slots__ = ("binary", "check", "inner_files", "media_types", "schema")

    def __init__(self, spec: InputSpec) -> None:
        self.schema = spec.schema
        self.check = check_of(spec.schema)
        self.media_types = media_types(spec.schema)
        if spec.shorthand == "raster":
            self.media_types += RASTERS
        self.binary = is_binary(spec.schema)
        self.inner_files = spec.inner_files


_compiled: OrderedDict[int, tuple[Process, Mapping[str, _Compiled]]] = OrderedDict()


def _of(process: Process) -> Mapping[str, _Compiled]:
    """The compiled inputs of this very object; it is kept alive, so its id cannot come back."""
    entry = _compiled.get(id(process))
    if entry is None:
        entry = (process, {name: _Compiled(spec) for name, spec in process.inputs.items()})
        _compiled[id(process)] = entry
        while len(_compiled) > _COMPILED_PROCESSES:
            _compiled.popitem(last=False)
    return entry[1]


def validate_inputs(process: Process, inputs: Mapping[str, Sequence[InputValue]]) -> None:
    """Raise InvalidInputs that lists every problem of the request's inputs.

    Values by reference are only held to their number and their stated media type.
    """
    compiled = _of(process)
    problems = [
        InputProblem(input_id=name, message=f"unknown input; allowed: {', '.join(process.inputs) or 'none'}")
        for name in inputs
        if name not in compiled
    ]
    for name, spec in process.inputs.items():
        values = inputs.get(name, ())
        messages = [*_wrong_number(spec, len(values))]
        for index, value in enumerate(values):
            place = f"value {index + 1}: " if len(values) > 1 else ""
            messages.extend(place + message for message in _wrong_value(compiled[name], value))
        problems.extend(InputProblem(input_id=name, message=message) for message in messages)
    if problems:
        raise InvalidInputs(problems)


def validate_resolved(process: Process, input_id: str, value: ResolvedValue) -> None:
    """Raise InputError unless a fetched or decoded value meets its input's schema.

    A file is read only where the schema speaks of JSON or of text; that a raster can be opened is
    seen when it is bound.
    """
    compiled = _of(process)[input_id]
    if value.path is not None and may_be_binary(compiled.schema):
        return
    try:
        content = read_value(value, expects_json(compiled.schema))
    except FileContentError as error:
        raise InputError(input_id, str(error)) from error
    findings = compiled.check.findings(_as_sent(content) if compiled.inner_files else content)
    if findings:
        raise InputError(input_id, "; ".join(findings))


def _as_sent(value: JSON | Path) -> JSON:
    """With a text again in place of each file within."""
    if isinstance(value, dict):
        return {name: _as_sent(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_as_sent(item) for item in value]
    return "" if isinstance(value, Path) else value


def _wrong_number(spec: InputSpec, count: int) -> Iterator[str]:
    least, most = spec.min_occurs, spec.max_occurs
    if count < least:
        if count == 0:
            many = f" ({least} values or more)" if least > 1 else ""
            yield f"is required{many}, but missing"
        else:
            yield f"got {_values(count)}; allowed: at least {least}"
    elif most is not None and count > most:
        yield f"got {_values(count)}; allowed: {'one' if most == 1 else f'at most {most}'}"


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def _wrong_value(compiled: _Compiled, value: InputValue) -> Iterator[str]:
    stated = value.media_type or _data_media_type(value.href)
    if stated and compiled.media_types and not accepted(stated, compiled.media_types):
        yield f"got the media type {shown(stated)}; allowed: {', '.join(compiled.media_types)}"
        return
    if value.by_reference:
        return
    if compiled.binary:
        yield from _wrong_base64(value.value)
    elif value.encoding == "base64":
        yield from _wrong_encoded(compiled, value.value)
    else:
        yield from compiled.check.findings(value.value)


def _wrong_base64(text: JSON) -> Iterator[str]:
    if _decoded(text) is None:
        yield f"got {shown(text)}; allowed: base64 text, or a reference {{href, type}}"


def _wrong_encoded(compiled: _Compiled, text: JSON) -> Iterator[str]:
    """Findings in JSON or text that was sent as base64."""
    content = _decoded(text)
    if content is None:
        yield f"got {shown(text)}; allowed: base64 text"
        return
    try:
        decoded = content.decode("utf-8-sig")
        value = parse_json(decoded) if expects_json(compiled.schema) else decoded
    except ValueError as error:
        reason = str(error) if isinstance(error, FileContentError) else "it is not text in UTF-8"
        yield f"got base64 of what cannot be read: {reason}"
        return
    yield from compiled.check.findings(value)


def _decoded(text: JSON) -> bytes | None:
    """The bytes of base64 text, in which white space is fine; None where it is none."""
    if not isinstance(text, str):
        return None
    with suppress(ValueError):
        return binascii.a2b_base64(text, strict_mode=True)
    if _SPACES.search(text) is None:
        return None
    with suppress(ValueError):
        return binascii.a2b_base64(_SPACES.sub("", text), strict_mode=True)
    return None


def _data_media_type(href: str | None) -> str | None:
    """The media type that a data: URL states; None where it states none."""
    if href is None or href[:5].lower() != "data:":
        return None
    head = href[5:1000].split(",", 1)[0].split(";", 1)[0].strip()
    return head or None
