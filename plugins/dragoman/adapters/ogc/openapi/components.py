"""What the operations of the OGC document share: schemas, parameters, headers and answers.

The schemas are those of OGC 18-062r2, with the members of its 2.0 draft that are served as well. Answers are
open: a member more is never a violation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.codegen.languages import LANGUAGES
from dragoman.openapi.components import Object, listed, page, record, ref, strings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON

STATUSES: Final = ("accepted", "running", "successful", "failed", "dismissed")
PROBLEM: Final = "application/problem+json"
OPENAPI: Final = "application/vnd.oai.openapi+json;version=3.0"

TIME: Final[Object] = {"type": "string", "format": "date-time"}
LINKS: Final = listed(ref("schemas", "Link"))
DESCRIPTION: Final[Mapping[str, JSON]] = {
    "title": strings(),
    "description": strings(),
    "keywords": listed(strings()),
    "metadata": listed(ref("schemas", "Metadata")),
}
SUMMARY: Final[Mapping[str, JSON]] = {
    "id": strings(),
    "version": strings(),
    **DESCRIPTION,
    "jobControlOptions": listed(strings("sync-execute", "async-execute", "dismiss")),
    "outputTransmission": listed(strings("value", "reference")),
    "links": LINKS,
}
COUNT: Final[Object] = {"type": "integer", "format": "int64", "minimum": 0}
SECONDS: Final[Object] = {"type": "number", "format": "double", "minimum": 0, "maximum": 10**9}
CALLBACK: Final[Object] = {"type": "string", "format": "uri", "pattern": "^https?://[A-Za-z0-9]"}


def _described(part: str, members: str) -> Object:
    """The descriptions of inputs or outputs by their ids: objects of which only words tell more.

    ``maxOccurs`` is a number or the word unbounded, and ``schema`` any JSON Schema: generators for Java, Go and R
    have no type for either, and their clients refuse a whole answer for one member that they have no type for.
    """
    text = f"Each {part} by its id: an object with {members} as OGC 18-062r2 has them, those that are empty left out."
    return {"type": "object", "description": text, "additionalProperties": {"type": "object"}}


SCHEMAS: Final[Mapping[str, Object]] = {
    "Link": record(
        ("href",), href=strings(), rel=strings(), type=strings(), hreflang=strings(), title=strings()
    ),
    "Reference": record(
        ("href",),
        "The value lies there.",
        href={"type": "string", "pattern": "^(https?|file|data):"},
        type=strings(description="Its media type."),
    ),
    "Metadata": record(title=strings(), role=strings(), href=strings()),
    "LandingPage": record(("links",), title=strings(), description=strings(), links=LINKS),
    "Conformance": record(("conformsTo",), conformsTo=listed(strings())),
    "ProcessSummary": record(("id", "version"), **SUMMARY),
    "ProcessList": record(
        ("processes", "links"),
        processes=listed(ref("schemas", "ProcessSummary")),
        links=LINKS,
        numberMatched=COUNT,
    ),
    "Process": record(
        ("id", "version", "inputs", "outputs"),
        **SUMMARY,
        inputs=_described("input", "title, description, keywords, metadata, schema, minOccurs, maxOccurs"),
        outputs=_described("output", "title, description, keywords, metadata, schema"),
    ),
    "StatusCode": strings(*STATUSES),
    "StatusInfo": record(
        ("jobID", "status", "type"),
        "A job: how far it is, and where its results are.",
        jobID=strings(),
        id=strings(description="The same as jobID."),
        type=strings("process"),
        processingEntityType=strings(description="Always ogc-api-processes."),
        processID=strings(),
        processVersion=strings(description="Of the process that the job was accepted for."),
        processDigest=strings(
            description="Begin of the hash of its files: tells versions of one name apart."
        ),
        status=ref("schemas", "StatusCode"),
        message=strings(),
        created=TIME,
        started=TIME,
        finished=TIME,
        updated=TIME,
        progress={"type": "integer", "minimum": 0, "maximum": 100},
        links=LINKS,
    ),
    "JobList": record(
        ("jobs", "links"),
        jobs=listed(ref("schemas", "StatusInfo")),
        links=LINKS,
        numberMatched=COUNT,
        numberReturned=COUNT,
    ),
    "Results": {
        "description": "Each output by its id, as a value, a qualified value or a link; or one bare value.",
        "title": "Results",
    },
    "Stub": record(
        ("language", "href"),
        "A complete program that submits a request, waits for the job and saves its outputs.",
        language=strings(),
        href=strings(),
        type=strings(),
        title=strings(),
    ),
    "StubList": record(("stubs", "links"), stubs=listed(ref("schemas", "Stub")), links=LINKS),
    "Format": record(
        mediaType=strings(), encoding=strings(), schema={"description": "A schema, or the URL of one."}
    ),
    "OutputRequest": record(
        format=ref("schemas", "Format"),
        transmissionMode=strings("value", "reference"),
        publish={"description": "Ours: true, min-max or a renderer; the output becomes a map service."},
    ),
    "Subscriber": record(
        (),
        "Called with the job's results, its status or its failure.",
        successUri=CALLBACK,
        inProgressUri=CALLBACK,
        failedUri=CALLBACK,
    ),
    "Problem": record(
        ("type",),
        "What went wrong (RFC 7807).",
        type=strings(),
        title=strings(),
        status={"type": "integer"},
        detail=strings(),
        instance=strings(),
        code=strings(description="The error's own name, which stays as it is."),
        **{"invalid-params": listed(ref("schemas", "InvalidParameter"))},
    ),
    "InvalidParameter": record(
        ("name", "reason"), "An input that is wrong, and why.", name=strings(), reason=strings()
    ),
    "Health": record(
        ("status",),
        status=strings(),
        reasons=listed(strings()),
        warnings=listed(strings()),
        packages=listed(strings(description="A package that is broken, and what is served of it.")),
    ),
    "Anything": {"description": "Any JSON value.", "title": "Anything"},
}


def _query(name: str, description: str, schema: Object) -> Object:
    """An optional parameter; nullable, or the R generator makes methods that cannot be called without it."""
    explode = {"style": "form", "explode": False} if schema.get("type") == "array" else {}
    parameter: Object = {
        "name": name,
        "in": "query",
        "description": description,
        "required": False,
        **explode,
    }
    return parameter | {"schema": schema | {"nullable": True}}


def _header(name: str, description: str, example: str, **schema: JSON) -> Object:
    parameter: Object = {"name": name, "in": "header", "description": description, "required": False}
    return parameter | {"schema": {"type": "string", "nullable": True, **schema}, "example": example}


def _limit(default: int | None) -> Object:
    schema: Object = {"type": "integer", "minimum": 1, "maximum": 10000}
    return schema if default is None else schema | {"default": default}


PARAMETERS: Final[Mapping[str, Object]] = {
    "f": _query("f", "The form of the answer; default: by the Accept header.", strings("json", "html")),
    "resultsForm": _query(
        "f",
        "html: a page; json: several raw results as one JSON document, where they were multipart/related. "
        "Default: by the Accept header, of which application/json alone asks for the document too.",
        strings("json", "html"),
    ),
    "processLimit": _query("limit", "How many processes to list at most; default: all.", _limit(None)),
    "jobLimit": _query("limit", "How many jobs to list at most.", _limit(100)),
    "offset": _query(
        "offset",
        "How many to leave out; see the links next and prev.",
        {"type": "integer", "minimum": 0, "maximum": 10**9},
    ),
    "after": _query(
        "after",
        "Go on after the job that a page ended with, as the link next says; offset then leaves nothing out.",
        {"type": "integer", "format": "int64", "minimum": 0, "maximum": 10**18 - 1},
    ),
    "jobType": _query("type", "Only jobs of these types.", listed(strings("process"))),
    "jobProcess": _query("processID", "Only jobs of these processes.", listed(strings())),
    "jobStatus": _query("status", "Only jobs in one of these states.", listed(strings(*STATUSES))),
    "datetime": _query(
        "datetime", "Only jobs created then: a time, or an interval like 2026-01-01T00:00:00Z/..", strings()
    ),
    "minDuration": _query("minDuration", "Only jobs that ran at least so many seconds.", SECONDS),
    "maxDuration": _query("maxDuration", "Only jobs that ran at most so many seconds.", SECONDS),
    "outputs": _query("outputs", "Only these outputs.", listed(strings())),
    "jobID": {
        "name": "jobID",
        "in": "path",
        "description": "The job's id.",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    },
    "processID": {
        "name": "processID",
        "in": "path",
        "description": "The process's id.",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
    },
    "language": {
        "name": "language",
        "in": "path",
        "description": "The language of a program.",
        "required": True,
        "schema": strings(*(language.id for language in LANGUAGES)),
    },
    "outputID": {
        "name": "outputID",
        "in": "path",
        "description": "The output's id, as the process declares it.",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
    },
    "item": {
        "name": "item",
        "in": "path",
        "description": "Which file, from 0, of an output that is a list of files.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0, "maximum": 2147483647},
    },
    "prefer": _header(
        "Prefer",
        "RFC 7240: respond-async starts a job; wait=N answers with the results if they are there in time.",
        "respond-async, wait=10",
    ),
    "idempotencyKey": _header(
        "Idempotency-Key",
        "The same request under the same key returns the first job; another one is a conflict.",
        "6f1c9a52-tile-17",
        maxLength=255,
        pattern="^[!-~]([ -~]*[!-~])?$",
    ),
}

HEADERS: Final[Mapping[str, Object]] = {
    "Location": {"description": "The job.", "schema": strings()},
    "PreferenceApplied": {"description": "What of Prefer was honoured (RFC 7240).", "schema": strings()},
    "RetryAfter": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}},
    "WWWAuthenticate": {"description": "What is wrong with the token (RFC 6750).", "schema": strings()},
    "Link": {"description": "Where each output is (RFC 8288); rel names the output.", "schema": strings()},
}

FAILURES: Final[Mapping[str, tuple[str, str]]] = {
    "400": ("BadRequest", "The request is wrong; detail names what was given and what is allowed."),
    "401": ("Unauthorized", "This takes a token, or another one; only of servers that ask for tokens."),
    "403": ("Forbidden", "This is not allowed from here, or not with this token."),
    "404": ("NotFound", "There is no such process, job or result (yet); type says which."),
    "409": ("Conflict", "The job's state, or the first request under the Idempotency-Key, forbids this."),
    "412": ("PreconditionFailed", "The result is not the one that If-Match or If-Unmodified-Since asks for."),
    "413": ("PayloadTooLarge", "The body is larger than this server accepts."),
    "415": ("UnsupportedMediaType", "The body is not JSON."),
    "416": ("RangeNotSatisfiable", "The byte range lies outside the result."),
    "500": ("ServerError", "The server, or the job whose results were asked for, failed."),
    "503": ("Unavailable", "The server cannot do this just now, for instance because its queue is full."),
}


OF_FAILURES: Final[Mapping[str, tuple[str, str]]] = {
    "401": ("WWW-Authenticate", "WWWAuthenticate"),
    "503": ("Retry-After", "RetryAfter"),
}
"""The header that comes with a status, and its component."""


def responses() -> dict[str, Object]:
    """The answers of every failure."""
    answers: dict[str, Object] = {}
    for status, (name, description) in FAILURES.items():
        own = OF_FAILURES.get(status)
        headers = {"headers": {own[0]: ref("headers", own[1])}} if own else {}
        content = {PROBLEM: {"schema": ref("schemas", "Problem")}, **page(ref("schemas", "Problem"))}
        answers[name] = {"description": description, **headers, "content": content}
    return answers


def failures(*statuses: str) -> Object:
    """References to the answers of these failures, and of those that any request may meet."""
    chosen = sorted({"400", "401", "403", "500", "503", *statuses})
    return {status: ref("responses", FAILURES[status][0]) for status in chosen}
