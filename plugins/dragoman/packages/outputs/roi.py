"""Regions of interest: images are cropped before a run, and what it gives back loses the margins after it.

``pesto.roi`` stands for the input in what is said of a region itself.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from dragoman.errors import InputError, InvalidRequest, OutputError
from dragoman.schemas.forms import always_binary, always_binary_items

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from dragoman.model.job import Output
    from dragoman.model.process import JSON, Process
    from dragoman.model.resolved import ResolvedValue
    from dragoman.model.roi import Band, Roi
    from dragoman.packages.program import WatchedContext

REGION: Final = "pesto.roi"

type Values = Mapping[str, Sequence[ResolvedValue]]
"""By input id."""
type Opening = Callable[[], AbstractContextManager[object]]
"""Within what it gives, a file of the input is opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """Pixels of margin that were really read, on each side."""

    top: int
    bottom: int
    left: int
    right: int


def check_roi(process: Process, roi: Roi, values: Mapping[str, Sequence[object]]) -> None:
    """Raise InputError for a region that no image could meet, or of what the process or the request lacks.

    ``values`` are those of the request, by input id.
    """
    images = [name for name, spec in process.inputs.items() if always_binary(spec.schema)]
    for name in roi.targets_in:
        if name not in images:
            _refuse(f"target_in {name!r} is no image input; allowed: {', '.join(images) or 'none'}")
        if not values.get(name):
            _refuse(f"target_in {name!r} has no value in this request")
    image_outputs = [
        name
        for name, spec in process.outputs.items()
        if always_binary(spec.schema) or always_binary_items(spec.schema)
    ]
    for name in roi.targets_out:
        if name not in image_outputs:
            _refuse(f"target_out {name!r} is no image output; allowed: {', '.join(image_outputs) or 'none'}")
    for name, band in (("lines", roi.lines), ("columns", roi.columns)):
        if band is not None and (band.first < 0 or band.number < 1 or band.margin < 0):
            got = f"first {band.first}, number {band.number}, margin {band.margin}"
            _refuse(f"{name}: got {got}; allowed: first 0 or more, number 1 or more, margin 0 or more")


def _refuse(message: str) -> NoReturn:
    raise InputError(REGION, message)


def crop_inputs(
    roi: Roi, values: Values, folder: Path, context: WatchedContext
) -> tuple[dict[str, list[ResolvedValue]], Margins]:
    """The values with cropped copies, in ``folder``, of all images; and the margins there were.

    As in PESTO every image is cropped, each to what it has of the window; the targets alone have to be of one
    size, which holds the window, and make the margins: without targets there are none.
    Raises InputError: a target that is not there or no raster, images of different sizes, out of range.
    """
    margins = Margins(top=0, bottom=0, left=0, right=0)
    if roi.targets_in:
        height, width = _common_shape(roi, values, context)
        top, bottom = _margins("lines", roi.lines, height)
        left, right = _margins("columns", roi.columns, width)
        margins = Margins(top=top, bottom=bottom, left=left, right=right)
    folder.mkdir(parents=True, exist_ok=True)
    cropped: dict[str, list[ResolvedValue]] = {}
    for name, items in values.items():
        with _naming(name):
            opening = partial(context.opening, name)
            cropped[name] = [_cropped(roi, value, folder, opening) for value in items]
    return cropped, margins


def _cropped(roi: Roi, value: ResolvedValue, folder: Path, opening: Opening) -> ResolvedValue:
    """The value with cropped copies of its image, or of those within; what is no raster stays as it is."""
    if value.path is not None:
        return replace(value, path=_cropped_file(roi, value.path, folder, opening))
    return replace(value, value=_cropped_within(roi, value.value, folder, opening))


def _cropped_within(roi: Roi, value: JSON | Path, folder: Path, opening: Opening) -> JSON | Path:
    if isinstance(value, dict):
        return {name: _cropped_within(roi, member, folder, opening) for name, member in value.items()}
    if isinstance(value, list):
        return [_cropped_within(roi, item, folder, opening) for item in value]
    return _cropped_file(roi, value, folder, opening) if isinstance(value, Path) else value


