"""What one process promises to PESTO clients, worked out once: its schemas, and whether it is stateful. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dragoman.adapters.pesto import native
from dragoman.adapters.pesto.frame import framed
from dragoman.packages.pesto.definitions import is_image, is_images
from dragoman.schemas.draft6 import modern

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dragoman.model.process import JSON, Process


type Kind = Literal["image", "images", "text", "json"]
"""An image, a list of images, a string or a number, or anything else."""


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
    kinds: Mapping[str, Kind]
    """What each declared output is, whatever its value turns out to be: PESTO's client decodes by the schema."""

    @property
    def required(self) -> tuple[str, ...]:
        """The inputs that a payload must have."""
        return tuple(self.input.get("required", ()))

    def kind(self, output_id: str) -> Kind:
        """What an output is; JSON where none is declared."""
        return self.kinds.get(output_id, "json")


def contract_of(process: Process, asynchronous: Collection[str]) -> Contract:
    """The contract; ``asynchronous`` are the ids of processes that the operator made stateful."""
    hints = process.dialects.get("pesto")
    hints = hints if isinstance(hints, dict) else {}
    project = hints if isinstance(hints.get("input"), dict) else None
    if project is not None:
        own = project.get("definitions", {})
        inputs, outputs = framed(project["input"], own), framed(project.get("output", {}), own)
    else:
        inputs, outputs = framed(native.inputs(process), {}), framed(native.outputs(process), {})
    stateful = hints.get("asynchronous") is True or process.id in asynchronous
    return Contract(
        process=process,
        asynchronous=stateful or "sync" not in process.modes,
        project=project,
        input=inputs,
        output=outputs,
        checks=_lists(process) if project is None else _checks(inputs),
        kinds={name: _kind(schema) for name, schema in outputs["properties"].items()},
    )


def _kind(schema: JSON) -> Kind:
    if is_image(schema):
        return "image"
    if is_images(schema):
        return "images"
    scalar = isinstance(schema, dict) and schema.get("type") in ("string", "number")
    return "text" if scalar else "json"


def _checks(whole: Mapping[str, JSON]) -> dict[str, Mapping[str, JSON]]:
    """A project's properties, with all that they may refer to."""
    definitions = {name: modern(schema) for name, schema in whole["definitions"].items()}
    checks: dict[str, Mapping[str, JSON]] = {}
    for name, schema in whole["properties"].items():
        own = modern(schema) if isinstance(schema, dict) else {}
        checks[name] = {**own, "definitions": definitions}
    return checks


def _lists(process: Process) -> dict[str, Mapping[str, JSON]]:
    """Of a process of ours only what is a list: the job service holds each value to its own schema."""
    return {name: {"type": "array"} if spec.repeatable else {} for name, spec in process.inputs.items()}
