"""aeon's manifests: tab-separated text, a header line ``@FILE<tab>ASCII_INT`` of column types, then one record a line.

A manifest is indexed once, as the place of each record in the file, and never held: a million lines cost some 16 MB.
Source: contracts/aeon.md, "Manifest TSV".
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

type ColumnType = Literal["FILE", "BINARY", "STRING", "ASCII_INT", "ASCII_FLOAT"]

COLUMN_TYPES: Final[tuple[ColumnType, ...]] = ("FILE", "BINARY", "STRING", "ASCII_INT", "ASCII_FLOAT")
_PIECE: Final = 16 * 2**20
"""Bytes of a manifest that are looked at together."""
_LONGEST: Final = 64 * 2**20
"""Bytes of one line: what is longer is no record, and would be held whole."""
_NEWLINE, _TAB, _RETURN, _COMMENT, _HEADER = b"\n\t\r#@"
_TOGETHER: Final = 256 * 1024
"""Bytes of records that are read together."""
_SHOWN: Final = 200
_NO_HEADER: Final = (
    "Metadata must be defined before any data. Potentially old manifest format used. Allowed: a first line of "
    "@ and the columns' types, tab-separated, such as @FILE\tASCII_INT"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What tells a manifest from itself after a change."""

    size: int
    """In bytes."""
    modified: int
    """When its content changed last, in nanoseconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of a manifest, as it stands there."""

    line: int
    """Its line, counted from 1."""
    elements: tuple[bytes, ...]
    """One for each column."""


class Manifest:
    """An open manifest, indexed; close it, or use it in a ``with``.

    ``name`` is the name by which the client knows it, for messages. Raises DatasetError, which begins as recorded
    and names the line. Reading from several threads at once is safe.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._name = name
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise DatasetError(f"Manifest file {name} doesn't exist.") from error
        try:
            self.version = _version(self._file)
            index = _Index()
            self._scan(index)
            self.columns: tuple[ColumnType, ...] = index.columns
            self._starts, self._ends, self._lines = index.arrays()
        except BaseException:  # whatever it was goes on; the file does not stay open
            os.close(self._file)
            raise
        if not self.count:
            self.close()
            raise DatasetError("manifest file is empty")

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @property
    def count(self) -> int:
        """Records in it."""
        return len(self._starts)

    def record(self, number: int) -> Record:
        """The record with this number, counted from 0; raises DatasetError where the file has changed since."""
        (record,) = self._read((number,))
        return record

    def records(self, numbers: Sequence[int]) -> Iterator[Record]:
        """As ``record``, of several; those that follow one another are read together."""
        place = 0
        while place < len(numbers):
            end = self._run(numbers, place)
            yield from self._read(numbers[place:end])
            place = end

    def _run(self, numbers: Sequence[int], place: int) -> int:
        """Where the records from ``place`` on stop following one another, or are enough to be read together."""
        most = self._starts[numbers[place]] + _TOGETHER
        end = place + 1
        while (
            end < len(numbers) and numbers[end] == numbers[end - 1] + 1 and self._ends[numbers[end]] <= most
        ):
            end += 1
        return end

    def _read(self, numbers: Sequence[int]) -> list[Record]:
        """Records that follow one another in the file."""
        if _version(self._file) != self.version:
            raise self._changed()
        first = int(self._starts[numbers[0]])
        text = os.pread(self._file, int(self._ends[numbers[-1]]) - first, first)
        records = []
        for number in numbers:
            start, end = int(self._starts[number]) - first, int(self._ends[number]) - first
            elements = tuple(text[start:end].split(b"\t"))
            if len(elements) != len(self.columns):
                raise self._changed()
            records.append(Record(line=int(self._lines[number]), elements=elements))
        return records

    def _changed(self) -> DatasetError:
        return DatasetError(f"manifest file {self._name} has changed since the session began")

    def _scan(self, index: _Index) -> None:
        """Hand the file to the index in pieces of whole lines."""
        offset, rest = 0, b""
        while piece := os.read(self._file, _PIECE):
            text = rest + piece
            end = text.rfind(b"\n") + 1
            if len(text) - end > _LONGEST:
                raise DatasetError(f"at line: {index.lines + 1}, manifest file has a line that is too long")
            index.add(text[:end], offset)
            offset, rest = offset + end, text[end:]
        if rest:
            index.add(rest + b"\n", offset)


class _Index:
    """Where the records of a manifest lie; grows piece by piece."""

    def __init__(self) -> None:
        self.columns: tuple[ColumnType, ...] = ()
        self.lines = 0
        """Lines seen so far."""
        self._pieces: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []

    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Start and end in the file, in bytes, and line of each record."""
        if not self._pieces:
            nothing = np.empty(0, dtype=np.int64)
            return nothing, nothing, nothing
        starts, ends, lines = (np.concatenate(part) for part in zip(*self._pieces, strict=True))
        return starts, ends, lines

    def add(self, text: bytes, offset: int) -> None:
        """Take whole lines, which lie ``offset`` bytes into the file."""
        if not text:
            return
        data = np.frombuffer(text, dtype=np.uint8)
        breaks = np.flatnonzero(data == _NEWLINE)
        starts = np.concatenate([[0], breaks[:-1] + 1])
        ends = breaks - ((breaks > starts) & (data[breaks - 1] == _RETURN))
        lines = np.arange(self.lines + 1, self.lines + 1 + len(breaks))
        self.lines += len(breaks)
        first = data[starts]
        filled = ends > starts
        for n in np.flatnonzero(filled & (first == _HEADER)):
            before = filled[:n] & (first[:n] != _COMMENT) & (first[:n] != _HEADER)
            self._read_header(text[starts[n] : ends[n]], int(lines[n]), data_before=bool(before.any()))
        records = filled & (first != _HEADER) & (first != _COMMENT)
        if not records.any():
            return
        if not self.columns:
            raise DatasetError(_NO_HEADER)
        self._check_columns(text, data, starts[records], ends[records], lines[records])
        self._pieces.append((starts[records] + offset, ends[records] + offset, lines[records]))

    def _read_header(self, text: bytes, line: int, *, data_before: bool) -> None:
        if self.columns:
            raise DatasetError(f"metadata must be defined before any data at line {line}")
        if data_before or self._pieces:
            raise DatasetError(_NO_HEADER)
        names = text[1:].decode("utf-8", "replace").split("\t")
        for name in names:
            if name not in COLUMN_TYPES:
                allowed = ", ".join(COLUMN_TYPES)
                raise DatasetError(
                    f"invalid metadata type '{name[:_SHOWN]}' at line {line}; allowed: {allowed}"
                )
        self.columns = tuple(known for name in names for known in COLUMN_TYPES if known == name)

    def _check_columns(
        self,
        text: bytes,
        data: NDArray[np.uint8],
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        lines: NDArray[np.int64],
    ) -> None:
        """Every record has as many elements as there are columns; the first that has not is named."""
        tabs = np.flatnonzero(data == _TAB)
        elements = np.searchsorted(tabs, ends) - np.searchsorted(tabs, starts) + 1
        wrong = np.flatnonzero(elements != len(self.columns))
        if not len(wrong):
            return
        n = wrong[0]
        words = text[starts[n] : ends[n]].decode("utf-8", "replace").replace("\t", " ")[:_SHOWN]
        raise DatasetError(
            f"at line: {lines[n]}, manifest file has a line with differing number of elements "
            f"({elements[n]}) vs ({len(self.columns)}): {words} "
        )


def _version(file: int) -> Version:
    status = os.fstat(file)
    return Version(size=status.st_size, modified=status.st_mtime_ns)
