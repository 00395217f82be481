"""Entries of type ``label_map``: words as the numbers of their classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dragoman.datasets.buffers import ELEMENT_TYPES, Buffer
from dragoman.datasets.etl.entry import Entry, buffer_name
from dragoman.datasets.fields import choice, count, read_fields, text, texts
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dragoman.datasets.elements import Element
    from dragoman.datasets.etl.entry import EtlSettings, RecordKey
    from dragoman.datasets.geometry import Geometry
    from dragoman.model.process import JSON

_FIELDS: Final = (
    texts("class_names"),
    count("max_classes", 100),
    choice("output_type", "uint32_t", ("uint32_t",)),
    text("name", ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMap(Entry):
    """See ``Entry``; shape [max_classes], padded by zeros. (The real service crashes on this type.)"""

    numbers: Mapping[str, int]
    """By name of class."""
    buffers: tuple[Buffer, ...]

    def decode(self, elements: Sequence[Element]) -> list[int]:
        """The numbers of the words, which blanks part."""
        numbers = []
        for word in elements[0].content.decode("utf-8", "replace").split():
            number = self.numbers.get(word)
            if number is None:
                known = ", ".join(list(self.numbers)[:20])
                raise DatasetError(f"label '{word[:100]}' is none of class_names: {known}")
            numbers.append(number)
        return numbers[: self.buffers[0].shape[0]]

    def load(
        self, decoded: list[int], _geometry: Geometry | None, rows: Sequence[NDArray[Any]], _key: RecordKey
    ) -> None:
        """See ``Entry``."""
        rows[0][...] = 0
        rows[0][: len(decoded)] = decoded


def read_label_map(members: Mapping[str, JSON], _settings: EtlSettings) -> LabelMap:
    """The entry that its configuration says."""
    values = read_fields(members, _FIELDS)
    buffer = Buffer(
        name=buffer_name(values["name"], "label_map"),
        shape=(values["max_classes"],),
        type=ELEMENT_TYPES["uint32_t"],
    )
    return LabelMap(
        numbers={name: number for number, name in enumerate(values["class_names"])}, buffers=(buffer,)
    )
