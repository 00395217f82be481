"""The OpenAPI 3.0.3 document of the PESTO dialect: one process, whichever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman import __version__
from dragoman.openapi.components import JSON_TYPE, Object, listed, record, ref, strings
from dragoman.openapi.security import secured
from dragoman.packages.pesto.project import DESCRIBED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON
    from dragoman.openapi.security import Security

DESCRIPTION: Final = (
    "The PESTO dialect (Airbus Geo Processing API), as dragoman speaks it. Every process has these paths under "
    "/pesto/{processID}; one that the operator chose has them at the root as well. A stateless process answers "
    "the POST with its outputs; a stateful one (asynchronous: true) with a link to the state of its job."
)
STATES: Final = ("ACCEPTED", "RUNNING", "DONE", "FAILED", "CANCELLED")
TEXT: Final = "text/plain"
ANYTHING: Final[Object] = {"description": "Any JSON value."}
LINK: Final[Object] = {"type": "string", "description": "A URL that begins as the client's own did."}

TAGS: Final[Mapping[str, str]] = {
    "Process": "What is computed, and computing it.",
    "Jobs": "What was started, how far it is, and its results.",
    "Server": "For whoever operates it.",
}


def _described(words: str, **schema: JSON) -> Object:
    return {"description": words, **schema}


_SCHEMA: Final[Object] = record(
    ("$schema", "type", "definitions", "properties"),
    "JSON Schema, draft 6. Its definitions are Image, Images, Polygon, Polygons, Metadata and Metadatas, and the "
    "author's own.",
    **{"$schema": strings(), "title": strings(), "type": strings(), "description": strings()},
    definition={},
    definitions={"type": "object"},
    properties={"type": "object"},
    required=listed(strings()),
    content={},
)

SCHEMAS: Final[Mapping[str, Object]] = {
    "Error": record(("detail",), detail=_described("What is wrong; it names the input.", type="string")),
    "Describe": record(
        (
            *DESCRIBED,
            "input",
            "output",
            "_links",
        ),
        title=strings(),
        name=strings(),
        version=strings(),
        family=strings(),
        description=strings(),
        organization=strings(),
        email=strings(),
        resources=record(
            ("cpu", "gpu", "ram"),
            "Cores, cards, GiB.",
            cpu={"type": "number"},
            gpu={"type": "number"},
            ram={"type": "number"},
        ),
        asynchronous=_described("Whether the process is stateful.", type="boolean"),
        keywords=listed(strings()),
        template=strings(),
        config=_described("JSON Schema of the configuration.", type="object"),
        input=ref("schemas", "Schema"),
        output=ref("schemas", "Schema"),
        _links={"type": "object", "additionalProperties": ref("schemas", "Link")},
    ),
    "Schema": _SCHEMA,
    "Link": record(
        ("relation", "href", "type", "method"),
        relation=strings(),
        href=LINK,
        type=strings(),
        method=strings("GET", "POST"),
    ),
    "Version": record(("version", "__packaging"), version=strings(), __packaging=strings()),
    "Payload": record(
        (),
        "The inputs by name; an image is base64, or a URL (http, https, file, s3, gs). What the process does not "
        "know is ignored.",
        pesto=record((), roi=ref("schemas", "Roi")),
    ),
    "Roi": record(
        ("target_in",),
        "A window of the images that are read; the margin is cut from the images that are returned.",
        target_in=listed(strings()),
        target_out=listed(strings()),
        lines=ref("schemas", "Band"),
        columns=ref("schemas", "Band"),
    ),
    "Band": record(
        ("first", "number"),
        first={"type": "integer", "minimum": 0},
        number={"type": "integer", "minimum": 1},
        margin={"type": "integer", "minimum": 0, "default": 0},
    ),
    "JobLink": record(("link",), link=LINK),
    "Outputs": _described("The outputs by name; images as base64.", type="object"),
    "Jobs": {"type": "object", "additionalProperties": ref("schemas", "JobLink")},
    "Status": record(
        ("status", "progress"),
        status=strings(*STATES),
        progress={"type": "integer", "minimum": 0, "maximum": 100},
        message=strings(),
        link=_described("Where the results are, once the job is DONE.", type="string"),
    ),
    "Results": {
        "type": "object",
        "description": "Where each output lies; of Images, each in its order.",
        "additionalProperties": {"oneOf": [strings(), listed(strings())]},
    },
}

ERRORS: Final[Mapping[str, str]] = {
    "400": "The payload is wrong, or was found wrong while the job ran.",
    "401": "This takes a token, or another one; only of servers that ask for tokens.",
    "403": "This is not allowed from here, or not with this token.",
    "404": "There is no such process, job or result (yet).",
    "409": "The job's state forbids this.",
    "413": "The payload is larger than this server accepts.",
    "429": "The queue is full; Retry-After says when to try again.",
    "500": "The job, or the server, failed.",
    "503": "The server cannot do this just now.",
}


PUBLIC: Final = (
    ("/api/v1/describe", "processes"),
    ("/api/v1/config", "processes"),
    ("/api/v1/version", "processes"),
    ("/api/v1/health", "health"),
    ("/api/v1/openapi", "openapi"),
)
"""The words of ``auth.public`` of the paths here, as their routes have them."""


def document(root: str, security: Security | None = None) -> dict[str, JSON]:
    """The whole document; ``root`` is the URL before ``/api/v1``, or a template of it with ``{processID}``."""
    server: Object = {"url": root}
    if "{processID}" in root:
        server["variables"] = {"processID": {"default": "echo", "description": "The process's id."}}
    whole: dict[str, JSON] = {
        "openapi": "3.0.3",
        "info": {"title": "dragoman: PESTO", "version": __version__, "description": DESCRIPTION},
        "servers": [server],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "security": [],
        "paths": {f"/api/v1{path}": item for path, item in _paths().items()},
        "components": {"schemas": dict(SCHEMAS), "responses": _failures()},
    }
    return secured(whole, security, PUBLIC)


def _failures() -> dict[str, JSON]:
    answers: dict[str, JSON] = {}
    for status, words in ERRORS.items():
        answers[f"Error{status}"] = {"description": words, **_json("Error")}
        if status in ("429", "503"):
            seconds = {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}
            answers[f"Error{status}"]["headers"] = {"Retry-After": seconds}
    wrong = {"description": "What is wrong with the token (RFC 6750).", "schema": {"type": "string"}}
    answers["Error401"]["headers"] = {"WWW-Authenticate": wrong}
    return answers


def _json(schema: str) -> Object:
    return {"content": {JSON_TYPE: {"schema": ref("schemas", schema)}}}


def _answers(words: str, content: Object, *statuses: str) -> Object:
    every = sorted({"401", "403", "404", "500", "503", *statuses})
    errors = {status: ref("responses", f"Error{status}") for status in every}
    return {"200": {"description": words, **content}, **errors}


def _operation(tag: str, name: str, summary: str, answers: Object) -> Object:
    return {"tags": [tag], "operationId": name, "summary": summary, "responses": answers}


def _get(tag: str, name: str, summary: str, content: Object, *statuses: str) -> Object:
    return {"get": _operation(tag, name, summary, _answers(f"{summary}.", content, *statuses))}


def _text(media_type: str = TEXT) -> Object:
    return {"content": {media_type: {"schema": {"type": "string"}}}}


def _paths() -> dict[str, JSON]:
    jobs = _get("Jobs", "getJobs", "The jobs of this process", _json("Jobs"))
    return {
        "/describe": _get("Process", "getDescribe", "What the process is", _json("Describe")),
        "/health": _get("Server", "getHealth", "Whether the server answers", _text()),
        "/config": _get("Process", "getConfig", "How the process is configured", _anything()),
        "/version": _get("Process", "getVersion", "Which version it is", _json("Version")),
        "/openapi": _get("Server", "getOpenApi", "This document", _text()),
        "/metrics": _get("Server", "getMetrics", "The jobs by state, for Prometheus", _text()),
        "/process": {"post": _execution("process")},
        "/jobs": {**jobs, "post": _execution("postJob")},
        **_job_paths(),
    }


def _anything() -> Object:
    return {"content": {JSON_TYPE: {"schema": ANYTHING}}}


def _execution(name: str) -> Object:
    answer = {"anyOf": [ref("schemas", "JobLink"), ref("schemas", "Outputs")]}
    content: Object = {"content": {JSON_TYPE: {"schema": answer}}}
    words = "The outputs; of a stateful process the link to the state of its job."
    operation = _operation("Process", name, "Run it", _answers(words, content, "400", "413", "429"))
    return operation | {"requestBody": {"required": True, **_json("Payload")}}


def _result() -> Object:
    """One result by itself: JSON, text, or the bytes of a file."""
    binary: Object = {"schema": {"type": "string", "format": "binary"}}
    text: Object = {"schema": {"type": "string"}}
    kinds = {JSON_TYPE: {"schema": ANYTHING}, TEXT: text, "image/png": binary, "image/tiff": binary}
    return {"content": {**kinds, "*/*": binary}}


def _job_paths() -> dict[str, JSON]:
    job, key = _parameter("jobID", "The job's id."), _parameter("key", "An output, or an image of a list.")
    ended = _answers("The job, cancelled.", _json("Status"), "409")
    gone = _answers("It is gone, and may have been before.", _anything())
    forget = _operation("Jobs", "deleteResult", "Delete a result", gone)
    return {
        "/jobs/{jobID}": {
            "parameters": [job],
            "delete": _operation("Jobs", "cancelJob", "Stop a job, or remove a finished one", ended),
        },
        "/jobs/{jobID}/status": {
            "parameters": [job],
            **_get("Jobs", "getStatus", "The state of a job", _json("Status")),
        },
        "/jobs/{jobID}/results": {
            "parameters": [job],
            **_get("Jobs", "getResults", "Where the results are", _json("Results"), "400"),
        },
        "/jobs/{jobID}/results/{key}": {
            "parameters": [job, key],
            **_get("Jobs", "getResult", "One result", _result(), "400"),
            "delete": forget,
        },
    }


def _parameter(name: str, words: str) -> Object:
    return {"name": name, "in": "path", "required": True, "description": words, "schema": {"type": "string"}}
