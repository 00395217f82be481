"""The paths of executions in the API document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.ogc.openapi.components import COUNT, LINKS, TIME, failures
from dragoman.openapi.components import JSON_TYPE, Object, listed, record, ref, strings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON


def _path(name: str, description: str) -> Object:
    return {
        "name": name,
        "in": "path",
        "description": description,
        "required": True,
        "schema": {"type": "string", "minLength": 1},
    }


PARAMETERS: Final[Mapping[str, Object]] = {
    "executionFile": _path("file", "The path of a file below outputs, as resources has it."),
    "metadataFile": _path(
        "name", "request.json, method.json, infrastructure.json, jobStatus.json, prov.json or provo.xml."
    ),
}
FILTERS: Final = ("jobProcess", "jobStatus", "datetime", "jobLimit", "offset", "after")
SCHEMAS: Final[Mapping[str, Object]] = {
    "ExecutionSummary": record(
        ("id", "jobID", "processID", "status", "created", "links"),
        id=strings(description="The same as jobID."),
        jobID=strings(),
        processID=strings(),
        status=ref("schemas", "StatusCode"),
        created=TIME,
        links=LINKS,
    ),
    "ExecutionList": record(
        ("executions", "links", "numberMatched"),
        executions=listed(ref("schemas", "ExecutionSummary")),
        links=LINKS,
        numberMatched=COUNT,
    ),
    "Resource": record(
        ("path", "href", "type"),
        "A file of an execution.",
        path=strings(),
        href=strings(),
        size={**COUNT, "description": "Bytes; absent of what is made when it is asked for."},
        type=strings(description="Its media type."),
    ),
    "Execution": record(
        ("id", "jobID", "method", "jobStatus", "infrastructure", "created", "links", "resources"),
        "A job with all its files.",
        id=strings(description="The same as jobID."),
        jobID=strings(),
        method={"type": "object", "description": "The process as it is now, or which version ran."},
        request={"type": "object", "nullable": True, "description": "As it was sent; null: not kept."},
        jobStatus=ref("schemas", "StatusInfo"),
        infrastructure={"type": "object"},
        created=TIME,
        links=LINKS,
        resources=listed(ref("schemas", "Resource")),
    ),
}


def paths() -> dict[str, JSON]:
    """Those below ``/ccp``, and at the root as well."""
    one, anything = ("jobID",), {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    zipped: Object = {"application/zip": {"schema": {"type": "string", "format": "binary"}}}
    text: Object = {"text/plain": {"schema": strings()}}
    created = {**_json("StatusInfo", "The new job."), "headers": {"Location": ref("headers", "Location")}}
    told = _json("Anything", "It.")
    told["content"]["application/xml"] = {"schema": strings()}
    root = "/executions/{jobID}"
    return {
        "/executions": {
            "get": _operation(
                "getExecutions", "List executions", {"200": _json("ExecutionList", "Newest first.")}, *FILTERS
            )
        },
        root: {
            "get": _operation(
                "getExecution", "An execution", {"200": _json("Execution", "The execution.")}, *one
            ),
            "delete": _operation(
                "deleteExecution",
                "Stop it if it runs, and remove it",
                {"200": _json("StatusInfo", "The job that was.")},
                *one,
            ),
        },
        f"{root}/re-execute": {
            "post": _operation("reExecute", "The same request as a new job", {"201": created}, *one)
        },
        f"{root}/logs": {"get": _operation("getLogs", "What it printed", _file(text), *one)},
        f"{root}/archive.zip": {
            "get": _operation("getArchive", "Outputs, metadata and log", _file(zipped), *one)
        },
        f"{root}/outputs/output.zip": {
            "get": _operation("getOutputArchive", "All outputs", _file(zipped), *one)
        },
        f"{root}/outputs/{{file}}": {
            "get": _operation("getExecutionOutput", "One output", _file(anything), *one, "executionFile")
        },
        f"{root}/metadata/{{name}}": {
            "get": _operation("getMetadata", "What is told of it", {"200": told}, *one, "metadataFile")
        },
    }


def _operation(name: str, summary: str, answers: Object, *parameters: str) -> Object:
    return {
        "tags": ["Executions"],
        "operationId": name,
        "summary": summary,
        "parameters": [ref("parameters", parameter) for parameter in parameters],
        "responses": {**answers, **failures("404", "409", "412", "416")},
    }


def _json(schema: str, description: str) -> Object:
    return {"description": description, "content": {JSON_TYPE: {"schema": ref("schemas", schema)}}}


def _file(content: Object) -> Object:
    return {
        "200": {"description": "The file.", "content": content},
        "206": {"description": "The byte range that Range asked for.", "content": content},
        "304": {"description": "It has not changed (If-None-Match, If-Modified-Since)."},
    }
