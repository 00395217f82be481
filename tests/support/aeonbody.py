"""The body of aeon's ``next``, taken apart: what a client reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBuffer:
    """One buffer of a body."""

    description: dict[str, Any]
    records: int
    pinned: bool
    content: bytes

    @property
    def values(self) -> NDArray[Any]:
        """As (records, *shape); of a session that is batch major."""
        kinds = {1: "<i1", 2: "<u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 11: "<f4", 12: "<f8"}
        dtype = np.dtype(kinds[self.description["otype"]["np_type"]])
        return np.frombuffer(self.content, dtype=dtype).reshape(self.records, *self.description["shape"])


def parse_body(body: bytes) -> tuple[dict[str, SentBuffer], int]:
    """The buffers by name, in their order, and how many bytes of the body they take."""
    number, place = _number(body, 0)
    buffers = {}
    for _ in range(number):
        length, place = _number(body, place)
        name = body[place : place + length].decode()
        place += length + 1
        end = body.index(b"]}", place) + 2  # the shape comes last
        description = json.loads(body[place:end])
        records, place = _number(body, end)
        pinned, place = _number(body, place)
        size = records * description["byte_size"]
        buffers[name] = SentBuffer(
            description=description,
            records=records,
            pinned=bool(pinned),
            content=body[place : place + size],
        )
        place += size
    return buffers, place


def _number(body: bytes, place: int) -> tuple[int, int]:
    end = body.index(b",", place)
    return int(body[place:end]), end + 1
