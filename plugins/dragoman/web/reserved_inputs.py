"""Inputs that every process takes beside its own, while a dialect that has them is on: they are about the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragoman.errors import InputError, InvalidInputs
from dragoman.model.job import Replicas
from dragoman.model.process import InputSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dragoman.errors import InputProblem
    from dragoman.model.process import JSON, Process


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedInput:
    """One of them. A process that declares an input of the same name has that instead."""

    id: str
    title: str
    description: str
    schema: Callable[[Process], Mapping[str, JSON]]
    """The JSON Schema that a process is described with."""
    check: Callable[[JSON, Process], None]
    """Raises InputError for a value that is not allowed."""
    limits_time: bool = False
    """Whether its value is the seconds that the job may run."""
    numbers_runs: tuple[str, ...] = ()
    """Environment variables that hold the number of each run; if there are any, its value says how many runs."""

    def spec(self, process: Process) -> InputSpec:
        """As an optional input of the process."""
        return InputSpec(
            id=self.id,
            title=self.title,
            description=self.description,
            schema=self.schema(process),
            min_occurs=0,
        )


def split(
    members: Mapping[str, JSON], process: Process, reserved: Sequence[ReservedInput]
) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """The inputs of the process itself, and the reserved ones as they were sent; null is left out.

    Raises InvalidInputs that names each reserved one that is wrong.
    """
    known = {each.id: each for each in reserved if each.id not in process.inputs}
    own = {name: value for name, value in members.items() if name not in known}
    sent = {name: bare(value) for name, value in members.items() if name in known and value is not None}
    problems: list[InputProblem] = []
    for name, value in sent.items():
        try:
            known[name].check(value, process)
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InvalidInputs(problems)
    return own, sent


def seconds_of(sent: Mapping[str, JSON], reserved: Sequence[ReservedInput]) -> float | None:
    """The seconds that a job may run, by its reserved inputs that were checked; None: they do not say."""
    return next((float(sent[each.id]) for each in reserved if each.limits_time and each.id in sent), None)


def replicas_of(sent: Mapping[str, JSON], reserved: Sequence[ReservedInput]) -> Replicas | None:
    """How often a job runs, by its reserved inputs that were checked; None: they do not say."""
    return next(
        (
            Replicas(count=int(float(sent[each.id])), variables=each.numbers_runs)
            for each in reserved
            if each.numbers_runs and each.id in sent
        ),
        None,
    )


def bare(value: JSON) -> JSON:
    """The value of a qualified value; any other as it is."""
    return value["value"] if isinstance(value, dict) and value.keys() == {"value"} else value
