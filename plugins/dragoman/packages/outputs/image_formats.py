"""The format that a client asked of an image: PNG where that can hold it, or GeoTIFF."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dragoman.schemas.forms import GEOTIFF
from dragoman.schemas.media_types import essence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.model.job import Output

PNG: Final = "image/png"
TIFF: Final = "image/tiff"


def convert_images(
    outputs: Mapping[str, Output], formats: Mapping[str, str], folder: Path
) -> dict[str, Output]:
    """The outputs, images in the format asked for; files in ``folder`` are replaced.

    ``formats`` is a media type by output id. A GeoTIFF that PNG cannot hold stays one, as its ``media_type`` shows.
    """
    return {
        name: _converted(output, essence(formats[name]), folder) if name in formats else output
        for name, output in outputs.items()
    }


def _converted(output: Output, target: str, folder: Path) -> Output:
    if output.items:
        return replace(output, items=tuple(_converted(item, target, folder) for item in output.items))
    if output.file is None or (essence(output.media_type), target) not in ((TIFF, PNG), (PNG, TIFF)):
        return output
    from dragoman.rasters.images import to_geotiff, to_png

    source = folder / output.file
    path = to_png(source) if target == PNG else to_geotiff(source)
    if path is None:
        return output
    return replace(
        output,
        media_type=PNG if target == PNG else GEOTIFF,
        file=path.relative_to(folder).as_posix(),
        size=path.stat().st_size,
    )
