"""Files as somebody sends them who means harm."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

if TYPE_CHECKING:
    from pathlib import Path


def sound_jpeg2000(path: Path) -> Path:
    """A JPEG 2000 of 64 x 64 pixels and some 220 bytes."""
    options = {"QUALITY": "1", "WRITE_METADATA": "NO"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        size = {"width": 64, "height": 64, "count": 1, "dtype": "uint8"}
        with rasterio.open(path, "w", driver="JP2OpenJPEG", **size, **options) as target:
            target.write(np.zeros((1, 64, 64), "uint8"))
    return path


def hanging_jpeg2000(path: Path) -> Path:
    """The same, but GDAL's driver looks for its colours without end.

    The header box before ``colr`` says that it has the length 0, so the next one begins where it begins.
    """
    content = sound_jpeg2000(path).read_bytes()
    length = content.index(b"ihdr") - 4
    path.write_bytes(content[:length] + bytes(4) + content[length + 4 :])
    return path
