"""How an image is to be turned, as its EXIF data says: GDAL tells that of JPEG alone."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from pathlib import Path

TAG: Final = 0x0112
MOST_PARTS: Final = 1000
"""Chunks, or entries, that are looked through."""


def orientation_of(dataset: Any, path: Path) -> int:
    """EXIF's number, 1 (as it is) to 8, of an open image; 1 where it says nothing, or nothing that can be read."""
    told = str(dataset.tags().get("EXIF_Orientation", "")).strip()
    if told in tuple("12345678"):
        return int(told)
    find = {"PNG": _in_png, "WEBP": _in_webp, "GTiff": _in_tiff}.get(dataset.driver)
    if find is None:
        return 1
    try:
        with path.open("rb") as file:
            number = find(file)
    except (OSError, struct.error):
        return 1
    return number if 1 <= number <= 8 else 1


def _in_png(file: BinaryIO) -> int:
    file.seek(8)
    for _ in range(MOST_PARTS):
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"eXIf":
            return _in_tiff(file)
        file.seek(length + 4, 1)
    return 1


def _in_webp(file: BinaryIO) -> int:
    file.seek(12)
    for _ in range(MOST_PARTS):
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind == b"EXIF":
            if file.read(6) != b"Exif\0\0":
                file.seek(-6, 1)
            return _in_tiff(file)
        file.seek(length + length % 2, 1)
    return 1


def _in_tiff(file: BinaryIO) -> int:
    """Of the TIFF that begins here: its first directory's entry."""
    base = file.tell()
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(file.read(4))
    if order is None:
        return 1
    (offset,) = struct.unpack(order + "I", file.read(4))
    file.seek(base + offset)
    (count,) = struct.unpack(order + "H", file.read(2))
    for _ in range(min(count, MOST_PARTS)):
        tag, kind, number, value = struct.unpack(order + "HHIH2x", file.read(12))
        if tag == TAG:
            return int(value) if (kind, number) == (3, 1) else 1
    return 1
