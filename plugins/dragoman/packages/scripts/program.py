"""A method in a worker: deploy, execute and undeploy, each a script that bash runs in the output folder."""

from __future__ import annotations

import json
import os
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import AlgorithmError, InputError
from dragoman.packages.scripts.bash_run import Bash, kept_stream, told_of_end
from dragoman.packages.scripts.method import STOP_SECONDS, read_method
from dragoman.packages.scripts.written_files import outputs_of
from dragoman.sources.resolve import Resolve, resolve
from dragoman.workers import process_tree

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from dragoman.model.job import Output
    from dragoman.model.process import JSON, Process
    from dragoman.model.resolved import ResolvedValue
    from dragoman.packages.program import WatchedContext
    from dragoman.packages.scripts.bash_run import Ending
    from dragoman.packages.scripts.method import Method

UNDEPLOY_SECONDS: Final = 60.0
"""That undeploying may take when nobody ends the job."""
MARGIN: Final = 2.0
"""Seconds before a job that is being ended is killed, in which its undeploy script is."""
OURS: Final = ("DRAGOMAN_", "PYGEOAPI_")
"""Variables that the server is configured by: a database's password is no business of a script."""
STREAMS: Final = {1: "stdout", 2: "stderr"}
"""Outputs that are what the scripts printed, where a method declares them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptProgram:
    """See ``dragoman.packages.program.Program``."""

    method: Method
    resolve: Resolve = resolve

    @property
    def process(self) -> Process:
        """See Program."""
        return self.method.process

    def run(
        self,
        values: Mapping[str, Sequence[ResolvedValue]],
        *,
        context: WatchedContext,
        folder: Path,
        wanted: Collection[str] | None,
    ) -> dict[str, Output]:
        """See Program; raises AlgorithmError that names the script that failed."""
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="method-", dir=context.scratch))
        before = process_tree.children()
        texts = dict(self._texts(values))
        with ExitStack() as stack:
            kept = {
                number: stack.enter_context(kept_stream(number, work / f"{name}.txt"))
                for number, name in STREAMS.items()
                if name in self.process.outputs
            }
            bash = Bash(work=work, folder=folder, environment=_environment(folder), streams=kept)
            bash.set_values(texts)
            with told_of_end() as ending:
                try:
                    self._deploy_and_execute(bash, ending, context)
                finally:
                    self._undeploy(bash, ending, context)
                    process_tree.end_children(
                        before
                    )  # a server that it left would write to what is published
        self._keep_streams(work, folder)
        outputs = outputs_of(self.method, folder, wanted)
        for name in self.process.outputs:
            if name not in outputs and (wanted is None or name in wanted):
                context.notice(f"output '{name}': the scripts have written no file for it")
        return outputs

    def _texts(self, values: Mapping[str, Sequence[ResolvedValue]]) -> Iterator[tuple[str, str]]:
        """Each variable and its value; raises InputError for what no variable can hold."""
        for name, variable in self.method.variables.items():
            spec = self.process.inputs[name]
            items = [each.value if each.path is None else str(each.path) for each in values.get(name, ())]
            if not items:
                text = as_text(spec.schema.get("default", ""))
            else:
                text = as_text(items if spec.repeatable else items[0])
            if "\0" in text:
                raise InputError(name, "holds a NUL character, which no script can be given")
            yield variable, text

    def _deploy_and_execute(self, bash: Bash, ending: Ending, context: WatchedContext) -> None:
        for percent, step in ((0, "deploy"), (10, "execute")):
            if step not in self.method.scripts:
                continue
            context.progress(percent, f"{step}-script")
            code = bash.run(step, self.method.scripts[step], ending, seconds=None, heeds_end=True)
            if code:
                how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
                raise AlgorithmError(f"the {step}-script {how}; the job's log has what it printed")

    def _undeploy(self, bash: Bash, ending: Ending, context: WatchedContext) -> None:
        """Run the undeploy script however the others ended; what goes wrong with it is told, and fails nothing."""
        if "undeploy" not in self.method.scripts:
            return
        seconds = UNDEPLOY_SECONDS
        if ending.asked is not None:
            seconds = max(0.0, ending.asked + STOP_SECONDS - MARGIN - time.monotonic())
        try:
            code = bash.run(
                "undeploy", self.method.scripts["undeploy"], ending, seconds=seconds, heeds_end=False
            )
        except TimeoutError:
            context.notice(f"the undeploy-script was ended after {seconds:.0f} s")
        else:
            if code:
                context.notice(f"the undeploy-script failed ({code})")

    def _keep_streams(self, work: Path, folder: Path) -> None:
        """What was printed as a file of the output folder, unless the scripts have written one of that name."""
        for name in STREAMS.values():
            if (
                name in self.process.outputs
                and not (folder / name).exists()
                and (work / f"{name}.txt").exists()
            ):
                (work / f"{name}.txt").rename(folder / f"{name}.txt")


def as_text(value: JSON) -> str:
    """A value as a script sees it: a text itself, anything else as compact JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _environment(folder: Path) -> dict[str, str]:
    """The worker's, less the server's own, with what CCP has for its scripts; a replica's number is there already."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {"ccpcontext": "", "ccptaskid": "0", "CCP_TASK_ID": "0", **inherited, "ccpdata": str(folder)}


def load_program(process: Process) -> ScriptProgram:
    """The program of a method that was loaded; raises PackageError."""
    return ScriptProgram(method=read_method(Path(process.runtime.folder), id=process.id))
