"""The header of a classic NetCDF file (CDF-1, -2, -5): how long the file has to be.

The library fills what is missing with zeros, so a file that was cut would be read without a word. The layout
is that of the file format's specification: magic, numrecs, dimensions, attributes, variables, data.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_ITEM_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
"""By the number of the type: byte, char, short, int, float, double, and the five of CDF-5."""

_TAGS: Final = {"dimensions": 10, "variables": 11, "attributes": 12}

MAX_ITEMS: Final = 1_000_000
"""Dimensions, variables, or attributes in one list; more is no real file."""

MAX_RANK: Final = 1024
"""Dimensions of one variable; as the library has it."""


class _Variable(NamedTuple):
    begin: int
    size: int
    """Bytes of its values; of one record where it has records."""
    item: int
    records: bool


def is_complete(path: Path) -> bool:
    """Whether a classic file is as long as its header says; False also where the header cannot be read.

    The padding after the last values does not count.
    """
    with path.open("rb") as file:
        length = file.seek(0, 2)
        file.seek(0)
        try:
            return _Header(file, length).needed() <= length
        except ValueError:
            return False


class _Header:
    """Reads a header in the order of its fields; raises ValueError where it ends or makes no sense."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._length = length
        version = self._read(4)[3]
        self._count_bytes = 8 if version == 5 else 4
        self._offset_bytes = 4 if version == 1 else 8

    def needed(self) -> int:
        """The end of the last value."""
        records = self._count()
        streaming = records == 256**self._count_bytes - 1  # their number follows from the length
        dimensions = [self._dimension() for _ in range(self._list("dimensions"))]
        self._skip_attributes()
        variables = [self._variable(dimensions) for _ in range(self._list("variables"))]
        ends = [self._file.tell()]
        ends += [v.begin + v.size for v in variables if v.size and not v.records]
        recorded = [v for v in variables if v.records]
        if records and recorded and not streaming:
            # A single variable of small items has records without padding.
            step = recorded[0].size if len(recorded) == 1 else sum(_padded(v.size) for v in recorded)
            step = _padded(step) if len(recorded) == 1 and recorded[0].item >= 4 else step
            ends += [v.begin + (records - 1) * step + v.size for v in recorded if v.size]
        return max(ends)

    def _read(self, count: int) -> bytes:
        content = self._file.read(count)
        if len(content) < count:
            raise ValueError("the header ends too early")
        return content

    def _number(self, count: int) -> int:
        return int.from_bytes(self._read(count), "big")

    def _count(self) -> int:
        return self._number(self._count_bytes)

    def _skip(self, count: int) -> None:
        if self._file.seek(count, 1) > self._length:
            raise ValueError("the header ends too early")

    def _list(self, kind: str) -> int:
        """How many items follow; a list that is absent has the tag 0."""
        tag, count = self._number(4), self._count()
        if (tag != _TAGS[kind] and (tag or count)) or count > MAX_ITEMS:
            raise ValueError(f"no list of {kind}")
        return count

    def _skip_name(self) -> None:
        self._skip(_padded(self._count()))

    def _dimension(self) -> int:
        self._skip_name()
        return self._count()

    def _item_bytes(self) -> int:
        size = _ITEM_BYTES.get(self._number(4))
        if size is None:
            raise ValueError("an unknown type")
        return size

    def _skip_attributes(self) -> None:
        for _ in range(self._list("attributes")):
            self._skip_name()
            size = self._item_bytes()
            self._skip(_padded(self._count() * size))

    def _variable(self, dimensions: list[int]) -> _Variable:
        self._skip_name()
        rank = self._count()
        if rank > MAX_RANK:
            raise ValueError("too many dimensions")
        ids = [self._count() for _ in range(rank)]
        if any(number >= len(dimensions) for number in ids):
            raise ValueError("an unknown dimension")
        self._skip_attributes()
        item = self._item_bytes()
        self._count()  # its size, which is not to be trusted: it does not hold that of a large variable
        begin = self._number(self._offset_bytes)
        shape = [dimensions[number] for number in ids]
        records = bool(shape) and shape[0] == 0  # the length 0 marks the dimension that grows
        return _Variable(begin, math.prod(shape[records:]) * item, item, records)


def _padded(size: int) -> int:
    return -(-size // 4) * 4
