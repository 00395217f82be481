"""From a folder to a Process; nothing of the algorithm is imported.

process.yml       ours; it wins where both are there
pesto/api/*.json  a PESTO project (``pesto/project.py``)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

from dragoman.errors import PackageError
from dragoman.model.process import JSON, InputSpec, OutputSpec, Process, Runtime
from dragoman.packages.digest import package_digest
from dragoman.packages.native.examples import example_request, load_examples
from dragoman.packages.native.process_file_schema import check_document, place
from dragoman.packages.native.quantities import parse_duration, parse_size
from dragoman.packages.native.signature import (
    CONTEXT,
    check_class,
    check_signature,
    find_entry,
    parameter_name,
)
from dragoman.packages.pesto.process_yml import with_interface
from dragoman.packages.pesto.project import ENTRY, is_project, load_project, runtime
from dragoman.packages.pesto.project import KIND as PESTO
from dragoman.packages.yaml_document import Document, read_document
from dragoman.schemas.findings import finding
from dragoman.schemas.forms import expand, validating_form
from dragoman.schemas.value_check import SchemaCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from dragoman.schemas.key_paths import KeyPath

FILE: Final = "process.yml"


def is_package(folder: Path) -> bool:
    """Whether the folder is meant to hold a package of either form."""
    return (folder / FILE).is_file() or is_project(folder)


def load_folder(folder: Path, *, id: str | None = None, profiles: Sequence[str] = ()) -> Process:
    """Read a package of ours or a PESTO project; ``id`` overrides its own (the operator's name for it).

    Raises PackageError, one line that names file, line and key.
    """
    if not (folder / FILE).is_file() and is_project(folder):
        return load_project(folder, id=id, profiles=profiles)
    if profiles:
        raise PackageError(f"{folder.name}: is no PESTO project, or has a {FILE}, which wins: no profiles")
    return load_package(folder, id=id)


def load_package(folder: Path, *, id: str | None = None) -> Process:
    """Read a package; ``id`` overrides its own (the operator's name for it).

    Raises PackageError, one line that names file, line and key. ``runtime.loader`` is the entry,
    ``module:function`` or ``module:Class``.
    """
    folder = folder.absolute()
    document = _document(folder)
    said: Mapping[str, JSON] = document.data
    inputs = _inputs(document)
    process = Process(
        id=id or said.get("id") or folder.name,
        version=said["version"],
        title=said.get("title", ""),
        description=said.get("description", ""),
        keywords=tuple(said.get("keywords", ())),
        links=tuple(said.get("links", ())),
        metadata=tuple(said.get("metadata", ())),
        inputs=inputs,
        outputs={name: _output(document, name) for name in said["outputs"]},
        modes=tuple(said.get("modes", ("sync", "async"))),
        timeout=_quantity(document, "timeout", parse_duration),
        resources=said.get("resources", {}),
        config=_config(document),
        dialects=said.get("dialects", {}),
        runtime=_runtime(document, folder, inputs),
    )
    if process.runtime.kind == PESTO:
        process = with_interface(process, document)
    return replace(process, example=example_request(load_examples(folder, process), process))


def _document(folder: Path) -> Document:
    if not (folder / FILE).is_file():
        raise PackageError(f"{folder.name}: has no {FILE}")
    document = read_document(folder / FILE, f"{folder.name}/{FILE}")
    check_document(document, "process")
    return document


def _runtime(document: Document, folder: Path, inputs: Mapping[str, InputSpec]) -> Runtime:
    limit = _quantity(document, "memory_limit", parse_size)
    if document.data.get("interface") == PESTO:
        said = document.data.get("entry", ENTRY)
        check_class(folder, said, "process")
        return replace(runtime(folder), loader=said, memory_limit=limit)
    entry = find_entry(folder, document.data.get("entry"))
    check_signature(folder, entry, inputs)
    return Runtime(
        kind="package",
        location=str(folder),
        loader=str(entry),
        digest=package_digest(folder),
        memory_limit=limit,
    )


def _quantity[T](document: Document, key: str, parse: Callable[[object], T]) -> T | None:
    value = document.data.get(key)
    if value is None:
        return None
    try:
        return parse(value)
    except ValueError as error:
        raise document.error((key,), f"got {value!r}; {error}") from error


def _config(document: Document) -> Mapping[str, JSON]:
    config: Mapping[str, JSON] = document.data.get("config", {})
    schema = document.data.get("config_schema")
    if schema is None:
        return config
    validator: Any = validator_for(schema, default=Draft202012Validator)  # of the draft that it names
    try:
        validator.check_schema(schema)
    except SchemaError as error:
        raise document.error(("config_schema", *error.absolute_path), finding(error)) from error
    for mistake in validator(schema).iter_errors(config):
        raise document.error(("config", *place(mistake)), finding(mistake))
    return config


def _inputs(document: Document) -> dict[str, InputSpec]:
    inputs: dict[str, InputSpec] = {}
    parameters: dict[str, str] = {}
    for name in document.data.get("inputs") or {}:
        if document.data.get("interface") == PESTO:  # inputs go by their own names, and there is no context
            inputs[name] = _input(document, name)
            continue
        parameter = parameter_name(name)
        if parameter == CONTEXT:
            raise document.error(("inputs", name), "the name is taken by the algorithm's context")
        if parameter in parameters:
            other = parameters[parameter]
            raise document.error(("inputs", name), f"'{other}' and '{name}' are one parameter of run")
        parameters[parameter] = name
        inputs[name] = _input(document, name)
    return inputs


def _input(document: Document, name: str) -> InputSpec:
    said = document.data["inputs"][name]
    path: KeyPath = ("inputs", name)
    common = _common(document, path, said)
    most = said.get("maxOccurs", 1)
    least = 0 if "default" in common["schema"] else said.get("minOccurs", 1)
    if most != "unbounded" and least > most:
        raise document.error((*path, "minOccurs"), f"got {least}; allowed: at most maxOccurs, {most}")
    return InputSpec(id=name, min_occurs=least, max_occurs=None if most == "unbounded" else most, **common)


def _output(document: Document, name: str) -> OutputSpec:
    path: KeyPath = ("outputs", name)
    return OutputSpec(id=name, **_common(document, path, document.data["outputs"][name]))


def _common(document: Document, path: KeyPath, said: Mapping[str, JSON]) -> dict[str, Any]:
    """What inputs and outputs have in common, as arguments of their specs."""
    schema, word = expand(said["schema"])
    place = (*path, "schema")
    try:
        Draft202012Validator.check_schema(validating_form(schema))
    except SchemaError as error:
        raise document.error((*place, *error.absolute_path), finding(error)) from error
    if "default" in schema and (findings := SchemaCheck(schema).findings(schema["default"])):
        raise document.error((*place, "default"), "; ".join(findings))
    return {
        "title": said.get("title", ""),
        "description": said.get("description", ""),
        "keywords": tuple(said.get("keywords", ())),
        "metadata": tuple(said.get("metadata", ())),
        "schema": schema,
        "shorthand": word,
    }
