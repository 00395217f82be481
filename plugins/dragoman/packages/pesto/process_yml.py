"""``interface: pesto`` in a process.yml: a package of ours whose class has the methods of a PESTO project."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dragoman.errors import PackageError
from dragoman.packages.native.loader import FILE, finished, read_process, read_process_file
from dragoman.packages.native.signature import check_class
from dragoman.packages.pesto.project import ENTRY, FORM
from dragoman.packages.pesto.schemas import holds_files, image_schema
from dragoman.packages.yaml_document import read_document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.model.process import JSON, OutputSpec, Process
    from dragoman.packages.yaml_document import Document

KEY: Final = "interface"


def says_interface(folder: Path) -> bool:
    """Whether the folder's process.yml says ``interface: pesto``; one that cannot be read does not."""
    try:
        if KEY not in (folder / FILE).read_text("utf-8"):  # most say nothing, and are not parsed twice
            return False
        data = read_document(folder / FILE, FILE).data
    except (OSError, UnicodeDecodeError, PackageError):
        return False
    return isinstance(data, dict) and data.get(KEY) == FORM


def load_interface(folder: Path, *, id: str | None = None) -> Process:
    """Read a package whose class has PESTO's methods; ``id`` overrides its own.

    Inputs go by their own names, and there is no context. Raises PackageError.
    """
    folder = folder.absolute()
    document = read_process_file(folder)
    process = read_process(document, folder, id=id, form=FORM)
    entry = document.data.get("entry", ENTRY)
    check_class(folder, entry, "process")
    return finished(with_interface(process, document), folder, entry=entry)


def with_interface(process: Process, document: Document) -> Process:
    """The process as a project makes it: rasters are given as PNG or GeoTIFF, ``dialects.pesto`` is complete.

    What a describe document is made of has to name the inputs and outputs of the process: raises PackageError.
    """
    outputs = {name: _image(spec) for name, spec in process.outputs.items()}
    inputs = {
        name: replace(
            spec,
            inner_files=holds_files(spec.schema),
            may_be_empty=spec.shorthand == "raster" and spec.max_occurs is None,
        )
        for name, spec in process.inputs.items()
    }
    process = replace(process, inputs=inputs, outputs=outputs, outputs_checked=False)
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
    description = hints.get("description") or {}
    return {
        "definitions": {},
        "version": {"version": process.version},
        **hints,
        "config": process.config,
        "config_schema": document.data.get("config_schema", {}),
        "asynchronous": description.get("asynchronous") is True,
    }
