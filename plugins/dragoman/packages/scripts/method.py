"""A method of CCP as it is exported: method.json, read into a Process and its scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from dragoman.model.process import InputSpec, OutputSpec, Process, Runtime
from dragoman.packages.digest import package_digest
from dragoman.packages.scripts.method_document import FILE, dicts_in, load_document, objects_of, text_of
from dragoman.packages.scripts.method_scripts import scripts_of
from dragoman.schemas.findings import finding
from dragoman.schemas.forms import validating_form
from dragoman.schemas.value_check import SchemaCheck

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dragoman.model.process import JSON
    from dragoman.packages.yaml_document import Document
    from dragoman.schemas.key_paths import KeyPath

FORM: Final = "script"
"""The form's name."""
RESERVED: Final = ("ccpimage", "ccpreplicas", "ccpmaxtime", "ccpnote")
"""Inputs that every process takes: a method may name them, and they are not its own."""
STOP_SECONDS: Final = 10.0
"""That a method has to undeploy when its job is ended from outside."""
_ANY_TEXT: Final[Mapping[str, JSON]] = {"type": "string"}
_ANY_FILES: Final[Mapping[str, JSON]] = {
    "type": "array",
    "items": {"type": "string", "contentEncoding": "base64", "contentMediaType": "application/octet-stream"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What a method.json says."""

    process: Process
    scripts: Mapping[str, str]
    """By step, with references in place of placeholders; those that there are."""
    variables: Mapping[str, str]
    """The variable that holds an input's value, by the input's id."""
    paths: Mapping[str, str]
    """Of an output whose file is named, that name."""
    others: str
    """The id of the output that is the list of all files that are no other output."""


def read_method(folder: Path, *, id: str | None = None) -> Method:
    """The method in a folder; raises PackageError, one line that names file, line and key."""
    folder = folder.absolute()
    document = load_document(folder / FILE, f"{folder.name}/{FILE}")
    return method_of(document, folder, id=id)


def method_of(document: Document, folder: Path, *, id: str | None = None) -> Method:
    """The method of a document; ``folder`` is the package's. Raises PackageError."""
    data = document.data
    for key in ("id", "version"):
        if not isinstance(data.get(key), str) or not data[key].strip():
            raise document.error((key,) if key in data else (), f"{key} is missing, or no text")
    declared = objects_of(document, "inputs")
    inputs = {name: _input(document, name, spec) for name, spec in declared.items() if name not in RESERVED}
    variables = {name: f"ccp_input_{place}" for place, name in enumerate(inputs)}
    scripts = scripts_of(document, inputs, variables)
    outputs = {name: _output(name, spec) for name, spec in objects_of(document, "outputs").items()}
    others = "files"
    while others in outputs:
        others += "_"
    outputs[others] = OutputSpec(
        id=others, title="All other files that it wrote", schema=_ANY_FILES, repeatable=True
    )
    runtime = Runtime(
        form=FORM,
        folder=str(folder),
        digest=package_digest(folder) if folder.is_dir() else "",
        stop_seconds=STOP_SECONDS if "undeploy" in scripts else None,
    )
    process = _process(document, id or data["id"], inputs, outputs, runtime)
    paths = {name: path for name, spec in objects_of(document, "outputs").items() if (path := _path(spec))}
    return Method(process=process, scripts=scripts, variables=variables, paths=paths, others=others)


def _process(
    document: Document,
    id: str,
    inputs: Mapping[str, InputSpec],
    outputs: Mapping[str, OutputSpec],
    runtime: Runtime,
) -> Process:
    data = document.data
    runtimes = _runtimes(document, objects_of(document, "inputs").get("ccpimage"))
    keywords = data.get("keywords")
    return Process(
        id=id,
        version=data["version"],
        title=text_of(data, "title"),
        description=text_of(data, "description"),
        keywords=tuple(map(str, keywords)) if isinstance(keywords, list) else (),
        links=tuple(
            each
            for each in dicts_in(data.get("links"))
            if text_of(each, "href") and text_of(each, "rel") not in ("", "compatibleWith")
        ),
        metadata=tuple(dicts_in(data.get("metadata"))),
        inputs=inputs,
        outputs=outputs,
        outputs_checked=False,
        dialects={"ccp": {"runtimes": runtimes}} if runtimes else {},
        example=_example(inputs),
        runtime=runtime,
    )


def _input(document: Document, name: str, spec: Mapping[str, Any]) -> InputSpec:
    schema = spec.get("schema") or _ANY_TEXT
    path: KeyPath = ("inputs", name, "schema")
    try:
        Draft202012Validator.check_schema(validating_form(schema))
    except SchemaError as error:
        raise document.error((*path, *error.absolute_path), finding(error)) from error
    if "default" in schema and (findings := SchemaCheck(schema).findings(schema["default"])):
        raise document.error((*path, "default"), "; ".join(findings))
    least, most = (_count(document, name, spec, key) for key in ("minOccurs", "maxOccurs"))
    assert least is not None
    return InputSpec(
        id=name,
        title=text_of(spec, "title"),
        description=text_of(spec, "description"),
        metadata=tuple(dicts_in(spec.get("metadata"))),
        schema=schema,
        min_occurs=0 if "default" in schema else least,
        max_occurs=most,
    )


def _count(document: Document, name: str, spec: Mapping[str, Any], key: str) -> int | None:
    """minOccurs or maxOccurs, which may be texts; None is unbounded."""
    value = spec.get(key, 1)
    if key == "maxOccurs" and value == "unbounded":
        return None
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    lowest = 1 if key == "maxOccurs" else 0
    if not isinstance(value, int) or isinstance(value, bool) or value < lowest:
        raise document.error(("inputs", name, key), f"got {value!r}; allowed: a number from {lowest}")
    return value


def _output(name: str, spec: Mapping[str, Any]) -> OutputSpec:
    return OutputSpec(
        id=name,
        title=text_of(spec, "title"),
        description=text_of(spec, "description"),
        metadata=tuple(dicts_in(spec.get("metadata"))),
        schema=spec.get("schema") or _ANY_TEXT,
    )


def _path(spec: Mapping[str, Any]) -> str:
    """The file that an output's metadata names (role ``file``), below the output folder; empty: none."""
    for each in dicts_in(spec.get("metadata")):
        named = each.get("href") or each.get("title")
        if each.get("role") == "file" and isinstance(named, str):
            return named.removeprefix("/ccp_data/").removeprefix("$ccpdata/").lstrip("/")
    return ""


def _runtimes(document: Document, image: Mapping[str, Any] | None) -> Sequence[str]:
    """The runtimes that the input ``ccpimage`` names."""
    schema = (image or {}).get("schema") or {}
    named = schema.get("enum") or [schema[key] for key in ("default",) if schema.get(key)]
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        raise document.error(("inputs", "ccpimage", "schema"), "its runtimes are no texts")
    return named


def _example(inputs: Mapping[str, InputSpec]) -> Mapping[str, JSON] | None:
    """A request of all defaults; None where an input that is needed has none."""
    if any(spec.min_occurs and "default" not in spec.schema for spec in inputs.values()):
        return None
    return {
        "inputs": {name: spec.schema["default"] for name, spec in inputs.items() if "default" in spec.schema}
    }
