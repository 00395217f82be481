"""A packaged algorithm, loaded: bind inputs to what ``run`` asks for, run it, write the outputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dragoman.packages.native.algorithm import Algorithm, load_algorithm
from dragoman.packages.native.binding import bind
from dragoman.packages.outputs.writing import write_outputs
from dragoman.sources.resolve import Resolve, resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dragoman.model.context import Context
    from dragoman.model.job import Output
    from dragoman.model.process import Process
    from dragoman.model.resolved import ResolvedValue
    from dragoman.packages.program import RunLimits, WatchedContext


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageProgram:
    """See ``dragoman.packages.program.Program``."""

    process: Process
    algorithm: Algorithm
    limits: RunLimits
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
        inputs = [each.path for items in values.values() for each in items if each.path is not None]
        echoed = {each.value for items in values.values() for each in items if isinstance(each.value, str)}
        runtime = self.process.runtime
        lent = [*inputs, *(Path(folder) for folder in (runtime.folder, runtime.source) if folder)]
        max_pixels = self.limits.max_pixels
        with bind(
            self.algorithm.parameters, self.process, values, context=context, max_pixels=max_pixels
        ) as arguments:
            returned = self.algorithm.run(**arguments)
            return write_outputs(
                self.process, returned, folder, wanted, context=context, lent=lent, echoed=echoed
            )


def load_program(process: Process, limits: RunLimits, context: Context) -> PackageProgram:
    """Import the algorithm and run its ``setup``; raises PackageError, and whatever setup raises."""
    algorithm = load_algorithm(process)
    algorithm.setup(context)
    return PackageProgram(process=process, algorithm=algorithm, limits=limits)
