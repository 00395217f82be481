"""What the loader tells a decoder, and what it hears; as JSON in frames.

Learn, Forget ──► nothing        Fill ──► Filled
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.datasets.manifest import Record
from dragoman.datasets.order import Place
from dragoman.workers.message_codec import MessageCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.datasets.manifest import ColumnType
    from dragoman.model.process import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Learn:
    """A session, from which records are to be filled."""

    key: str
    """What it is called from now on."""
    configuration: Mapping[str, JSON]
    columns: tuple[ColumnType, ...]
    """Of its manifest."""
    first: Record
    """The record that its buffers depend on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """Fill the rows of a batch from ``row`` on."""

    key: str
    path: str
    """The batch's file."""
    size: int
    """Bytes of it."""
    row: int
    places: list[Place]
    records: list[Record]
    """One for each place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Let go of a session, and of the files that it has open."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The rows are filled, or one of them cannot be."""

    row: int = 0
    failure: str = ""
    """Why that row cannot be filled; empty: all are."""


type Task = Learn | Fill | Forget


def _record_as_json(record: Record) -> JSON:
    """Each byte of an element as the character with its number."""
    return [record.line, [element.decode("latin-1") for element in record.elements]]


def _record(data: JSON) -> Record:
    line, elements = data
    return Record(line=line, elements=tuple(element.encode("latin-1") for element in elements))


TASKS: Final[MessageCodec[Task]] = MessageCodec(
    "is",
    {cls.__name__: cls for cls in (Learn, Fill, Forget)},
    {
        "columns": (list, tuple),
        "first": (_record_as_json, _record),
        "places": (
            lambda places: [[place.record, place.epoch] for place in places],
            lambda data: [Place(record=record, epoch=epoch) for record, epoch in data],
        ),
        "records": (
            lambda records: [_record_as_json(record) for record in records],
            lambda data: [_record(each) for each in data],
        ),
    },
)
FILLED: Final[MessageCodec[Filled]] = MessageCodec("is", {"Filled": Filled})
