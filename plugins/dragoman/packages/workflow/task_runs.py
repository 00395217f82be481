"""What the six tasks do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragoman.errors import InvalidRequest
from dragoman.expressions.blocks import Block
from dragoman.expressions.cells import Cells
from dragoman.expressions.evaluation import evaluate
from dragoman.expressions.nodes import Call, Name
from dragoman.expressions.parsing import parse
from dragoman.packages.workflow.checks import free_variables
from dragoman.packages.workflow.tasks import INDEX, TASKS
from dragoman.packages.workflow.values import RasterDataset, variables_of
from dragoman.schemas.messages import shown

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.expressions.evaluation import Value
    from dragoman.expressions.passes import Passes
    from dragoman.packages.workflow.values import FlowValue

type Parameters = Mapping[str, FlowValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """One run of a task with its parameters; raises InvalidRequest for what cannot be done."""

    task: str
    parameters: Parameters
    passes: Passes
    max_pixels: int | None
    folder: Path
    """Where paths that the workflow names begin."""
    literals: Collection[str]
    """The parameters that the workflow itself says: they alone may be a path."""

    def result(self) -> FlowValue:
        """The task's one output."""
        if self.task == "raster:load_dataset":
            return self._load()
        if self.task == "raster:array_from_dataset":
            return self._array()
        more = {name: each for name, each in self.parameters.items() if name not in TASKS[self.task].inputs}
        text, extra = self._text("expression"), variables_of(more)
        names = free_variables(text, TASKS[self.task], extra)
        if self.task == "raster:reduce_by_expression":
            return self._reduced(text, names, extra)
        if self.task == "raster:map_by_expression":
            return [
                self._applied(text, {**extra, INDEX: place, names[0]: array})
                for place, array in enumerate(self._arrays())
            ]
        array = self._one("array_in")
        if self.task == "raster:mask_by_expression":
            return self._masked(text, names[0], array, extra)
        return self._applied(text, {**extra, names[0]: array})

    def _load(self) -> RasterDataset:
        value = self.parameters["path"]
        if isinstance(value, RasterDataset):  # a client's, which was looked for under the data roots
            return value
        if "path" not in self.literals:  # a client's text, or a file's, is no path on this host
            raise InvalidRequest(
                "the path is no file that could be read, and content is no path; allowed: the absolute path of a "
                "file below the data roots, or a reference {href} to a file"
            )
        path = self.folder / self._text("path")
        if not path.is_file():
            raise InvalidRequest(f"there is no file {path.name!r}")
        return RasterDataset(path=path)

    def _array(self) -> Cells | Block:
        dataset = self.parameters["dataset"]
        if not isinstance(dataset, RasterDataset):
            raise InvalidRequest("dataset is no dataset")
        return dataset.array(self._text("variable"), self.max_pixels)

    def _text(self, name: str) -> str:
        value = self.parameters[name]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InvalidRequest(f"{name} is {_described(value)}; allowed: a text")
        return str(value)

    def _one(self, name: str) -> Value:
        value = self.parameters[name]
        if isinstance(value, Cells | Block):
            return value
        raise InvalidRequest(f"{name} is {_described(value)}; allowed: an array")

    def _arrays(self) -> list[Value]:
        value = self.parameters["arrays_in"]
        several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        for each in several:
            if not isinstance(each, Cells | Block):
                raise InvalidRequest(f"arrays_in has {_described(each)}; allowed: arrays")
        return list(several)

    def _applied(self, text: str, variables: Mapping[str, Value]) -> Value:
        return evaluate(parse(text), variables, self.passes)

    def _masked(self, text: str, name: str, array: Value, extra: Mapping[str, Value]) -> Value:
        """mask(x, condition), where the condition is the expression of x."""
        node = parse(text)
        whole = Call(
            function="mask", arguments=(Name(id=name, column=1), node), column=1, depth=node.depth + 1
        )
        return evaluate(whole, {**extra, name: array}, self.passes)

    def _reduced(self, text: str, names: Sequence[str], extra: Mapping[str, Value]) -> Value:
        """A fold: the first name in the alphabet is what has come about so far, the second the next array."""
        arrays = self._arrays()
        if self.parameters.get("initial_array") is not None:
            arrays.insert(0, self._one("initial_array"))
        if not arrays:
            raise InvalidRequest("arrays_in is empty; allowed: one array or more")
        value, *others = arrays
        for other in others:
            value = self._applied(text, {**extra, names[0]: value, names[1]: other})
        return value


def _described(value: object) -> str:
    if isinstance(value, Cells | Block):
        return "an array"
    return "a dataset" if isinstance(value, RasterDataset) else shown(value)
