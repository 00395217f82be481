"""A method of CCP as it is exported: method.json, read into a Process and its scripts."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from dragoman.errors import PackageError
from dragoman.model.process import InputSpec, OutputSpec, Process, Runtime
from dragoman.packages.digest import package_digest
from dragoman.packages.scripts.placeholders import PlaceholderError, with_references
from dragoman.packages.yaml_document import Document, one_line, read_document
from dragoman.schemas.findings import finding
from dragoman.schemas.forms import validating_form
from dragoman.schemas.value_check import SchemaCheck

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dragoman.model.process import JSON
    from dragoman.schemas.key_paths import KeyPath

FORM: Final = "script"
"""The form's name."""
FILE: Final = "method.json"
STEPS: Final = ("deploy", "execute", "undeploy")
"""The scripts by the order in which they run; ``deploy-script`` and so on in the file."""
RESERVED: Final = ("ccpimage", "ccpreplicas", "ccpmaxtime", "ccpnote")
"""Inputs that every process takes: a method may name them, and they are not its own."""
MOST_BYTES: Final = 4 * 2**20
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


def load_document(path: Path, label: str) -> Document:
    """A JSON file with its lines, as far as these can be told; raises PackageError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PackageError(f"{label}: has more than {MOST_BYTES} bytes")
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise PackageError(f"{label}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise PackageError(f"{label}: is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise PackageError(one_line(f"{label}:{error.lineno}: is no JSON ({error.msg})")) from error
    except RecursionError as error:
        raise PackageError(f"{label}: is nested too deeply") from error
    if not isinstance(data, dict):
        raise PackageError(f"{label}: is no JSON object")
    try:
        lines = read_document(path, label).lines
    except PackageError:  # JSON that YAML does not take; then errors name the key alone
        lines = {}
    return Document(label=label, data=data, lines=lines)


def method_of(document: Document, folder: Path, *, id: str | None = None) -> Method:
    """The method of a document; ``folder`` is the package's. Raises PackageError."""
    data = document.data
    for key in ("id", "version"):
        if not isinstance(data.get(key), str) or not data[key].strip():
            raise document.error((key,) if key in data else (), f"{key} is missing, or no text")
    declared = _objects(document, "inputs")
    runtimes = _runtimes(document, declared.get("ccpimage"))
    inputs = {name: _input(document, name, spec) for name, spec in declared.items() if name not in RESERVED}
    outputs = {name: _output(name, spec) for name, spec in _objects(document, "outputs").items()}
    others = "files"
    while others in outputs:
        others += "_"
    outputs[others] = OutputSpec(
        id=others, title="All other files that it wrote", schema=_ANY_FILES, repeatable=True
    )
    variables = {name: f"ccp_input_{place}" for place, name in enumerate(inputs)}
    scripts = _scripts(document, inputs, variables)
    process = Process(
        id=id or data["id"],
        version=data["version"],
        title=_text(data, "title"),
        description=_text(data, "description"),
        keywords=tuple(each for each in data.get("keywords") or () if isinstance(each, str)),
        links=tuple(each for each in _dicts(data.get("links")) if each.get("rel") != "compatibleWith"),
        metadata=tuple(_dicts(data.get("metadata"))),
        inputs=inputs,
        outputs=outputs,
        outputs_checked=False,
        dialects={"ccp": {"runtimes": runtimes}} if runtimes else {},
        example=_example(inputs),
        runtime=Runtime(
            form=FORM,
            folder=str(folder),
            digest=package_digest(folder) if folder.is_dir() else "",
            stop_seconds=STOP_SECONDS if "undeploy" in scripts else None,
        ),
    )
    paths = {name: path for name, spec in _objects(document, "outputs").items() if (path := _path(spec))}
    return Method(process=process, scripts=scripts, variables=variables, paths=paths, others=others)


def _objects(document: Document, key: str) -> Mapping[str, Mapping[str, Any]]:
    """Inputs or outputs by id; raises PackageError where one is no object."""
    members = document.data.get(key) or {}
    if not isinstance(members, dict):
        raise document.error((key,), "is no object")
    for name, spec in members.items():
        if not isinstance(spec, dict) or not isinstance(spec.get("schema", {}), dict):
            raise document.error((key, name), "is no object with a schema")
    return members


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
        title=_text(spec, "title"),
        description=_text(spec, "description"),
        metadata=tuple(_dicts(spec.get("metadata"))),
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
        title=_text(spec, "title"),
        description=_text(spec, "description"),
        metadata=tuple(_dicts(spec.get("metadata"))),
        schema=spec.get("schema") or _ANY_TEXT,
    )


def _path(spec: Mapping[str, Any]) -> str:
    """The file that an output's metadata names (role ``file``), below the output folder; empty: none."""
    for each in _dicts(spec.get("metadata")):
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


def _scripts(
    document: Document, inputs: Mapping[str, InputSpec], variables: Mapping[str, str]
) -> dict[str, str]:
    """The scripts that there are, by step; raises PackageError, also where bash cannot read one."""
    parameters = (document.data.get("additionalParameters") or {}).get("parameters") or []
    key: KeyPath = ("additionalParameters", "parameters")
    numbers = [name for name, spec in inputs.items() if _is_number(spec)]
    scripts: dict[str, str] = {}
    for place, each in enumerate(_dicts(parameters)):
        step = str(each.get("name")).removesuffix("-script")
        if step not in STEPS or each.get("name") != f"{step}-script":
            continue
        value = each.get("value") or []
        lines = [value] if isinstance(value, str) else value
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise document.error((*key, place, "value"), f"the {step}-script is no list of lines")
        script = "\n".join(lines)
        if not script.strip():
            continue
        try:
            scripts[step] = with_references(script, variables, numbers) + "\n"
        except PlaceholderError as error:
            raise document.error(
                (*key, place, "value"), f"line {error.line} of the {step}-script: {error.message}"
            ) from error
        _check_syntax(document, (*key, place, "value"), step, scripts[step])
    if "execute" not in scripts:
        raise document.error(key if parameters else (), "there is no execute-script")
    return {step: scripts[step] for step in STEPS if step in scripts}


def _check_syntax(document: Document, key: KeyPath, step: str, script: str) -> None:
    """Raise PackageError for what bash cannot read."""
    try:
        done = subprocess.run(
            ["bash", "-n", "-s"],  # whatever bash the scripts will run under
            input=script.encode("utf-8", "replace"),
            capture_output=True,
            timeout=60,
            check=False,
        )
    except FileNotFoundError as error:
        raise document.error((), "its scripts need bash, which is not here") from error
    if done.returncode:
        first = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0].removeprefix("bash: ")
        raise document.error(key, f"the {step}-script: {first}")


def _is_number(spec: InputSpec) -> bool:
    return spec.schema.get("type") in ("integer", "number") and not spec.repeatable


def _example(inputs: Mapping[str, InputSpec]) -> Mapping[str, JSON] | None:
    """A request of all defaults; None where an input that is needed has none."""
    if any(spec.min_occurs and "default" not in spec.schema for spec in inputs.values()):
        return None
    return {
        "inputs": {name: spec.schema["default"] for name, spec in inputs.items() if "default" in spec.schema}
    }


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
