"""Whether a file that an algorithm made is what its media type says: told by a look at its head, not by reading it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from dragoman.schemas.file_values import FileContentError, expects_json, parse_json, read_text
from dragoman.schemas.media_types import essence, is_json
from dragoman.schemas.value_check import check_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON

JSON_BYTES: Final = 4 * 2**20
"""Of a JSON file that is read to be checked; a larger one is taken as it is."""

_SIGNATURES: Final = {
    "image/png": (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    "image/jpeg": (b"\xff\xd8\xff", "a JPEG image"),
}
_GRIDS: Final = {"image/tiff": "a GeoTIFF", "application/x-netcdf": "a NetCDF file"}
_BYTE_ORDERS: Final[Mapping[bytes, Literal["little", "big"]]] = {b"II": "little", b"MM": "big"}
_SIZE_TAGS: Final = {256, 257}
_DATA_TAGS: Final = {273, 324}
"""Where the strips or the tiles lie."""
MAX_TAGS: Final = 2**16

_DESCRIPTORS: Final = Path("/proc/self/fd")


class WrongFile(ValueError):
    """The file is not what it should be; the text goes on after its name: ``is not ...``."""


def check_file(path: Path, media_type: str, schema: Mapping[str, JSON]) -> None:
    """Raise WrongFile where it can be told that the file is not of that media type, or not of the schema."""
    kind = essence(media_type)
    if kind in _SIGNATURES:
        signature, name = _SIGNATURES[kind]
        with path.open("rb") as file:
            if file.read(len(signature)) != signature:
                raise WrongFile(f"is not {name}")
    elif kind in _GRIDS:
        if not (is_tiff(path) if kind == "image/tiff" else _is_netcdf(path)):
            raise WrongFile(f"is not {_GRIDS[kind]}, or not complete")
    elif is_json(kind) and path.stat().st_size <= JSON_BYTES:
        _check_json(path, schema)


def is_tiff(path: Path) -> bool:
    """Whether the header leads to the tags of an image, which a writer notes last of all.

    GDAL would look up the CRS as well, which takes longer than many a job.
    """
    with path.open("rb") as file:
        head = file.read(16)
        order = _BYTE_ORDERS.get(head[:2])
        if order is None or head[2:4] not in ((42).to_bytes(2, order), (43).to_bytes(2, order)):
            return False
        big = 43 in head[2:4]
        start = int.from_bytes(head[8:16] if big else head[4:8], order)
        if not 0 < start < path.stat().st_size:
            return False
        file.seek(start)
        count, size = int.from_bytes(file.read(8 if big else 2), order), 20 if big else 12
        if count > MAX_TAGS:
            return False
        entries = file.read(count * size)
    tags = {int.from_bytes(entries[at : at + 2], order) for at in range(0, len(entries), size)}
    return len(entries) == count * size and tags >= _SIZE_TAGS and not tags.isdisjoint(_DATA_TAGS)


def _is_netcdf(path: Path) -> bool:
    from dragoman.rasters.netcdf_opening import is_netcdf

    return is_netcdf(path)


def _check_json(path: Path, schema: Mapping[str, JSON]) -> None:
    try:
        value = parse_json(read_text(path))
    except FileContentError as error:
        raise WrongFile(f"cannot be read: {error}") from error
    findings = check_of(schema).findings(value) if expects_json(schema) else []
    if findings:
        raise WrongFile(f"is not as declared: {'; '.join(findings)}")


def check_closed(path: Path, media_type: str) -> None:
    """Raise WrongFile for a grid that this process still holds open for writing: its end is not written yet.

    Only Linux tells; elsewhere nothing is found.
    """
    if essence(media_type) not in _GRIDS or not _DESCRIPTORS.is_dir():
        return
    wanted = os.stat(path)
    if any(_holds(descriptor, wanted) for descriptor in os.listdir(_DESCRIPTORS)):
        raise WrongFile("is still open for writing; close it before its path is returned")


def _holds(descriptor: str, wanted: os.stat_result) -> bool:
    """Whether the descriptor writes to that file."""
    with suppress(OSError):  # the one by which the folder was listed is gone by now
        return os.path.samestat(os.stat(_DESCRIPTORS / descriptor), wanted) and _writes(descriptor)
    return False


def _writes(descriptor: str) -> bool:
    lines = Path("/proc/self/fdinfo", descriptor).read_text(encoding="ascii").splitlines()
    flags = next(line.split()[1] for line in lines if line.startswith("flags:"))
    return int(flags, 8) & os.O_ACCMODE != os.O_RDONLY
