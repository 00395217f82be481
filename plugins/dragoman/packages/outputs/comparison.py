"""How an output differs from what an example expects: JSON, rasters, NetCDF, other files.

Each function gives a list of short differences, each beginning with the place inside the output.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import RequestError
from dragoman.schemas.file_values import FileContentError, parse_json, read_text
from dragoman.schemas.media_types import essence, is_json, of_file
from dragoman.schemas.messages import shown

if TYPE_CHECKING:
    from dragoman.model.job import Output
    from dragoman.model.process import JSON

MOST: Final = 10
"""Differences that are listed for one output."""


def compare_output(expected: JSON | Path, output: Output, folder: Path, tolerance: float) -> list[str]:
    """Differences of one output; ``expected`` is a JSON value, or a file to be compared as a whole."""
    actual = None if output.file is None else folder / output.file
    try:
        if isinstance(expected, Path):
            return _compare_file(expected, actual, output, tolerance)
        value = output.value if actual is None else _file_value(actual, output.media_type)
    except FileContentError as error:
        return [f": {error}"]
    return _first(json_differences(expected, value, tolerance))


def _file_value(path: Path, media_type: str) -> JSON:
    text = read_text(path)
    return parse_json(text) if is_json(media_type) else text


def _compare_file(expected: Path, actual: Path | None, output: Output, tolerance: float) -> list[str]:
    kind = essence(of_file(expected))
    if is_json(kind) or actual is None:
        wanted = _file_value(expected, kind)
        value = output.value if actual is None else _file_value(actual, kind)
        return _first(json_differences(wanted, value, tolerance))
    try:
        if kind == "image/tiff":
            return _first(_raster_differences(expected, actual, tolerance))
        if kind == "application/x-netcdf":
            return _first(_netcdf_differences(expected, actual, tolerance))
    except (RequestError, OSError) as error:
        return [f": cannot be compared with {expected.name}: {error}"]
    same = expected.read_bytes() == actual.read_bytes()
    return [] if same else [f": the file is not the same as {expected.name}"]


def _first(differences: Iterator[str]) -> list[str]:
    listed = list(differences)
    return listed if len(listed) <= MOST else [*listed[:MOST], f": and {len(listed) - MOST} more differences"]


def json_differences(expected: JSON, actual: JSON, tolerance: float, place: str = "") -> Iterator[str]:
    """Where ``actual`` is not ``expected``; members of objects that are not expected do not count."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for name, value in expected.items():
            if name not in actual:
                yield f"{place}.{name}: is missing"
            else:
                yield from json_differences(value, actual[name], tolerance, f"{place}.{name}")
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            yield f"{place}: has {len(actual)} items, expected {len(expected)}"
        for index, (wanted, value) in enumerate(zip(expected, actual, strict=False)):
            yield from json_differences(wanted, value, tolerance, f"{place}[{index}]")
    elif not _same(expected, actual, tolerance):
        yield f"{place}: is {shown(actual)}, expected {shown(expected)}"


def _same(expected: JSON, actual: JSON, tolerance: float) -> bool:
    if _is_number(expected) and _is_number(actual):
        return bool(expected == actual or abs(actual - expected) <= tolerance + tolerance * abs(expected))
    return type(expected) is type(actual) and bool(expected == actual)


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _raster_differences(expected: Path, actual: Path, tolerance: float) -> Iterator[str]:
    """Grid, CRS, nodata, type, mask and values."""
    from dragoman.rasters.opening import open_raster

    with open_raster(expected) as reference, open_raster(actual) as result:
        for name in ("shape", "count", "dtypes", "crs"):
            if getattr(reference, name) != getattr(result, name):
                yield f".{name}: is {getattr(result, name)}, expected {getattr(reference, name)}"
        if not reference.transform.almost_equals(result.transform, 1e-9 * abs(reference.transform.a)):
            yield f".transform: is {tuple(result.transform)[:6]}, expected {tuple(reference.transform)[:6]}"
        if not _same_nodata(reference.nodata, result.nodata):
            yield f".nodata: is {result.nodata}, expected {reference.nodata}"
        if reference.shape == result.shape and reference.count == result.count:
            for band in reference.indexes:
                a, b = reference.read(band, masked=True), result.read(band, masked=True)
                yield from _array_differences(a, b, tolerance, f"[{band}]")


def _same_nodata(expected: float | None, actual: float | None) -> bool:
    if expected is None or actual is None:
        return expected is actual
    return expected == actual or (math.isnan(expected) and math.isnan(actual))


def _netcdf_differences(expected: Path, actual: Path, tolerance: float) -> Iterator[str]:
    """Dimensions, variables with their dimensions, types and attributes, missing ones and values."""
    from dragoman.rasters.netcdf_opening import open_dataset

    with open_dataset(expected) as reference, open_dataset(actual) as result:
        if dict(reference.sizes) != dict(result.sizes):
            yield f".dimensions: are {dict(result.sizes)}, expected {dict(reference.sizes)}"
            return
        for name, variable in reference.variables.items():
            if name not in result.variables:
                yield f".{name}: is missing"
                continue
            other = result.variables[name]
            if variable.dims != other.dims:
                yield f".{name}: has the dimensions {other.dims}, expected {variable.dims}"
                continue
            yield from _attribute_differences(variable.attrs, other.attrs, f".{name}")
            yield from _array_differences(variable.values, other.values, tolerance, f".{name}")


def _attribute_differences(
    expected: Mapping[Any, Any], actual: Mapping[Any, Any], place: str
) -> Iterator[str]:
    for name, value in expected.items():
        if name not in actual:
            yield f"{place}@{name}: is missing"
        elif json.dumps(value, default=str) != json.dumps(actual[name], default=str):
            yield f"{place}@{name}: is {actual[name]}, expected {value}"


def _array_differences(expected: Any, actual: Any, tolerance: float, place: str) -> Iterator[str]:
    """Differences of two arrays of one shape; masked values and NaN are missing, and must be so in both."""
    import numpy as np

    if expected.dtype.kind not in "iufb" or actual.dtype.kind not in "iufb":
        if not np.array_equal(expected, actual):
            yield f"{place}: the values are not the expected ones"
        return
    a = np.ma.masked_invalid(np.ma.asarray(expected, dtype="float64"))
    b = np.ma.masked_invalid(np.ma.asarray(actual, dtype="float64"))
    missing_a, missing_b = np.ma.getmaskarray(a), np.ma.getmaskarray(b)
    wrong = int(np.count_nonzero(missing_a != missing_b))
    if wrong:
        yield f"{place}: {wrong} of {a.size} values are missing in one and not in the other"
    both = ~(missing_a | missing_b)
    gap = np.abs(a.data[both] - b.data[both])
    beyond = gap > tolerance + tolerance * np.abs(a.data[both])
    if beyond.any():
        yield f"{place}: {int(beyond.sum())} of {a.size} values differ, by up to {gap.max():.6g}"
