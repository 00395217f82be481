"""What flows through a workflow: inputs as they are given to tasks, and results as they leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import InputError, InvalidRequest, RequestError
from dragoman.expressions.cells import Cells
from dragoman.packages.workflow.sources import netcdf_cells, raster_cells
from dragoman.rasters.netcdf_opening import sniff_netcdf
from dragoman.schemas.file_values import FileContentError, read_value

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from dragoman.expressions.blocks import Block
    from dragoman.expressions.evaluation import Value
    from dragoman.model.process import JSON
    from dragoman.model.resolved import ResolvedValue
    from dragoman.packages.program import WatchedContext
    from dragoman.packages.workflow.definition import WorkflowInput
    from dragoman.packages.workflow.parameter_types import ParameterType

MOST_VALUES: Final = 1_000_000
"""Of an array that leaves as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterDataset:
    """A file with one raster or several, not opened yet."""

    path: Path
    input_id: str | None = None

    def array(self, variable: str, max_pixels: int | None) -> Cells | Block:
        """One of its variables; of a GeoTIFF ``band1``, ``band2``, ... Raises InvalidRequest."""
        if sniff_netcdf(self.path) is not None:
            return netcdf_cells(self.path, variable, input_id=self.input_id, max_pixels=max_pixels)
        number = variable.removeprefix("band")
        if not (variable.startswith("band") and number.isascii() and number.isdecimal() and len(number) < 6):
            number = "0"
        whole = raster_cells(self.path, input_id=self.input_id, max_pixels=max_pixels)
        if not 1 <= int(number) <= whole.planes:
            raise InvalidRequest(
                f"there is no variable '{variable[:80]}'; allowed: band1 to band{whole.planes}"
            )
        return raster_cells(self.path, input_id=self.input_id, bands=[int(number)])


type FlowValue = Value | RasterDataset
"""What a parameter of a task may be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How inputs are read."""

    context: WatchedContext
    max_pixels: int | None
    datasets: Collection[str] = ()
    """The inputs that name a file for load_dataset: where one is a file, it is that file."""

    def value(self, declared: WorkflowInput, values: Sequence[ResolvedValue]) -> FlowValue:
        """The value of an input; raises InputError that names it."""
        kind = declared.type
        if kind.id == "list":
            return [self._one(declared.name, kind.of[0], each) for each in values]
        return self._one(declared.name, kind, values[0])

    def _one(self, input_id: str, kind: ParameterType, value: ResolvedValue) -> FlowValue:
        content: FlowValue
        try:
            if value.path is None:
                content = _cleaned(kind, value.value)
                return content
            if kind.id == "raster_dataset" or input_id in self.datasets:
                return RasterDataset(path=value.path, input_id=input_id)
            if kind.is_array or any(each.is_array for each in kind.of):
                with self.context.opening(input_id):
                    return self._array(input_id, value.path)
            content = _cleaned(kind, read_value(value, as_json=True))
        except FileContentError as error:
            raise InputError(input_id, str(error)) from error
        except InputError:
            raise
        except RequestError as error:
            raise InputError(input_id, error.detail) from error
        return content

    def _array(self, input_id: str, path: Path) -> Cells | Block:
        if sniff_netcdf(path) is not None:
            return netcdf_cells(path, None, input_id=input_id, max_pixels=self.max_pixels)
        return raster_cells(path, input_id=input_id, max_pixels=self.max_pixels)


def _cleaned(kind: ParameterType, value: JSON) -> JSON:
    """As ncdjango's parameters clean what is of the right type already."""
    if kind.id == "float" and isinstance(value, int):
        return float(value)
    return int(value) if kind.id == "int" and isinstance(value, float) else value


def is_raster(value: FlowValue) -> bool:
    """Whether a result leaves as a raster: it has a place, or is too large for anything else."""
    return isinstance(value, Cells) and (value.grid is not None or value.rows * value.cols > MOST_VALUES)


def as_json(block: Block) -> JSON:
    """An array as nested lists, a number as itself; null where it is masked, NaN or infinite."""
    listed: Any = block.finite().tolist()
    return listed


def variables_of(values: Mapping[str, FlowValue]) -> dict[str, Value]:
    """The values as variables of an expression, which a file is not; raises InputError for one."""
    variables: dict[str, Value] = {}
    for name, value in values.items():
        if isinstance(value, RasterDataset):
            raise InputError(
                value.input_id or name, "is a dataset; an expression works on arrays and numbers"
            )
        variables[name] = value
    return variables
