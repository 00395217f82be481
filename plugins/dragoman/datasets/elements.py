"""What stands in a column of a record: bytes of a file, of base64, of a text or of a number."""

from __future__ import annotations

import binascii
import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import DatasetError, InvalidRequest
from dragoman.sources.precheck import local_file

if TYPE_CHECKING:
    from dragoman.datasets.manifest import ColumnType, Record
    from dragoman.sources.policy import SourcePolicy

_INT: Final = struct.Struct("<i")
_FLOAT: Final = struct.Struct("<f")
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files that a session may read: those below its root and the operator's ``data_roots``."""

    root: str
    """``manifest_root``, joined with what a manifest names; empty: paths there are absolute."""
    policy: SourcePolicy
    max_bytes: int

    def path(self, name: str) -> Path:
        """The file with this name; DatasetError where there is none that may be read."""
        place = os.path.join(self.root, name)  # an absolute name wins over the root
        if "\0" in place or not os.path.isabs(place):
            raise DatasetError(f'Could not find file: "{name[:_SHOWN]}"; it has no absolute path')
        try:
            return local_file(Path(os.path.normpath(place)).as_uri(), self.policy)
        except InvalidRequest as error:
            raise DatasetError(f'Could not find file: "{name[:_SHOWN]}"; {error.detail}') from error

    def manifest(self, name: str) -> Path:
        """The manifest with this name, which is an absolute path."""
        try:
            return Files(root="", policy=self.policy, max_bytes=0).path(name)
        except DatasetError as error:
            _, _, reason = error.detail.rpartition("; ")
            raise DatasetError(f"Manifest file {name[:_SHOWN]} doesn't exist. {reason}") from error

    def read(self, path: Path, name: str) -> bytes:
        """The bytes of a file."""
        try:
            with path.open("rb") as file:
                content = file.read(self.max_bytes + 1)
        except OSError as error:
            raise DatasetError(f'Could not find file: "{name[:_SHOWN]}"; {error.strerror}') from error
        if len(content) > self.max_bytes:
            raise DatasetError(f'file "{name[:_SHOWN]}" has more than {self.max_bytes} bytes')
        return content


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One element of a record, in the form in which an entry of ``etl`` takes it."""

    column: ColumnType
    files: Files
    inline: bytes = b""
    """What is no file: four bytes of a number, little-endian, or a text, or what its base64 stands for."""
    path: Path | None = None
    """The file that it is."""
    label: str = ""
    """What it is called in messages: as it stands in the manifest."""

    @property
    def content(self) -> bytes:
        """Its bytes, read now where it is a file; DatasetError where that cannot be read."""
        return self.inline if self.path is None else self.files.read(self.path, self.label)


def elements_of(record: Record, columns: tuple[ColumnType, ...], files: Files) -> tuple[Element, ...]:
    """The elements of a record, their files found but not read; DatasetError names line and column."""
    elements = []
    for number, (column, text) in enumerate(zip(columns, record.elements, strict=True), start=1):
        try:
            elements.append(_element(column, text, files))
        except DatasetError as error:
            raise DatasetError(f"{error.detail} (line {record.line}, column {number})") from error
    return tuple(elements)


def _element(column: ColumnType, text: bytes, files: Files) -> Element:
    label = text[:_SHOWN].decode("utf-8", "replace")
    if column == "FILE":
        return Element(column=column, files=files, path=files.path(os.fsdecode(text)), label=label)
    return Element(column=column, files=files, inline=_content(column, text, label), label=label)


def _content(column: ColumnType, text: bytes, label: str) -> bytes:
    if column == "STRING":
        return text
    if column == "BINARY":
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except ValueError as error:
            raise DatasetError(f"'{label}' is not base64") from error
    value = _number(text, label)
    if column == "ASCII_FLOAT":
        return _FLOAT.pack(_float32(value))
    if not -(2**31) <= value < 2**31:
        raise DatasetError(f"'{label}' is not a number that fits 32 bits")
    return _INT.pack(int(value))


def _number(text: bytes, label: str) -> float:
    """A number as C reads one; ASCII_INT takes it without its fraction."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or b"_" in text:
        raise DatasetError(f"'{label}' is not a number")
    return value


def _float32(value: float) -> float:
    """Infinite where it is too large, as a conversion in C."""
    return value if abs(value) < 3.4028235677973366e38 else math.copysign(math.inf, value)
