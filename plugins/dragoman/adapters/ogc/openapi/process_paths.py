"""One process in the OpenAPI document: its path, its execute request with real input schemas, its results."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from dragoman.adapters.ogc.openapi.components import failures
from dragoman.openapi.components import HTML, JSON_TYPE, Object, page, record, ref, strings
from dragoman.schemas.alternatives import taken_types
from dragoman.schemas.forms import media_types
from dragoman.schemas.openapi30 import describe, in_union, to_oas30

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dragoman.model.process import JSON, InputSpec, OutputSpec, Process

MULTIPART: Final = "multipart/related"
EXAMPLE_LENGTH: Final = 64 * 1024
"""Characters of an example up to which it is shown."""


def pascal(id: str) -> str:
    """An id as a name for generators: ``raster-calculator`` is RasterCalculator."""
    words = re.findall(r"[A-Za-z0-9]+", id)
    name = "".join(word[0].upper() + word[1:] for word in words)
    return name if name[:1].isalpha() else f"Process{name}"


def names(processes: Iterable[Process]) -> dict[str, str]:
    """A distinct name for each process, by id."""
    distinct: dict[str, str] = {}
    taken = {"output"}  # OutputRequest is a component of its own
    for process in processes:
        base = name = pascal(process.id)
        count = 1
        while name.lower() in taken:
            count += 1
            name = f"{base}{count}"
        taken.add(name.lower())
        distinct[process.id] = name
    return distinct


def schemas(process: Process, name: str) -> dict[str, Object]:
    """The components of one process: its request, with inputs and outputs, and its results."""
    required = [spec.id for spec in process.inputs.values() if spec.min_occurs > 0]
    inputs: Object = {"type": "object", **({"required": required} if required else {})}
    inputs |= {
        "properties": {spec.id: input_schema(spec) for spec in process.inputs.values()},
        **({} if process.takes_undeclared else {"additionalProperties": False}),
    }
    outputs: Object = {
        "type": "object",
        "description": "The outputs wanted, and how; absent or empty: all.",
        "properties": {output: ref("schemas", "OutputRequest") for output in process.outputs},
        "additionalProperties": False,
    }
    request = record(
        ("inputs",) if required else (),
        process.description or process.title,
        inputs=ref("schemas", f"{name}Inputs"),
        outputs=ref("schemas", f"{name}Outputs"),
        response={"type": "string", "enum": ["raw", "document"], "default": "raw"},
        subscriber=ref("schemas", "Subscriber"),
    )
    return {
        f"{name}Request": request,
        f"{name}Inputs": inputs,
        f"{name}Outputs": outputs,
        f"{name}Results": _results(process),
    }


def input_schema(spec: InputSpec) -> Object:
    """What may stand for an input: its value or, unless that is plain, a qualified value or a reference.

    A repeatable input is a list. More is accepted than is said here (one value for a list, a reference for a
    number, null for what is left out): clients are generated from this, and some languages cannot choose between a
    number and an object, or send a wrapper for what may be null (Java's resttemplate).
    ``anyOf``, since a value that is an object may well look like one of the other forms.
    """
    words = _described(spec)
    value = _value(spec)
    if "default" in spec.schema:
        _default(words, spec)
    others = [_qualified(spec), ref("schemas", "Reference")]
    form = value if is_plain(spec.schema) else {"anyOf": [in_union(value), *others]}
    if not spec.repeatable:
        return form | words
    least = 0 if spec.may_be_empty else spec.min_occurs
    many: Object = words | {"type": "array", "minItems": least, "items": form}
    return many if spec.max_occurs is None else many | {"maxItems": spec.max_occurs}


def _default(words: Object, spec: InputSpec) -> None:
    """The default: of a single scalar as such, else in text, which spoil no generated constructor."""
    default = spec.schema["default"]
    if is_plain(spec.schema) and not spec.repeatable and not isinstance(default, list):
        words["default"] = default
    else:
        text = f"Default: {json.dumps(default, ensure_ascii=False)}."
        words["description"] = f"{words.get('description', '')} {text}".strip()


def is_plain(schema: Mapping[str, JSON]) -> bool:
    """Whether every value is a scalar without a media type, or a list of these."""
    if schema.get("type") == "array":
        items = schema.get("items")
        return isinstance(items, dict) and is_plain(items)
    scalar = schema.get("type") in ("string", "number", "integer", "boolean")
    return scalar and not media_types(schema) and "contentEncoding" not in schema


def paths(process: Process, name: str, result_types: tuple[str, ...]) -> dict[str, Object]:
    """The description and the execution of one process, under its own path."""
    path = f"/processes/{quote(process.id, safe='')}"
    title = process.title or process.id
    describe: Object = {
        "tags": ["Processes"],
        "operationId": f"describe{name}",
        "summary": f"Describe {title}",
        "parameters": [ref("parameters", "f")],
        "responses": {
            "200": {"description": "The description.", "content": page(ref("schemas", "Process"))},
            **failures("404"),
        },
    }
    execute: Object = {
        "tags": ["Processes"],
        "operationId": f"execute{name}",
        "summary": f"Execute {title}",
        **({"description": process.description} if process.description else {}),
        "parameters": [ref("parameters", name) for name in ("resultsForm", "idempotencyKey", "prefer")],
        "requestBody": {
            "required": True,
            "description": "A member that may be left out may be null as well.",
            "content": {JSON_TYPE: _body(process, name)},
        },
        "responses": execution_responses(f"{name}Results", result_types),
    }
    return {path: {"get": describe}, f"{path}/execution": {"post": execute}}


def execution_responses(results: str, result_types: tuple[str, ...]) -> Object:
    """Every answer to an execution; ``results`` names the component that tells the members of the document.

    The schema of 200 is open: the R generator reads every answer as that of 200, a 201 with its jobID too, and
    has no class for a value of any type.
    """
    started = {
        "description": "A job was started.",
        "headers": {
            "Location": ref("headers", "Location"),
            "Preference-Applied": ref("headers", "PreferenceApplied"),
        },
        "content": page(ref("schemas", "StatusInfo")),
    }
    return {
        "200": {
            "description": f"The results: raw, or as a document ({results} tells its members).",
            "headers": {"Preference-Applied": ref("headers", "PreferenceApplied")},
            "content": result_content(ref("schemas", "Results"), result_types),
        },
        "201": started,
        "204": {
            "description": "The results lie where the links say.",
            "headers": {"Link": ref("headers", "Link")},
        },
        **failures("404", "409", "413", "415"),
    }


def result_content(results: Object, result_types: tuple[str, ...]) -> Object:
    """Results in every form they can have: JSON, several parts, a page, or an output's own media type."""
    content = page(results)
    content[MULTIPART] = {"schema": {"type": "string", "format": "binary"}}
    for media_type in result_types:
        text = media_type.startswith("text/")
        schema: Object = {"type": "string"} if text else {"type": "string", "format": "binary"}
        content.setdefault(media_type, {"schema": {} if media_type.endswith("json") else schema})
    return content


def output_types(process: Process) -> tuple[str, ...]:
    """The media types that raw outputs of a process may have, JSON and pages apart.

    A string is text whatever was declared.
    """
    types = dict.fromkeys(["text/plain", "application/octet-stream"])
    for spec in process.outputs.values():
        types |= dict.fromkeys(media_types(spec.item.schema))
    return tuple(name for name in types if name not in (JSON_TYPE, HTML))


def _body(process: Process, name: str) -> Object:
    """The request's schema, with an example that may be sent as it is, unless that is too long."""
    body: Object = {"schema": ref("schemas", f"{name}Request")}
    if process.example is None or len(json.dumps(process.example)) > EXAMPLE_LENGTH:
        return body
    return body | {"example": process.example}


def _described(spec: InputSpec | OutputSpec) -> Object:
    words = describe(spec.title, spec.description)
    return {"description": words} if words else {}


def _qualified(spec: InputSpec) -> Object:
    """``{value, mediaType, encoding, schema}``."""
    allowed = taken_types(spec)
    media_type = strings(description=f"One of {', '.join(allowed)}." if allowed else "")
    return record(("value",), value=_value(spec), mediaType=media_type, encoding=strings(), schema={})


def _value(spec: InputSpec | OutputSpec) -> Object:
    """The schema of the bare value; a default belongs to the input as a whole."""
    value = to_oas30(spec.schema)
    value.pop("default", None)
    return value


def _results(process: Process) -> Object:
    """The results document; open, since a raw JSON output stands here as well, bare."""
    described: Mapping[str, JSON] = {name: _result(process, spec) for name, spec in process.outputs.items()}
    return {
        "description": "Each output by its id; or, raw and alone, the value of one output.",
        "properties": described,
    }


def _result(process: Process, spec: OutputSpec) -> Object:
    """One output in a document: a qualified value, a link, or a bare value.

    Nothing is promised of outputs that are not checked, nor of a plain value, which may be a link too.
    """
    words = _described(spec)
    typed = bool(media_types(spec.schema)) or "properties" in spec.schema
    if not process.outputs_checked or not typed:
        return words
    qualified = record(("value",), value={}, mediaType=strings(), encoding=strings())
    return words | {"anyOf": [qualified, ref("schemas", "Link"), in_union(_value(spec))]}
