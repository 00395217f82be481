"""A look at a file that an algorithm is given to open by itself, with whatever it likes.

What would hang, explode or reach into other files is refused; what is of no format known here passes. Every refusal
is an InvalidRequest whose detail is free of local paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.errors import InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

HEAD: Final = 64 * 1024
"""Bytes that are searched for a VRT; GDAL itself looks at the first few thousand."""

_VRT: Final = (b"<VRTDataset", b"<OGRVRTDataSource")
_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_RASTERS: Final = (
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"\0\0\0\x0cjP  ",
    b"\xff\x4f\xff\x51",
    b"RIFF",
    b"GIF8",
    b"BM",
)
"""How TIFF, PNG, JPEG, JPEG 2000 (with boxes and without), WebP, GIF and BMP begin."""


def check_file(path: Path, *, max_pixels: int | None = None) -> None:
    """Refuse a file that harms whoever opens it; a local one, which may be of any format.

    It may take its time over a hostile one: see ``WatchedContext.opening``. ``max_pixels`` is as in ``open_raster``.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    if any(root in head for root in _VRT):
        raise InvalidRequest("the file is a VRT, which names other files; allowed: the raster itself")
    if head.startswith(_RASTERS):
        from dragoman.rasters.opening import check_raster  # here, since most files are none

        check_raster(path, max_pixels=max_pixels)
    elif _is_hdf5(path):
        from dragoman.rasters.hdf5_contents import refuse_other_files

        refuse_other_files(path)


def _is_hdf5(path: Path) -> bool:
    """Whether the signature stands where the library looks for it: at 0, 512, 1024, 2048 ..."""
    with path.open("rb") as file:
        size, offset = file.seek(0, 2), 0
        while offset + len(_HDF5) <= size:
            file.seek(offset)
            if file.read(len(_HDF5)) == _HDF5:
                return True
            offset = offset * 2 or 512
    return False
