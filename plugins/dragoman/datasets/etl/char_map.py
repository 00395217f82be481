"""Entries of type ``char_map``: a text as the numbers of its letters in an alphabet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dragoman.datasets.buffers import ELEMENT_TYPES, Buffer
from dragoman.datasets.etl.entry import Entry, buffer_name
from dragoman.datasets.fields import choice, count, flag, read_fields, text
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dragoman.datasets.elements import Element
    from dragoman.datasets.etl.entry import EtlSettings, RecordKey
    from dragoman.datasets.geometry import Geometry
    from dragoman.model.process import JSON

_FIELDS: Final = (
    count("max_length"),
    text("alphabet"),
    count("unknown_value", 0, least=0),
    flag("emit_length", default=False),
    choice("output_type", "uint32_t", tuple(ELEMENT_TYPES)),
    text("name", ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CharMap(Entry):
    """See ``Entry``; shape [1, max_length], padded by zeros, and with ``emit_length`` another of shape [1]."""

    numbers: Mapping[str, int]
    """By letter, which is folded to upper case."""
    max_length: int
    unknown_value: int
    """For a letter that the alphabet lacks; 0: it is left out."""
    buffers: tuple[Buffer, ...]

    def decode(self, elements: Sequence[Element]) -> tuple[list[int], int]:
        """The numbers, and how many letters of the text were looked at."""
        try:
            letters = elements[0].content.decode("utf-8")[: self.max_length]
        except UnicodeDecodeError as error:
            raise DatasetError(f"'{elements[0].label}' is not text in UTF-8") from error
        numbers = [self.numbers.get(_folded(letter), self.unknown_value or -1) for letter in letters]
        return [number for number in numbers if number >= 0], len(letters)

    def load(
        self,
        decoded: tuple[list[int], int],
        _geometry: Geometry | None,
        rows: Sequence[NDArray[Any]],
        _key: RecordKey,
    ) -> None:
        """See ``Entry``."""
        numbers, length = decoded
        rows[0][...] = 0
        rows[0][0, : len(numbers)] = numbers
        if len(rows) > 1:
            rows[1][...] = length


def read_char_map(members: Mapping[str, JSON], _settings: EtlSettings) -> CharMap:
    """The entry that its configuration says."""
    values = read_fields(members, _FIELDS)
    buffers = [
        Buffer(
            name=buffer_name(values["name"], "char_map"),
            shape=(1, values["max_length"]),
            type=ELEMENT_TYPES[values["output_type"]],
            axes=("character", "sequence"),
        )
    ]
    if values["emit_length"]:
        buffers.append(
            Buffer(
                name=buffer_name(values["name"], "char_map_length"),
                shape=(1,),
                type=ELEMENT_TYPES["uint32_t"],
            )
        )
    numbers: dict[str, int] = {}
    for number, letter in enumerate(values["alphabet"]):
        numbers.setdefault(_folded(letter), number)
    return CharMap(
        numbers=numbers,
        max_length=values["max_length"],
        unknown_value=values["unknown_value"],
        buffers=tuple(buffers),
    )


def _folded(letter: str) -> str:
    """Upper case where that is one letter, as C's ``towupper`` has it."""
    upper = letter.upper()
    return upper if len(upper) == 1 else letter
