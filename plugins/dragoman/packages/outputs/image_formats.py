"""The format that a client asked of an image: PNG where that can hold it, or GeoTIFF."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dragoman.schemas.forms import GEOTIFF
from dragoman.schemas.media_types import essence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.model.job import Output, OutputRequest

PNG: Final = "image/png"
TIFF: Final = "image/tiff"


def deliver(
    outputs: Mapping[str, Output], wanted: Mapping[str, OutputRequest] | None, folder: Path
) -> dict[str, Output]:
    """The outputs in the formats asked for; files in ``folder`` are replaced.

    A GeoTIFF that PNG cannot hold stays what it is: ``media_type`` tells.
    """
    made = dict(outputs)
    for name, request in (wanted or {}).items():
        if request.media_type is not None and name in made:
            made[name] = _converted(made[name], essence(request.media_type), folder)
    return made


def _converted(output: Output, wanted: str, folder: Path) -> Output:
    if output.items:
        return replace(output, items=tuple(_converted(item, wanted, folder) for item in output.items))
    given = essence(output.media_type)
    if output.file is None or (given, wanted) not in ((TIFF, PNG), (PNG, TIFF)):
        return output
    from dragoman.rasters.images import to_geotiff, to_png

    source = folder / output.file
    made = to_png(source) if wanted == PNG else to_geotiff(source)
    if made is None:
        return output
    return replace(
        output,
        media_type=PNG if wanted == PNG else GEOTIFF,
        file=made.relative_to(folder).as_posix(),
        size=made.stat().st_size,
    )
