"""From the wire to the core: a PESTO payload becomes a JobRequest. Pure.

A payload is an object with the inputs by name and, beside them, ``pesto``: {"roi": {...}}. Members that the
process does not know are dropped, as PESTO does; whether the values suffice is for the job service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.errors import InputError, InputProblem, InvalidInputs, InvalidRequest
from dragoman.model.job import InputValue, JobRequest, OutputRequest
from dragoman.model.roi import Band, Roi
from dragoman.packages.pesto.references import FORMS, href_of, may_be_base64
from dragoman.schemas.forms import always_binary
from dragoman.schemas.messages import shown
from dragoman.schemas.value_check import check_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dragoman.adapters.pesto.contract import Contract
    from dragoman.model.process import JSON

IMAGES: Final = ("image", "images")
ROI: Final = "pesto.roi"
"""What the region of interest is called where it is wrong."""


def job_request(payload: JSON, contract: Contract) -> JobRequest:
    """The request as the core understands it; raises InvalidRequest, or InvalidInputs that names each mistake."""
    if not isinstance(payload, dict):
        raise InvalidRequest(f"the payload is {shown(payload)}; allowed: an object with the inputs by name")
    problems: list[InputProblem] = []
    inputs: dict[str, tuple[InputValue, ...]] = {}
    for name, wire in payload.items():
        if name in contract.process.inputs and not _left_out(name, wire, contract):
            try:
                inputs[name] = _values(name, wire, contract)
            except InputError as error:
                problems.extend(error.problems)
    problems.extend(_missing(inputs, contract, {problem.input_id for problem in problems}))
    roi = None
    try:
        roi = _roi(payload.get("pesto"), contract)
    except InputError as error:
        problems.extend(error.problems)
    if problems:
        raise InvalidInputs(problems)
    return JobRequest(inputs=inputs, outputs=_outputs(contract), roi=roi)


def _left_out(name: str, wire: JSON, contract: Contract) -> bool:
    """Whether null stands for no value; an image that is null is a mistake, as in PESTO."""
    spec = contract.process.inputs[name]
    return wire is None and name not in contract.required and not always_binary(spec.schema)


def _missing(inputs: Collection[str], contract: Contract, wrong: Collection[str]) -> list[InputProblem]:
    missing = [name for name in contract.required if name not in inputs and name not in wrong]
    return [InputProblem(input_id=name, message="is required, but missing") for name in missing]


def _values(name: str, wire: JSON, contract: Contract) -> tuple[InputValue, ...]:
    spec = contract.process.inputs[name]
    binary = always_binary(spec.schema)
    if binary and not spec.repeatable:
        return (_file(name, wire),)
    findings = check_of(contract.checks[name]).findings(wire)
    if findings:
        raise InputError(name, "; ".join(findings))
    if not spec.repeatable or not isinstance(wire, list):
        return (InputValue(value=wire),)
    if not binary:
        return tuple(InputValue(value=item) for item in wire)
    return tuple(_file(name, item, f"[{index}]: ") for index, item in enumerate(wire))


def _file(name: str, wire: JSON, where: str = "") -> InputValue:
    """An image, or another file: by URL or as base64; ``place`` is where it stands in the input."""
    if isinstance(wire, str):
        if (href := href_of(wire)) is not None:
            return InputValue(href=href)
        if may_be_base64(wire):
            return InputValue(value=wire, encoding="base64")
    raise InputError(name, f"{where}got {shown(wire)}; allowed: {FORMS}")


def _outputs(contract: Contract) -> dict[str, OutputRequest]:
    """All of them; images as PNG, where that can hold them."""
    return {
        name: OutputRequest(media_type="image/png" if contract.kind(name) in IMAGES else None)
        for name in contract.process.outputs
    }


def _roi(wire: JSON, contract: Contract) -> Roi | None:
    """The region of interest; None where the payload has none."""
    if wire is None:
        return None
    if not isinstance(wire, dict):
        raise InputError("pesto", f'got {shown(wire)}; allowed: {{"roi": {{...}}}}')
    if (roi := wire.get("roi")) is None:
        return None
    if not isinstance(roi, dict):
        raise InputError(
            ROI, f"got {shown(roi)}; allowed: an object with target_in, target_out, lines, columns"
        )
    images = [spec.id for spec in contract.process.inputs.values() if spec.shorthand == "raster"]
    results = [name for name in contract.process.outputs if contract.kind(name) in IMAGES]
    if "target_in" not in roi:
        raise InputError(ROI, f"target_in is missing; allowed: a list of {', '.join(images) or 'no input'}")
    return Roi(
        targets_in=_targets("target_in", roi["target_in"], images),
        targets_out=_targets("target_out", roi.get("target_out", []), results),
        lines=_band("lines", roi.get("lines")),
        columns=_band("columns", roi.get("columns")),
    )


def _targets(member: str, wire: JSON, known: list[str]) -> tuple[str, ...]:
    if not isinstance(wire, list) or not all(isinstance(name, str) for name in wire):
        raise InputError(ROI, f"{member}: got {shown(wire)}; allowed: a list of names")
    for name in wire:
        if name not in known:
            raise InputError(ROI, f"{member}: got {shown(name)}; allowed: {', '.join(known) or 'none'}")
    return tuple(wire)


def _band(member: str, wire: JSON) -> Band | None:
    if wire is None:
        return None
    if not isinstance(wire, dict):
        raise InputError(ROI, f"{member}: got {shown(wire)}; allowed: first, number and margin")
    first, number = _whole(member, wire, "first", 0), _whole(member, wire, "number", 1)
    margin = _whole(member, wire, "margin", 0) if "margin" in wire else 0
    return Band(first=first, number=number, margin=margin)


def _whole(member: str, wire: Mapping[str, JSON], name: str, least: int) -> int:
    value = wire.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(ROI, f"{member}.{name}: got {shown(value)}; allowed: an integer, at least {least}")
    return value
