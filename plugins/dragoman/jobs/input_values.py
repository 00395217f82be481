"""The values that a program is given for a job's inputs: decoded, fetched, or files that were gathered before."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from dragoman.errors import InputError
from dragoman.jobs.run_context import LOGGER
from dragoman.model.resolved import ResolvedValue
from dragoman.packages.validation import validate_resolved
from dragoman.schemas.messages import cut
from dragoman.sources.gathered import resolve_gathered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dragoman.jobs.input_hashes import InputHashes
    from dragoman.model.job import InputValue
    from dragoman.model.process import InputSpec
    from dragoman.packages.program import Program
    from dragoman.sources.policy import SourcePolicy


def resolve_inputs(
    program: Program,
    inputs: Mapping[str, tuple[InputValue, ...]],
    resolve: Callable[[InputSpec, InputValue], ResolvedValue],
    hashes: InputHashes | None,
) -> dict[str, list[ResolvedValue]]:
    """The values of each input; raises InputError."""
    resolved: dict[str, list[ResolvedValue]] = {}
    for input_id, values in inputs.items():
        spec = program.process.inputs.get(input_id)
        if spec is None and program.process.takes_undeclared:
            LOGGER.warning(
                "input %s is not declared; the processor is given it as it was sent", cut(input_id)
            )
            resolved[input_id] = [ResolvedValue(value=value.value) for value in values]
            continue
        if spec is None:
            raise InputError(input_id, f"unknown input; allowed: {', '.join(program.process.inputs)}")
        resolved[input_id] = []
        for place, value in enumerate(values):
            with hashes.of(input_id, place) if hashes and value.by_reference else nullcontext():
                item = resolve(spec, value)
            if value.by_reference:  # what was sent inline was validated before the job was made
                validate_resolved(program.process, input_id, item)
            resolved[input_id].append(item)
            if hashes:
                hashes.hold(item)
    return resolved


def resolve_value(
    program: Program,
    spec: InputSpec,
    value: InputValue,
    *,
    folder: Path,
    policy: SourcePolicy,
    gathered: Path,
) -> ResolvedValue:
    """One value, fetched or decoded into ``folder``, or lying in ``gathered``; raises InputError."""
    if value.kept is None:
        return program.resolve(spec, value, folder, policy)
    return resolve_gathered(spec, gathered / value.kept, value.media_type, folder)
