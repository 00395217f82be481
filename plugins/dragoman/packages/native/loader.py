"""From the folder of a package with a process.yml to a Process; nothing of the algorithm is imported."""

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
from dragoman.packages.native.process_file_schema import check_document, key_path
from dragoman.packages.native.quantities import parse_duration, parse_size
from dragoman.packages.native.requirements import check_requirements
from dragoman.packages.native.signature import CONTEXT, check_signature, find_entry, parameter_name
from dragoman.packages.yaml_document import Document, read_document
from dragoman.schemas.findings import finding
from dragoman.schemas.forms import expand, validating_form
from dragoman.schemas.value_check import SchemaCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dragoman.schemas.key_paths import KeyPath

FILE: Final = "process.yml"

FORM: Final = "native"
"""The form of a package whose code is called as its process.yml describes it."""


def load_package(folder: Path, *, id: str | None = None) -> Process:
    """Read a package; ``id`` overrides its own (the operator's name for it).

    Raises PackageError, one line that names file, line and key.
    """
    document = read_process_file(folder)
    process = read_process(document, folder, id=id, form=FORM)
    _check_parameters(document)
    entry = find_entry(folder, document.data.get("entry"))
    check_signature(folder, entry, process.inputs)
    return finished(process, folder, entry=str(entry), code=entry.installed(folder))


def read_process_file(folder: Path) -> Document:
    """The process.yml of a folder, held to its schema; raises PackageError."""
    folder = folder.absolute()
    if not (folder / FILE).is_file():
        raise PackageError(f"{folder.name}: has no {FILE}")
    document = read_document(folder / FILE, f"{folder.name}/{FILE}")
    check_document(document, "process")
    check_requirements(document)
    return document


def read_process(document: Document, folder: Path, *, id: str | None, form: str) -> Process:
    """What process.yml says; its code is not looked at yet, nor are its examples. Raises PackageError."""
    folder = folder.absolute()
    data: Mapping[str, JSON] = document.data
    return Process(
        id=id or data.get("id") or folder.name,
        version=data["version"],
        title=data.get("title", ""),
        description=data.get("description", ""),
        keywords=tuple(data.get("keywords", ())),
        links=tuple(data.get("links", ())),
        metadata=tuple(data.get("metadata", ())),
        inputs={name: _input(document, name) for name in data.get("inputs") or {}},
        outputs={name: _output(document, name) for name in data["outputs"]},
        modes=tuple(data.get("modes", ("sync", "async"))),
        timeout=_quantity(document, "timeout", parse_duration),
        resources=data.get("resources", {}),
        config=_config(document),
        config_schema=document.data.get("config_schema") or {},
        dialects=data.get("dialects", {}),
        runtime=Runtime(
            form=form, folder=str(folder), memory_limit=_quantity(document, "memory_limit", parse_size)
        ),
    )


def finished(process: Process, folder: Path, *, entry: str, code: Path | None = None) -> Process:
    """The process with its entry, the hash of its files, and the request that its examples make.

    ``code`` is where its code lies if that is not in the folder.
    """
    folder = folder.absolute()
    runtime = replace(process.runtime, entry=entry, digest=package_digest(folder, *([code] if code else [])))
    example = example_request(load_examples(folder, process), process)
    return replace(process, runtime=runtime, example=example)


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
        raise document.error(("config", *key_path(mistake)), finding(mistake))
    return config


def _check_parameters(document: Document) -> None:
    """Raise PackageError where two inputs would be one parameter of run, or one would be its context."""
    inputs: dict[str, str] = {}
    for name in document.data.get("inputs") or {}:
        parameter = parameter_name(name)
        if parameter == CONTEXT:
            raise document.error(("inputs", name), "the name is taken by the algorithm's context")
        if parameter in inputs:
            raise document.error(
                ("inputs", name), f"'{inputs[parameter]}' and '{name}' are one parameter of run"
            )
        inputs[parameter] = name


def _input(document: Document, name: str) -> InputSpec:
    declared = document.data["inputs"][name]
    path: KeyPath = ("inputs", name)
    common = _common(document, path, declared)
    least, most = _occurrences(document, path, declared)
    least = 0 if "default" in common["schema"] else least
    return InputSpec(id=name, min_occurs=least, max_occurs=most, **common)


def _output(document: Document, name: str) -> OutputSpec:
    """An output; one that may occur more than once is a list, which OGC's descriptions have only as a schema."""
    path: KeyPath = ("outputs", name)
    declared = document.data["outputs"][name]
    common = _common(document, path, declared)
    least, most = _occurrences(document, path, declared)
    if most == 1:
        if least == 0:
            raise document.error((*path, "minOccurs"), "got 0; allowed: 1, or a schema with nullable: true")
        return OutputSpec(id=name, **common)
    bounds = {"minItems": least} | ({} if most is None else {"maxItems": most})
    common["schema"] = {"type": "array", **bounds, "items": common["schema"]}
    return OutputSpec(id=name, repeatable=True, **common)


def _occurrences(document: Document, path: KeyPath, declared: Mapping[str, JSON]) -> tuple[int, int | None]:
    """The least and the greatest number of values; None is unbounded."""
    least, most = declared.get("minOccurs", 1), declared.get("maxOccurs", 1)
    if most == "unbounded":
        return least, None
    if least > most and "default" not in declared["schema"]:
        raise document.error((*path, "minOccurs"), f"got {least}; allowed: at most maxOccurs, {most}")
    return least, most


def _common(document: Document, path: KeyPath, declared: Mapping[str, JSON]) -> dict[str, Any]:
    """What inputs and outputs have in common, as arguments of their specs."""
    schema, word = expand(declared["schema"])
    schema_path = (*path, "schema")
    try:
        Draft202012Validator.check_schema(validating_form(schema))
    except SchemaError as error:
        raise document.error((*schema_path, *error.absolute_path), finding(error)) from error
    if "default" in schema and (findings := SchemaCheck(schema).findings(schema["default"])):
        raise document.error((*schema_path, "default"), "; ".join(findings))
    return {
        "title": declared.get("title", ""),
        "description": declared.get("description", ""),
        "keywords": tuple(declared.get("keywords", ())),
        "metadata": tuple(declared.get("metadata", ())),
        "schema": schema,
        "shorthand": word,
    }
