"""ncdjango's six tasks: their parameters and outputs, as far as they are known without running them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

type Kind = Literal["array", "arrays", "dataset", "text", "flag"]
"""What a parameter or an output of a task is; ``arrays`` are a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a task takes and gives."""

    inputs: Mapping[str, Kind]
    optional: tuple[str, ...] = ()
    output: str
    gives: Kind
    variables: int = 0
    """The number of free variables that its expression has; 0: it has no expression, and takes nothing more."""

    @property
    def takes_more(self) -> bool:
        """Whether what it is given beside its parameters are further variables of its expression."""
        return self.variables > 0

    @property
    def required(self) -> tuple[str, ...]:
        """The parameters that it needs."""
        return tuple(name for name in self.inputs if name not in self.optional)


TASKS: Final[Mapping[str, Task]] = {
    "raster:load_dataset": Task(inputs={"path": "text"}, output="dataset_out", gives="dataset"),
    "raster:array_from_dataset": Task(
        inputs={"dataset": "dataset", "variable": "text"}, output="array_out", gives="array"
    ),
    "raster:mask_by_expression": Task(
        inputs={"array_in": "array", "expression": "text"}, output="array_out", gives="array", variables=1
    ),
    "raster:apply_expression": Task(
        inputs={"array_in": "array", "expression": "text"}, output="array_out", gives="array", variables=1
    ),
    "raster:map_by_expression": Task(
        inputs={"arrays_in": "arrays", "expression": "text", "generator": "flag"},
        optional=("generator",),
        output="arrays_out",
        gives="arrays",
        variables=1,
    ),
    "raster:reduce_by_expression": Task(
        inputs={"arrays_in": "arrays", "expression": "text", "initial_array": "array"},
        optional=("initial_array",),
        output="array_out",
        gives="array",
        variables=2,
    ),
}
"""By name; a workflow may name no other."""
INDEX: Final = "i"
"""The variable that is the number, from 0, of the array that map_by_expression is at."""
