"""NetCDF files that others made: what a package gets of them, and reduce-dimension, against netCDF4-python and numpy.

    python tools/sweeps/netcdf.py FOLDER_OR_FILE... [--first 0] [--number 100]

The oracle is netCDF4-python's masking and scaling, mended where it is known to be wrong: a fill value told in another
type than the variable's is brought into it, and every number of a byte is valid unless the file says otherwise.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np
from kit import Context, Sheet, attempt, load, scratch

from dragoman.rasters.netcdf_opening import open_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

SUFFIXES = {".nc", ".nc3", ".nc4", ".cdf", ".h5", ".hdf5", ".he5"}
LARGEST = 5_000_000
"""Values of a variable that is compared."""
METHODS = ("mean", "max", "min", "sum", "std", "count")
DECLARED = ("_FillValue", "missing_value", "valid_range", "valid_min", "valid_max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable of numbers, as the file declares it."""

    name: str
    """With its groups: group/name."""
    dimensions: tuple[str, ...]
    size: int
    is_time: bool


def variables_of(path: Path) -> list[Variable]:
    """The variables of plain numbers, those of groups too."""
    with netCDF4.Dataset(path) as dataset:
        return list(_walk(dataset, ""))


def _walk(group: Any, prefix: str) -> Iterator[Variable]:
    for name, variable in group.variables.items():
        plain = isinstance(variable.dtype, np.dtype) and variable.dtype.kind in "iuf"
        if plain and not isinstance(
            variable.datatype, (netCDF4.VLType, netCDF4.CompoundType, netCDF4.EnumType)
        ):
            yield Variable(
                name=prefix + name,
                dimensions=variable.dimensions,
                size=variable.size,
                is_time=" since " in str(getattr(variable, "units", "")),
            )
    for name, child in group.groups.items():
        yield from _walk(child, f"{prefix}{name}/")


def truth_of(path: Path, name: str) -> NDArray[Any]:
    """The values as float64, NaN where missing."""
    with netCDF4.Dataset(path) as dataset:
        variable = dataset[name]
        variable.set_auto_maskandscale(True)
        values = np.ma.filled(np.ma.asarray(variable[...], dtype="f8"), np.nan)
        variable.set_auto_maskandscale(False)
        stored = np.asarray(variable[...])
        if stored.dtype.itemsize == 1 and not any(hasattr(variable, name) for name in DECLARED):
            scale, offset = getattr(variable, "scale_factor", 1), getattr(variable, "add_offset", 0)
            values = stored.astype("f8") * scale + offset
        if stored.dtype.kind == "f":
            for missing in np.atleast_1d(getattr(variable, "missing_value", [])).ravel():
                if np.asarray(missing).dtype.kind in "iuf":
                    values = np.where(stored == stored.dtype.type(missing), np.nan, values)
        return np.asarray(values)


def alike(result: Any, expected: Any, slack: float) -> bool:
    """Whether two arrays have the same values up to a share of the largest, and NaN in the same places."""
    result, expected = np.asarray(result, float), np.asarray(expected, float)
    if result.shape != expected.shape:
        return False
    finite = np.abs(expected[np.isfinite(expected)])
    return bool(
        np.allclose(result, expected, rtol=slack, atol=slack * finite.max(initial=0.0), equal_nan=True)
    )


def reduced(values: NDArray[Any], method: str, axis: int) -> NDArray[Any]:
    """What numpy makes of the values that there are."""
    values = np.where(np.isfinite(values), values, np.nan)
    if method == "count":
        return np.asarray(np.isfinite(values).sum(axis=axis))
    if method == "sum":
        return np.where(np.isfinite(values).any(axis=axis), np.nansum(values, axis=axis), np.nan)
    functions: dict[str, Callable[..., Any]] = {
        "mean": np.nanmean,
        "max": np.nanmax,
        "min": np.nanmin,
        "std": np.nanstd,
    }
    return np.asarray(functions[method](values, axis=axis))


def bound(sheet: Sheet, dataset: Any, what: str, variable: Variable, values: NDArray[Any]) -> None:
    """Compare what a package is given."""
    if variable.name not in dataset.variables:
        sheet.verdicts["not given to packages"] += 1
        return
    found = attempt(sheet, what, lambda: np.asarray(dataset[variable.name].values))
    if found is None or found.dtype.kind not in "iuf":
        return
    if alike(found, values, 1e-6):
        sheet.agree("given alike")
    else:
        sheet.differ(what, "as a package is given it")


def reductions(
    sheet: Sheet, dataset: Any, module: Any, what: str, variable: Variable, values: NDArray[Any]
) -> None:
    """Compare each method over each dimension."""
    context = Context(scratch=scratch())
    for axis, dimension in enumerate(variable.dimensions):
        for method in METHODS:
            case = f"{what} {method} over {dimension}"
            options = {
                "variable": variable.name,
                "dimension": dimension,
                "method": method,
                "context": context,
            }
            result = attempt(sheet, case, partial(module.run, dataset, **options))
            if result is None:
                break
            with netCDF4.Dataset(result["result"]) as made:
                found = made[variable.name.rpartition("/")[2]]
                found.set_auto_maskandscale(False)
                out = np.asarray(found[...], "f8")
            expected = reduced(values, method, axis)
            largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
            loose = 2e-6 * largest * (values.shape[axis] if method == "sum" else 1)
            exact = method in ("max", "min", "count")
            same = out.shape == expected.shape and np.allclose(
                out, expected, rtol=2e-6, atol=0 if exact else loose, equal_nan=True
            )
            if same:
                sheet.agree("reduced alike")
            else:
                sheet.differ(case, "")


def examine(sheet: Sheet, path: Path, module: Any) -> None:
    """All variables of a file."""
    label = f"{path.parent.name}/{path.name}"
    try:
        variables = variables_of(path)
    except (OSError, RuntimeError, TypeError) as error:  # TypeError: of structures within structures
        variables = []
        sheet.verdicts["netCDF4 cannot read"] += 1
        label += f", which netCDF4 cannot read ({str(error)[:60]})"
    dataset = attempt(sheet, label, lambda: open_dataset(path, input_id="dataset"))
    if dataset is None:
        return
    with dataset:
        for variable in variables:
            if not 0 < variable.size <= LARGEST:
                continue
            values = truth_of(path, variable.name)
            what = f"{label} {variable.name}"
            bound(sheet, dataset, what, variable, values)
            if not variable.is_time:
                reductions(sheet, dataset, module, what, variable, values)


def main() -> int:
    """Sweep as the command line says; 1 if anything differs or fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("places", nargs="+")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, default=1_000_000)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    sheet, module = Sheet(), load("reduce-dimension")
    found = [
        file
        for place in map(Path, options.places)
        for file in ([place] if place.is_file() else sorted(place.rglob("*")))
        if file.suffix.lower() in SUFFIXES and file.is_file()
    ]
    for path in found[options.first : options.first + options.number]:
        sheet.verdicts["files"] += 1
        examine(sheet, path, module)
    return sheet.end()


if __name__ == "__main__":
    sys.exit(main())
