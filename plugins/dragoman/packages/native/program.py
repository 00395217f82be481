"""One run of one package in this process: bind, run, write outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.packages.native.algorithm import Algorithm, load_algorithm
from dragoman.packages.native.binding import bind
from dragoman.packages.outputs.writing import write_outputs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from dragoman.model.context import Context
    from dragoman.model.job import Output
    from dragoman.model.process import Process
    from dragoman.model.resolved import ResolvedValue


def run_package(
    process: Process,
    values: Mapping[str, Sequence[ResolvedValue]],
    *,
    context: Context,
    folder: Path,
    wanted: Collection[str] | None = None,
    max_pixels: int | None = None,
    algorithm: Algorithm | None = None,
) -> dict[str, Output]:
    """Run the algorithm on resolved values; files of outputs go to ``folder``, made when needed.

    ``algorithm`` is one already loaded and set up; else it is loaded and set up here. Raises
    InputError, OutputError, PackageError, and whatever the algorithm raises.
    """
    if algorithm is None:
        algorithm = load_algorithm(process)
        algorithm.setup(context)
    with bind(algorithm.parameters, process, values, context=context, max_pixels=max_pixels) as arguments:
        returned = algorithm.run(**arguments)
        inputs = [value.path for given in values.values() for value in given if value.path is not None]
        return write_outputs(process, returned, folder, wanted, context=context, inputs=inputs)
