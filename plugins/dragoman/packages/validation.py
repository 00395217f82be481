"""Whether the inputs of a request are what the process declares; each mistake is named, up to a number.

``validate_inputs`` runs before a job is made (it is on the way of every synchronous call);
``validate_resolved`` in the worker, on what came from elsewhere.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import MOST_PROBLEMS, InputError, InputProblem, InvalidInputs
from dragoman.schemas.alternatives import CHOICES, narrowed, taken_types
from dragoman.schemas.file_values import (
    FileContentError,
    decode_text,
    expects_json,
    read_value,
    stated_charset,
    value_of,
)
from dragoman.schemas.forms import always_binary, may_be_binary
from dragoman.schemas.media_types import accepted
from dragoman.schemas.messages import cut, shown
from dragoman.schemas.value_check import check_of
from dragoman.sources.inline import NotBase64, base64_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dragoman.model.job import InputValue
    from dragoman.model.process import JSON, InputSpec, Process
    from dragoman.model.resolved import ResolvedValue

BINARY_ENCODINGS: Final = ("base64", "binary")
"""What an inline value of bytes may be said to be encoded as, in lower case; base64 it is."""
ENCODINGS: Final = (*BINARY_ENCODINGS, "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1")
"""The same of other values; a character set says nothing, since JSON is characters already."""

_COMPILED_PROCESSES: Final = 256


class _Variant:
    """What is worked out once for a schema: its check, and whether it is binary."""

    __slots__ = ("binary", "check", "schema")

    def __init__(self, schema: Mapping[str, JSON]) -> None:
        self.schema = schema
        self.check = check_of(schema)
        self.binary = always_binary(schema)


class _Compiled:
    """What is worked out once for an input: its media types, and what each of them means."""

    __slots__ = ("_meant", "_whole", "inner_files", "media_types")

    def __init__(self, spec: InputSpec) -> None:
        self._whole = _Variant(spec.schema)
        self._meant: dict[tuple[int, ...], _Variant] = {}
        self.media_types = taken_types(spec)
        self.inner_files = spec.inner_files

    def of(self, media_type: str | None) -> _Variant:
        """The input for a value of that media type: only the alternatives of its schema that this may be."""
        schema = narrowed(self._whole.schema, media_type)
        if schema is self._whole.schema:
            return self._whole
        meant = tuple(id(option) for key in CHOICES for option in schema.get(key) or ())
        if meant not in self._meant:
            self._meant[meant] = _Variant(schema)
        return self._meant[meant]


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
    """Raise InvalidInputs that lists the problems of the request's inputs, MOST_PROBLEMS of them.

    Values by reference are only held to their number and their stated media type. Nothing is worked out that is not
    listed: of the unknown inputs beyond the list only the number is told, and no value is looked at after it is full.
    """
    unknown = 0 if process.takes_undeclared else sum(1 for name in inputs if name not in process.inputs)
    problems = list(islice(_unknown(process, inputs), MOST_PROBLEMS)) if unknown else []
    more = unknown - len(problems)
    problems.extend(islice(_wrong(process, inputs), MOST_PROBLEMS - len(problems)))
    if problems:
        raise InvalidInputs(problems, more=more)


def _unknown(process: Process, inputs: Iterable[str]) -> Iterator[InputProblem]:
    """The inputs that are not declared, whose names are as long as the client liked."""
    message = f"unknown input; allowed: {', '.join(process.inputs) or 'none'}"
    for name in inputs:
        if name not in process.inputs:
            yield InputProblem(input_id=cut(name), message=message)


def _wrong(process: Process, inputs: Mapping[str, Sequence[InputValue]]) -> Iterator[InputProblem]:
    compiled = _of(process)
    for name, spec in process.inputs.items():
        if spec.may_be_empty and name in inputs and not inputs[name]:
            continue
        for message in _wrong_input(spec, compiled[name], inputs.get(name, ())):
            yield InputProblem(input_id=name, message=message)


def _wrong_input(spec: InputSpec, compiled: _Compiled, values: Sequence[InputValue]) -> Iterator[str]:
    yield from _wrong_number(spec, len(values))
    for index, value in enumerate(values):
        place = f"value {index + 1}: " if len(values) > 1 else ""
        for message in _wrong_value(compiled, value):
            yield place + message


def validate_resolved(process: Process, input_id: str, value: ResolvedValue) -> None:
    """Raise InputError unless a fetched or decoded value meets its input's schema.

    A file is read only where the schema speaks of JSON or of text; that a raster can be opened is
    seen when it is bound.
    """
    compiled = _of(process)[input_id]
    variant = compiled.of(value.media_type)
    if value.path is not None and may_be_binary(variant.schema):
        return
    try:
        content = read_value(value, expects_json(variant.schema))
    except FileContentError as error:
        raise InputError(input_id, str(error)) from error
    findings = variant.check.findings(_as_sent(content) if compiled.inner_files else content)
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
    if value.kept is not None:  # what a server said of a file that was gathered is no word of the client's
        return
    stated = value.media_type or _data_media_type(value.href)
    if stated and compiled.media_types and not accepted(stated, compiled.media_types):
        yield f"got the media type {shown(stated)}; allowed: {', '.join(compiled.media_types)}"
        return
    if value.by_reference:
        return
    variant = compiled.of(stated)
    encoding = (value.encoding or "").lower()
    if encoding and encoding not in (BINARY_ENCODINGS if variant.binary else ENCODINGS):
        allowed = "base64" if variant.binary else "base64, utf-8"
        yield f"got the encoding {shown(value.encoding)}; allowed: {allowed}"
    elif variant.binary:
        yield from _wrong_base64(value.value)
    elif encoding == "base64":
        yield from _wrong_encoded(variant, value)
    else:
        yield from variant.check.findings(value.value)


def _wrong_base64(text: JSON) -> Iterator[str]:
    refusal = _refusal(text)
    if refusal:
        yield f"{refusal}; allowed: base64 text, or a reference {{href, type}}"


def _wrong_encoded(variant: _Variant, value: InputValue) -> Iterator[str]:
    """Findings in JSON or text that was sent as base64."""
    refusal = _refusal(value.value)
    if refusal:
        yield f"{refusal}; allowed: base64 text"
        return
    try:
        text = decode_text(b"".join(base64_pieces(value.value)), stated_charset(value.media_type))
        content = value_of(text, variant.schema, value.media_type)
    except FileContentError as error:
        yield f"got base64 of what cannot be read: {error}"
        return
    yield from variant.check.findings(content)


def _refusal(text: JSON) -> str:
    """What was given, and why it is not base64 as it will be decoded for the run; empty where it is."""
    if not isinstance(text, str):
        return f"got {shown(text)}"
    try:
        deque(base64_pieces(text), maxlen=0)
    except NotBase64 as error:
        return f"got {shown(text)} ({error.why})"
    return ""


def _data_media_type(href: str | None) -> str | None:
    """The media type that a data: URL states; None where it states none."""
    if href is None or href[:5].lower() != "data:":
        return None
    head = href[5:1000].split(",", 1)[0].split(";", 1)[0].strip()
    return head or None
