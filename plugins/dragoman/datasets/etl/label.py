"""Entries of type ``label``: one whole number a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dragoman.datasets.buffers import ELEMENT_TYPES, Buffer
from dragoman.datasets.etl.entry import Entry, buffer_name
from dragoman.datasets.fields import choice, flag, read_fields, text
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dragoman.datasets.elements import Element
    from dragoman.datasets.etl.entry import EtlSettings, RecordKey
    from dragoman.datasets.geometry import Geometry
    from dragoman.model.process import JSON

_FIELDS: Final = (
    flag("binary", default=False),
    choice("output_type", "uint32_t", tuple(ELEMENT_TYPES)),
    text("name", ""),
)
_BYTES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Entry):
    """See ``Entry``; shape [1]."""

    binary: bool
    """Whether a text or a file holds the number as four bytes, and not as digits."""
    buffers: tuple[Buffer, ...]

    def decode(self, elements: Sequence[Element]) -> bytes:
        """The number as four bytes, little-endian."""
        (element,) = elements
        content = element.content
        if element.column == "ASCII_INT":
            return content
        if self.binary:
            if len(content) != _BYTES:
                raise DatasetError(f"a binary label has {_BYTES} bytes, '{element.label}' has {len(content)}")
            return content
        try:
            return int(content).to_bytes(_BYTES, "little", signed=True)
        except (ValueError, OverflowError) as error:
            raise DatasetError(f"stoi: '{element.label}' is not a whole number of 32 bits") from error

    def load(
        self, decoded: bytes, _geometry: Geometry | None, rows: Sequence[NDArray[Any]], _key: RecordKey
    ) -> None:
        """The number's bits, whatever the type of the buffer: so does the real service, for floats too."""
        place = rows[0].reshape(-1).view(np.uint8)
        place[:] = 0
        size = min(_BYTES, len(place))
        place[:size] = np.frombuffer(decoded, dtype=np.uint8)[:size]


def read_label(members: Mapping[str, JSON], _settings: EtlSettings) -> Label:
    """The entry that its configuration says."""
    values = read_fields(members, _FIELDS)
    buffer = Buffer(
        name=buffer_name(values["name"], "label"), shape=(1,), type=ELEMENT_TYPES[values["output_type"]]
    )
    return Label(binary=values["binary"], buffers=(buffer,))