def _cropped_file(roi: Roi, source: Path, folder: Path, opening: Opening) -> Path:
    from dragoman.rasters.crop import crop_file, shape_of

    try:
        with opening():
            height, width = shape_of(source)
    except InvalidRequest:  # a file of another kind; a target was opened before
        return source
    rows, cols = _span(roi.lines, height), _span(roi.columns, width)
    if rows[0] >= rows[1] or cols[0] >= cols[1]:
        raise InvalidRequest(f"has {_size((height, width))}, none of them within {REGION}")
    handle, target = tempfile.mkstemp(prefix="roi-", suffix=".tif", dir=folder)
    os.close(handle)
    crop_file(source, Path(target), rows, cols)
    return Path(target)


def _common_shape(roi: Roi, values: Values, context: WatchedContext) -> tuple[int, int]:
    """Rows and columns of every target, of which there is at least one."""
    from dragoman.rasters.crop import shape_of

    shapes: list[tuple[str, tuple[int, int]]] = []
    for name in roi.targets_in:
        if not values.get(name):
            _refuse(f"target_in {name!r} has no value in this request")
        with _naming(name), context.opening(name):
            shapes.extend((name, shape_of(_path(value))) for value in values[name])
    first, size = shapes[0]
    for name, shape in shapes:
        if shape != size:
            sizes = f"{_size(shape)}, but {first} has {_size(size)}"
            raise InputError(name, f"has {sizes}; allowed: targets of a region that have one size")
    return size


def _path(value: ResolvedValue) -> Path:
    if value.path is None:
        raise InvalidRequest("is no image")
    return value.path


@contextmanager
def _naming(input_id: str) -> Iterator[None]:
    """Turn InvalidRequest into InputError with the input's name."""
    try:
        yield
    except InvalidRequest as error:
        raise InputError(input_id, error.detail) from error


def _span(band: Band | None, size: int) -> tuple[int, int]:
    """From the first to before the last with its margin, as far as the image goes."""
    if band is None:
        return 0, size
    return max(0, band.first - band.margin), min(size, band.first + band.number + band.margin)


def _margins(name: str, band: Band | None, size: int) -> tuple[int, int]:
    """The margin before and after in a target; it has to hold all of the window."""
    if band is None:
        return 0, 0
    end = band.first + band.number
    if end > size:
        _refuse(f"{name}: {band.first} to {end} (exclusive) is out of range; the image has {size}")
    start, stop = _span(band, size)
    return band.first - start, stop - end


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]} lines x {shape[1]} columns"


def strip_margins(
    roi: Roi, outputs: Mapping[str, Output], margins: Margins, folder: Path
) -> dict[str, Output]:
    """The outputs, those of the targets cut to what was asked for; their files in ``folder`` are replaced.

    Raises OutputError for a target that is no image, or not larger than its margins.
    """
    stripped = dict(outputs)
    for name in roi.targets_out:
        output = outputs.get(name)
        if output is None:  # not asked for, or not returned
            continue
        if output.items:
            items = tuple(_stripped(item, margins, folder) for item in output.items)
            stripped[name] = replace(output, items=items)
        elif output.file is not None or output.value not in ([], None):  # None: the algorithm gave none
            stripped[name] = _stripped(output, margins, folder)
    return stripped


def _stripped(output: Output, margins: Margins, folder: Path) -> Output:
    from dragoman.rasters.crop import crop_file, shape_of
    from dragoman.rasters.images import to_png

    if output.file is None:
        raise OutputError(f"output '{output.id}': is no image, so {REGION} cannot cut it")
    path = folder / output.file
    cut = path.with_name(f"{path.stem}.roi.tif")
    try:
        height, width = shape_of(path)
        rows, cols = (margins.top, height - margins.bottom), (margins.left, width - margins.right)
        if rows[0] >= rows[1] or cols[0] >= cols[1]:
            raise OutputError(f"output '{output.id}': {_size((height, width))} are all margin of {REGION}")
        crop_file(path, cut, rows, cols)
    except InvalidRequest as error:
        raise OutputError(f"output '{output.id}': {error.detail}, so {REGION} cannot cut it") from error
    if path.suffix == ".png":
        cut = to_png(cut) or cut
    os.replace(cut, path)
    return replace(output, size=path.stat().st_size)
