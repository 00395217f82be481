"""``interface: pesto`` in a process.yml: a package of ours whose class has the methods of a PESTO project."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dragoman.packages.pesto.schemas import holds_files, image_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON, OutputSpec, Process
    from dragoman.packages.yaml_document import Document


def with_interface(process: Process, document: Document) -> Process:
    """The process as a project makes it: rasters are given as PNG or GeoTIFF, ``dialects.pesto`` is complete.

    What a describe document is made of has to name the inputs and outputs of the process: raises PackageError.
    """
    outputs = {name: _image(spec) for name, spec in process.outputs.items()}
    inputs = {
        name: replace(spec, inner_files=holds_files(spec.schema)) for name, spec in process.inputs.items()
    }
    process = replace(process, inputs=inputs, outputs=outputs)
    hints = process.dialects.get("pesto") or {}
    if "input" not in hints:
        return process
    for part, specs in (("input", process.inputs), ("output", process.outputs)):
        described = (hints.get(part) or {}).get("properties") or {}
        odd = sorted(described.keys() ^ specs.keys())
        if odd:
            raise document.error(
                ("dialects", "pesto", part), f"{', '.join(odd)}: is here or in {part}s, but not in both"
            )
    material = _completed(hints, process, document)
    return replace(process, dialects={**process.dialects, "pesto": material})


def _image(spec: OutputSpec) -> OutputSpec:
    return replace(spec, schema=image_schema()) if spec.shorthand == "raster" else spec


def _completed(hints: Mapping[str, JSON], process: Process, document: Document) -> dict[str, JSON]:
    """With what process.yml says elsewhere."""
    said = hints.get("description") or {}
    return {
        "definitions": {},
        "version": {"version": process.version},
        **hints,
        "config": process.config,
        "config_schema": document.data.get("config_schema", {}),
        "asynchronous": said.get("asynchronous") is True,
    }
