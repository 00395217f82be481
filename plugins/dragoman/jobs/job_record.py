"""A job as its row holds it and as it travels between processes: flat, its larger parts JSON texts of their own.

The server process writes the record of a job once. Its request stays the text that it is, in the row and on the way
to the worker; what many jobs have in common (runtime, principal, worker) is written and read once for all of them.
"""

from __future__ import annotations

import json
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

from dragoman.jobs.json_codec import PARTS, outputs_text, read_outputs, read_request, request_text
from dragoman.model.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dragoman.model.process import JSON

REPEATED: Final = frozenset({"runtime", "principal", "worker"})
"""Texts that many jobs have in common; their values cannot change."""

TEXTS: Final = REPEATED | {"failure", "request_as_sent"}
"""Fields that are JSON texts, if they are not None; ``request`` and ``outputs`` have theirs with them."""


def dump_record(fields: Mapping[str, Any]) -> dict[str, JSON]:
    """Any fields of a job, each as None, a number or a text."""
    return _converted(fields, WRITERS)


def load_record(data: Mapping[str, JSON]) -> dict[str, Any]:
    """The inverse of dump_record; raises what reading a damaged text does."""
    return _converted(data, READERS)


def _converted(fields: Mapping[str, Any], ways: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """The fields, in their order; those that have a way, and are not None, have gone it."""
    data = dict(fields)
    for name, convert in ways.items():
        value = data.get(name)
        if value is not None:
            data[name] = convert(value)
    return data


def dump_whole(job: Job) -> dict[str, JSON]:
    """The record of a whole job."""
    return dump_record(job.fields())


def load_whole(data: Mapping[str, JSON]) -> Job:
    """The inverse of dump_whole."""
    return Job(**load_record(data))


@lru_cache(maxsize=256)
def _repeated_text(name: str, value: Any) -> str:
    return _text(name, value)


@lru_cache(maxsize=256)
def _repeated_value(name: str, text: str) -> Any:
    """Read once for all the jobs that share it; it took a third of a list's time."""
    return _value(name, text)


def _text(name: str, value: Any) -> str:
    return json.dumps(PARTS[name][0](value) if name in PARTS else value)


def _value(name: str, text: str) -> Any:
    data = json.loads(text)
    return PARTS[name][1](data) if name in PARTS else data


def _writer(name: str) -> Callable[[Any], JSON]:
    return partial(_repeated_text if name in REPEATED else _text, name)


def _reader(name: str) -> Callable[[Any], Any]:
    return partial(_repeated_value if name in REPEATED else _value, name)


WRITERS: Final[Mapping[str, Callable[[Any], JSON]]] = {
    **{name: write for name, (write, _) in PARTS.items()},
    **{name: _writer(name) for name in TEXTS},
    "request": request_text,
    "outputs": outputs_text,
}
READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **{name: read for name, (_, read) in PARTS.items()},
    **{name: _reader(name) for name in TEXTS},
    "request": read_request,
    "outputs": read_outputs,
}
