"""A workflow in a worker: inputs opened, nodes run, rasters written window by window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dragoman.errors import InputError, RequestError
from dragoman.expressions.blocks import Block
from dragoman.expressions.cells import Cells
from dragoman.expressions.passes import Passes
from dragoman.packages.outputs.output_writer import file_stem
from dragoman.packages.outputs.writing import write_outputs
from dragoman.packages.workflow.flow import Flow, upstream
from dragoman.packages.workflow.progress import FlowProgress
from dragoman.packages.workflow.values import RasterDataset, Reading, as_json, is_raster
from dragoman.sources.resolve import Resolve, resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dragoman.model.job import InputValue, Output
    from dragoman.model.process import InputSpec, Process
    from dragoman.model.resolved import ResolvedValue
    from dragoman.packages.program import WatchedContext
    from dragoman.packages.workflow.definition import Workflow, WorkflowOutput
    from dragoman.packages.workflow.values import FlowValue
    from dragoman.sources.policy import SourcePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowProgram:
    """See ``dragoman.packages.program.Program``."""

    process: Process
    workflow: Workflow
    folder: Path
    """Where paths that the workflow names begin."""
    max_pixels: int | None
    resolve: Resolve = resolve

    def run(
        self,
        values: Mapping[str, Sequence[ResolvedValue]],
        *,
        context: WatchedContext,
        folder: Path,
        wanted: Collection[str] | None,
    ) -> dict[str, Output]:
        """See ``dragoman.packages.program.Program``."""
        outputs = [each for each in self.workflow.outputs if wanted is None or each.name in wanted]
        needed = upstream(self.workflow, [each.node for each in outputs])
        progress = FlowProgress(needed, len(outputs), context.progress)
        datasets = dataset_inputs(self.workflow)
        reading = Reading(context=context, max_pixels=self.max_pixels, datasets=datasets)
        flow = Flow(
            workflow=self.workflow,
            inputs={each.name: reading.value(each, values[each.name]) for each in self.workflow.inputs},
            progress=progress,
            max_pixels=self.max_pixels,
            folder=self.folder,
        )
        results = flow.run(needed)
        writing = _Writing(workflow=self.workflow, context=context, progress=progress)
        returned = {each.name: writing.output(each, results[each.node]) for each in outputs}
        lent = [each.path for items in values.values() for each in items if each.path is not None]
        lent += [each.path for each in results.values() if isinstance(each, RasterDataset)]
        return write_outputs(self.process, returned, folder, wanted, context=context, lent=lent)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writing:
    """Makes of results what may leave."""

    workflow: Workflow
    context: WatchedContext
    progress: FlowProgress

    def output(self, output: WorkflowOutput, value: FlowValue) -> object:
        """A path, a list of such, or JSON."""
        nodes = upstream(self.workflow, [output.node])
        working = self.progress.open_among(nodes)
        what = ", ".join(working[:3]) + (" ..." if len(working) > 3 else "") or output.name
        passes = Passes(report=self.progress.working(what, 1 + len(working)))
        written = self._value(value, file_stem(output.name), passes)
        self.progress.done(what, nodes, output=True)
        return written

    def _value(self, value: FlowValue, stem: str, passes: Passes) -> object:
        if isinstance(value, RasterDataset):
            return value.path
        if isinstance(value, Block):
            return as_json(value)
        if isinstance(value, Cells):
            if not is_raster(value):
                return as_json(passes.collect(value, "an output that is no raster"))
            path = Path(self.context.scratch) / f"{stem}.tif"
            passes.write(value, path)
            return path
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [self._value(each, f"{stem}-{place}", passes) for place, each in enumerate(value)]
        return value


def dataset_inputs(workflow: Workflow) -> frozenset[str]:
    """The inputs that name a file for load_dataset."""
    return frozenset(
        binding.name
        for node in workflow.nodes.values()
        if node.task == "raster:load_dataset"
        for binding in node.inputs.values()
        if binding.source == "input"
    )


def reading_files(process: Process, datasets: Collection[str]) -> Process:
    """The process as its runs read it: an input that names a file for load_dataset is that file, however it comes."""
    inputs = {name: _file(spec) if name in datasets else spec for name, spec in process.inputs.items()}
    return replace(process, inputs=inputs)


def _file(spec: InputSpec) -> InputSpec:
    return replace(spec, schema={"type": "string", "contentEncoding": "binary"})


def resolving(datasets: Collection[str]) -> Resolve:
    """Reads inputs as ever, but those that name a file for load_dataset: each is a file, and never what is in it.

    Their text is a file under a data root; what is sent by reference is fetched, and then itself the dataset.
    """

    def resolve_path(spec: InputSpec, value: InputValue, folder: Path, policy: SourcePolicy) -> ResolvedValue:
        if spec.id not in datasets or not (value.href is not None or isinstance(value.value, str)):
            return resolve(spec, value, folder, policy)
        href, text = value.href, value.value
        if href is None:
            href = str(text) if "://" in str(text) else (Path("/") / str(text)).as_uri()
        try:
            return resolve(_file(spec), replace(value, value=None, href=href), folder, policy)
        except InputError:
            raise
        except RequestError as error:
            raise InputError(spec.id, error.detail) from error

    return resolve_path
