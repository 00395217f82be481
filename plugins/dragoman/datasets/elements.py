"""What stands in a column of a record: bytes of a file, of base64, of a text or of a number."""

from __future__ import annotations

import binascii
import math
import os
import stat
import struct
from contextlib import suppress
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
_REGULAR: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
"""A pipe that stands where a file was would be waited for."""


class Files:
    """The files that a session may read: those below the operator's ``data_roots``; safe for threads.

    ``root`` is ``manifest_root``, joined with what a manifest names; empty: names there are absolute paths. Where a
    folder really lies is looked up once, for a manifest names thousands of files in one.
    """

    def __init__(self, *, root: str, policy: SourcePolicy, max_bytes: int) -> None:
        self._root = root
        self._policy = policy
        self._max_bytes = max_bytes
        self._folders: dict[str, str] = {}

    def path(self, name: str) -> Path:
        """The file with this name, links followed; DatasetError where there is none that may be read."""
        place = os.path.join(self._root, name)  # an absolute name wins over the root
        if "\0" in place or not os.path.isabs(place):
            raise DatasetError(f'Could not find file: "{name[:_SHOWN]}"; it has no absolute path')
        try:
            return local_file(Path(os.path.normpath(place)).as_uri(), self._policy)
        except InvalidRequest as error:
            raise DatasetError(f'Could not find file: "{name[:_SHOWN]}"; {error.detail}') from error

    def manifest(self, name: str) -> Path:
        """The manifest with this name, which is an absolute path."""
        try:
            return Files(root="", policy=self._policy, max_bytes=0).path(name)
        except DatasetError as error:
            _, _, reason = error.detail.rpartition("; ")
            raise DatasetError(f"Manifest file {name[:_SHOWN]} doesn't exist. {reason}") from error

    def place(self, name: str) -> Path:
        """As ``path``, of a file that is no link in a folder known already without a further look."""
        folder, base = os.path.split(os.path.join(self._root, name))
        known = self._known(folder, base)
        if known is not None:
            with suppress(OSError):
                if stat.S_ISREG(os.lstat(known).st_mode):
                    return Path(known)
        path = self.path(name)
        self._learn(folder, base, path)
        return path

    def read(self, name: str) -> bytes:
        """The bytes of the file with this name; raises as ``path``, and for one that is too large."""
        file, size = self._open(name)
        try:
            if size > self._max_bytes:
                raise DatasetError(f'file "{name[:_SHOWN]}" has more than {self._max_bytes} bytes')
            content = os.read(file, size + 1)
            while len(content) < size and (more := os.read(file, size - len(content))):
                content += more
        except OSError as error:
            raise DatasetError(f'Could not find file: "{name[:_SHOWN]}"; {error.strerror}') from error
        finally:
            os.close(file)
        return content

    def _open(self, name: str) -> tuple[int, int]:
        """A descriptor of a regular file, and its size; no further look at one that is no link in a known folder."""
        folder, base = os.path.split(os.path.join(self._root, name))
        known = self._known(folder, base)
        if known is not None:
            try:
                file = os.open(known, _REGULAR | os.O_NOFOLLOW)
            except OSError:
                pass  # a link, or nothing: the careful way finds out, and says so
            else:
                status = os.fstat(file)
                if stat.S_ISREG(status.st_mode):
                    return file, status.st_size
                os.close(file)
        path = self.path(name)
        self._learn(folder, base, path)
        try:
            file = os.open(path, _REGULAR)
            return file, os.fstat(file).st_size
        except OSError as error:
            raise DatasetError(f'Could not find file: "{name[:_SHOWN]}"; {error.strerror}') from error

    def _known(self, folder: str, base: str) -> str | None:
        """Where a name in a known folder lies, if it is no link."""
        real = self._folders.get(folder)
        if real is None or base in ("", ".", "..") or "\0" in base:
            return None
        return f"{real}/{base}"

    def _learn(self, folder: str, base: str, path: Path) -> None:
        """Note where a folder lies whose file has turned out to be at ``path``."""
        if path.name == base:
            self._folders[folder] = str(path.parent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One element of a record, in the form in which an entry of ``etl`` takes it."""

    column: ColumnType
    files: Files
    inline: bytes = b""
    """What is no file: four bytes of a number, little-endian, or a text, or what its base64 stands for."""
    file: str | None = None
    """The name of the file that it is."""
    label: str = ""
    """What it is called in messages: as it stands in the manifest."""

    @property
    def content(self) -> bytes:
        """Its bytes, read now where it is a file; DatasetError where that cannot be read."""
        return self.inline if self.file is None else self.files.read(self.file)


def elements_of(record: Record, columns: tuple[ColumnType, ...], files: Files) -> tuple[Element, ...]:
    """The elements of a record, whose files are not looked at yet; DatasetError names line and column."""
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
        return Element(column=column, files=files, file=os.fsdecode(text), label=label)
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
