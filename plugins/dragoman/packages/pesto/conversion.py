"""Brings a PESTO project over: a process.yml beside its code, with which it is served without ``pesto/``.

The project's tests stay where they are, in ``pesto/tests``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from dragoman.errors import PackageError
from dragoman.packages.native.loader import FILE
from dragoman.packages.pesto.files import read_files
from dragoman.packages.pesto.process_yml import load_interface
from dragoman.packages.pesto.project import ENTRY, is_project, load_project, resources
from dragoman.packages.yaml_document import parse_document
from dragoman.schemas.forms import default_of, published_schema
from dragoman.schemas.value_check import SchemaCheck

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dragoman.model.process import JSON, InputSpec, OutputSpec, Process
    from dragoman.packages.pesto.files import JsonFile

HEAD: Final = """\
# Made from the PESTO project in this folder by `dragoman import-pesto`. This file wins over pesto/, which only
# `dragoman test` still needs: it runs pesto/tests. `dialects.pesto` is what PESTO clients are told (describe,
# version) and `environments`, the variables that are set in the process's workers; all else is for every dialect.

"""


def import_project(folder: Path, profiles: Sequence[str] = ()) -> Path:
    """Write ``process.yml`` into the folder of a project; the path of it.

    Raises PackageError where there is no project, or a process.yml already: it is never overwritten.
    """
    target = folder / FILE
    if target.exists():
        raise PackageError(f"{folder.name}/{FILE}: is there already; it is not overwritten")
    if not is_project(folder):
        raise PackageError(f"{folder.name}: is no PESTO project; it has no folder pesto/api")
    process = load_project(folder, profiles=profiles)
    _check(process, read_files(folder, profiles))
    text = HEAD + _dumped(process_document(process))
    with target.open("x", encoding="utf-8") as file:
        file.write(text)
    try:
        load_interface(folder)
    except PackageError as error:
        target.unlink()
        reason = error.detail.removeprefix(f"{folder.name}/{FILE}:").partition(": ")[2] or error.detail
        raise PackageError(f"{folder.name}/pesto: cannot be said in a {FILE}: {reason}") from error
    return target


def _check(process: Process, files: Mapping[str, JsonFile]) -> None:
    """Raise PackageError, which points to the project's file, for what a process.yml is stricter about."""
    if not process.outputs:
        raise files["output_schema"].error(f"has no outputs; a {FILE} needs one at least")
    for part, specs in (("input_schema", process.inputs), ("output_schema", process.outputs)):
        for name, spec in specs.items():
            if not _is_id(name):
                allowed = f"a {FILE} has letters, digits, '_', '.' and '-' in its names"
                raise files[part].error(f"{name!r}: {allowed}", name)
            for default in default_of(spec.schema):
                if findings := SchemaCheck(spec.schema).findings(default):
                    raise files[part].error(f"{name}: default: {'; '.join(findings)}", name)


def _is_id(name: str) -> bool:
    pattern = published_schema()["$defs"]["id"]
    return re.fullmatch(pattern["pattern"], name) is not None and len(name) <= pattern["maxLength"]


def process_document(process: Process) -> dict[str, JSON]:
    """The process.yml of a project, as data."""
    material = process.dialects["pesto"]
    document: dict[str, Any] = {
        **({"id": process.id} if _is_id(process.id) else {}),
        "version": process.version,
        "title": process.title,
        "description": process.description,
        "keywords": list(process.keywords),
        "interface": "pesto",
        "entry": ENTRY,
        "resources": resources(material["description"]["resources"]),
        "config": material["config"],
        "config_schema": material["config_schema"],
        "inputs": {name: _input(spec) for name, spec in process.inputs.items()},
        "outputs": {name: _common(spec) for name, spec in process.outputs.items()},
        "dialects": {
            "pesto": {
                name: material[name]
                for name in ("description", "input", "output", "definitions", "version", "environments")
            }
        },
    }
    separate: dict[str, JSON] = json.loads(
        json.dumps(document)
    )  # no part of it twice, else YAML writes aliases
    return {name: value for name, value in separate.items() if value not in ([], {}, "")}


def _input(spec: InputSpec) -> dict[str, JSON]:
    entry = _common(spec)
    if spec.min_occurs == 0:
        entry["minOccurs"] = 0
    if spec.max_occurs is None:
        entry["maxOccurs"] = "unbounded"
    return entry


def _common(spec: InputSpec | OutputSpec) -> dict[str, JSON]:
    described = {"description": spec.description} if spec.description else {}
    return {**described, "schema": spec.shorthand or spec.schema}


def _dumped(document: Mapping[str, JSON]) -> str:
    """YAML for people; where our stricter reader would take something otherwise, JSON, which is YAML too."""
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    try:
        same = parse_document(text, FILE).data == document
    except PackageError:
        same = False
    return text if same else json.dumps(document, indent=2, ensure_ascii=False) + "\n"
