"""Entries of type ``blob``: numbers as they are, bytes for bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dragoman.datasets.buffers import ELEMENT_TYPES, Buffer
from dragoman.datasets.etl.entry import Entry, buffer_name
from dragoman.datasets.fields import choice, count, read_fields, text
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dragoman.datasets.elements import Element
    from dragoman.datasets.etl.entry import EtlSettings, RecordKey
    from dragoman.datasets.geometry import Geometry
    from dragoman.model.process import JSON

_FIELDS: Final = (
    count("output_count"),
    choice("output_type", "float", tuple(ELEMENT_TYPES)),
    text("name", ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob(Entry):
    """See ``Entry``; shape [output_count]."""

    buffers: tuple[Buffer, ...]

    def decode(self, elements: Sequence[Element]) -> bytes:
        """The bytes, of which there must be as many as the buffer takes."""
        content, size = elements[0].content, self.buffers[0].byte_size
        if len(content) != size:
            name = self.buffers[0].name
            raise DatasetError(
                f"blob '{elements[0].label}' has {len(content)} bytes, buffer {name} takes {size}"
            )
        return content

    def load(
        self, decoded: bytes, _geometry: Geometry | None, rows: Sequence[NDArray[Any]], _key: RecordKey
    ) -> None:
        """See ``Entry``."""
        rows[0].reshape(-1).view(np.uint8)[:] = np.frombuffer(decoded, dtype=np.uint8)


def read_blob(members: Mapping[str, JSON], _settings: EtlSettings) -> Blob:
    """The entry that its configuration says."""
    values = read_fields(members, _FIELDS)
    buffer = Buffer(
        name=buffer_name(values["name"], "blob"),
        shape=(values["output_count"],),
        type=ELEMENT_TYPES[values["output_type"]],
    )
    return Blob(buffers=(buffer,))
