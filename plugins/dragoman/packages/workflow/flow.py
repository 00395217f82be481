"""Running the nodes of a workflow: those that wait for none that has not run, at once."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.errors import ExecutionError, InputError, InvalidInputs, InvalidRequest
from dragoman.expressions.passes import Passes
from dragoman.packages.workflow.checks import in_order
from dragoman.packages.workflow.task_runs import TaskRun

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from dragoman.packages.workflow.definition import Binding, Workflow, WorkflowNode
    from dragoman.packages.workflow.progress import FlowProgress
    from dragoman.packages.workflow.values import FlowValue

AT_ONCE: Final = 2
"""Nodes that run at the same time; each may have two threads of its own for windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One run of a workflow with the values of its inputs."""

    workflow: Workflow
    inputs: Mapping[str, FlowValue]
    progress: FlowProgress
    max_pixels: int | None
    folder: Path
    """Where paths that the workflow names begin."""

    def run(self, needed: Collection[str]) -> dict[str, FlowValue]:
        """The outputs of these nodes, by node; raises InputError, or ExecutionError that names the node."""
        waiting = {node.id: node for node in in_order(self.workflow) if node.id in needed}
        results: dict[str, FlowValue] = {}
        running: dict[Future[FlowValue], str] = {}
        with ThreadPoolExecutor(AT_ONCE, "nodes") as pool:
            try:
                while waiting or running:
                    for id in [each for each, node in waiting.items() if _ready(node, results)]:
                        running[pool.submit(self._node, waiting.pop(id), dict(results))] = id
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        results[running.pop(future)] = future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        return results

    def _node(self, node: WorkflowNode, results: Mapping[str, FlowValue]) -> FlowValue:
        calculated = False
        tell = self.progress.working(node.id)

        def report(percent: float, message: str) -> None:
            nonlocal calculated
            calculated = True
            tell(percent, message)

        run = TaskRun(
            task=node.task,
            parameters={name: self._value(each, results) for name, each in node.inputs.items()},
            passes=Passes(report=report),
            max_pixels=self.max_pixels,
            folder=self.folder,
            literals=frozenset(name for name, each in node.inputs.items() if each.source == "literal"),
        )
        try:
            result = run.result()
        except InvalidInputs:
            raise
        except InvalidRequest as error:
            raise self._blamed(node, error.detail) from error
        if calculated:
            self.progress.done(node.id, [node.id])
        return result

    def _value(self, binding: Binding, results: Mapping[str, FlowValue]) -> FlowValue:
        if binding.source == "input":
            return self.inputs[binding.name]
        return results[binding.node] if binding.source == "dependency" else binding.value

    def _blamed(self, node: WorkflowNode, detail: str) -> Exception:
        """The error as the fault of the first input that the node has its values of; of none, the workflow's."""
        sources = upstream(self.workflow, [node.id])
        bindings = [each for id in sources for each in self.workflow.nodes[id].inputs.values()]
        named = {each.name for each in bindings if each.source == "input"}
        message = f"node '{node.id}': {detail}"
        for declared in self.workflow.inputs:
            if declared.name in named:
                return InputError(declared.name, message)
        return ExecutionError(message)


def _ready(node: WorkflowNode, results: Mapping[str, FlowValue]) -> bool:
    return all(each in results for each in node.dependencies)


def upstream(workflow: Workflow, nodes: Collection[str]) -> list[str]:
    """These nodes and all that they wait for, in the order of the workflow."""
    needed: set[str] = set()
    stack = list(nodes)
    while stack:
        id = stack.pop()
        if id not in needed:
            needed.add(id)
            stack.extend(workflow.nodes[id].dependencies)
    return [id for id in workflow.nodes if id in needed]
