"""What one process promises to PESTO clients, worked out once: its schemas, and whether it is stateful. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragoman.adapters.pesto import native
from dragoman.adapters.pesto.frame import framed
from dragoman.packages.pesto.definitions import is_image, is_images
from dragoman.schemas.draft6 import modern

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dragoman.model.process import JSON, Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A process as PESTO clients see it."""

    process: Process
    asynchronous: bool
    """Whether the POST returns a link at once (stateful) instead of the outputs (stateless)."""
    project: Mapping[str, JSON] | None
    """What a PESTO project's own files say, by ``description``, ``config``, ...; None for a process of ours."""
    input: Mapping[str, JSON]
    """``input`` of the describe document."""
    output: Mapping[str, JSON]
    checks: Mapping[str, Mapping[str, JSON]]
    """By input: a schema that stands alone."""

    @property
    def required(self) -> tuple[str, ...]:
        """The inputs that a payload must have."""
        return tuple(self.input.get("required", ()))

    def gives_images(self, output_id: str) -> bool:
        """Whether an output is an image or a list of images."""
        schema = self.output_schema(output_id)
        return is_image(schema) or is_images(schema)

    def output_schema(self, output_id: str) -> Mapping[str, JSON]:
        """The property of an output; empty where none is declared."""
        found = self.output["properties"].get(output_id)
        return found if isinstance(found, dict) else {}


def contract_of(process: Process, asynchronous: Collection[str]) -> Contract:
    """The contract; ``asynchronous`` are the ids of processes that the operator made stateful."""
    hints = process.dialects.get("pesto")
    hints = hints if isinstance(hints, dict) else {}
    project = hints if isinstance(hints.get("input"), dict) else None
    if project is not None:
        own = project.get("definitions", {})
        given, result = framed(project["input"], own), framed(project.get("output", {}), own)
    else:
        given, result = framed(native.inputs(process), {}), framed(native.outputs(process), {})
    stateful = hints.get("asynchronous") is True or process.id in asynchronous
    return Contract(
        process=process,
        asynchronous=stateful or "sync" not in process.modes,
        project=project,
        input=given,
        output=result,
        checks=_lists(process) if project is None else _checks(given),
    )


def _checks(whole: Mapping[str, JSON]) -> dict[str, Mapping[str, JSON]]:
    """A project's properties, with all that they may refer to."""
    definitions = {name: modern(schema) for name, schema in whole["definitions"].items()}
    made: dict[str, Mapping[str, JSON]] = {}
    for name, schema in whole["properties"].items():
        own = modern(schema) if isinstance(schema, dict) else {}
        made[name] = {**own, "definitions": definitions}
    return made


def _lists(process: Process) -> dict[str, Mapping[str, JSON]]:
    """Of a process of ours only what is a list: the job service holds each value to its own schema."""
    return {name: {"type": "array"} if spec.repeatable else {} for name, spec in process.inputs.items()}
