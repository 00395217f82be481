"""The OpenAPI 3.0.3 document of the OGC surface: every process under its own path, no reference leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman import __version__
from dragoman.adapters.ogc.openapi import process_paths
from dragoman.adapters.ogc.openapi.components import (
    HEADERS,
    OPENAPI,
    PARAMETERS,
    SCHEMAS,
    failures,
    responses,
)
from dragoman.codegen.languages import LANGUAGES
from dragoman.openapi import merging
from dragoman.openapi.components import HTML, JSON_TYPE, Object, page, ref, strings
from dragoman.openapi.security import secured

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dragoman.model.process import JSON, Process
    from dragoman.openapi.security import Security

TAGS: Final[Mapping[str, str]] = {
    "Server": "What this server is and what it meets.",
    "Processes": "What can be computed, and computing it.",
    "Jobs": "What was started, how far it is, and its results.",
    "Health": "For whoever operates it.",
}

PUBLIC: Final = (
    ("/", "landing"),
    ("/conformance", "conformance"),
    ("/openapi", "openapi"),
    ("/livez", "health"),
    ("/readyz", "health"),
    ("/processes", "processes"),
    ("/processes/{processID}", "processes"),
    ("/processes/{processID}/stubs", "processes"),
    ("/processes/{processID}/stubs/{language}", "processes"),
)
"""The words of ``auth.public`` of the paths here, as their routes have them."""

FILTERS: Final = (
    "jobType",
    "jobProcess",
    "jobStatus",
    "datetime",
    "minDuration",
    "maxDuration",
    "jobLimit",
    "offset",
    "after",
)


def document(
    catalogue: Iterable[Process],
    *,
    server_url: str,
    title: str,
    description: str,
    extra: Mapping[str, JSON] | None = None,
    security: Security | None = None,
) -> dict[str, JSON]:
    """The whole document, its members in a fixed order; for ``extra`` see ``merging.merge``."""
    processes = list(catalogue)
    named = process_paths.names(processes)
    types = {process.id: process_paths.output_types(process) for process in processes}
    schemas: dict[str, JSON] = dict(SCHEMAS)
    paths = _server_paths() | _process_list()
    for process in processes:
        paths |= process_paths.paths(process, named[process.id], types[process.id])
        schemas |= process_paths.schemas(process, named[process.id])
    paths |= _stub_paths("Processes", "/processes/{processID}", "processID")
    paths |= _job_paths(tuple(sorted({name for names in types.values() for name in names})))
    whole: dict[str, JSON] = {
        "openapi": "3.0.3",
        "info": _info(title, description),
        "servers": [{"url": server_url.rstrip("/") or "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "security": [],
        "paths": paths,
        "components": _components(schemas),
    }
    others = [(path, "collections") for path in extra or ()]
    return secured(merging.merge(whole, extra) if extra else whole, security, [*PUBLIC, *others])


def _components(schemas: dict[str, JSON]) -> Object:
    return {
        "schemas": schemas,
        "parameters": dict(PARAMETERS),
        "headers": dict(HEADERS),
        "responses": responses(),
    }


def _info(title: str, description: str) -> Object:
    info: Object = {"title": title, "version": __version__}
    return info | {"description": description} if description else info


def _get(tag: str, name: str, summary: str, answers: Object, *parameters: str) -> Object:
    return {
        "tags": [tag],
        "operationId": name,
        "summary": summary,
        "parameters": [ref("parameters", parameter) for parameter in parameters],
        "responses": answers,
    }


def _page(schema: str, description: str, *statuses: str, media_type: str = JSON_TYPE) -> Object:
    """The answers of an operation that gives one document, as JSON or as a page."""
    content = page(ref("schemas", schema), media_type)
    return {"200": {"description": description, "content": content}, **failures(*statuses)}


def _server_paths() -> dict[str, JSON]:
    api = _page("Anything", "This document.", media_type=OPENAPI)
    alive: Object = {"200": _health("The process answers."), **failures()}
    ready: Object = {"200": _health("Jobs are taken."), **failures()}
    ready["503"] = _health("No jobs are taken, for the reasons given.") | {
        "headers": {"Retry-After": ref("headers", "RetryAfter")}
    }
    landing, conforms = _page("LandingPage", "The links."), _page("Conformance", "The classes.")
    return {
        "/": {"get": _get("Server", "getLandingPage", "Landing page", landing, "f")},
        "/conformance": {"get": _get("Server", "getConformance", "Conformance classes", conforms, "f")},
        "/openapi": {"get": _get("Server", "getOpenApi", "API definition", api, "f")},
        "/livez": {"get": _get("Health", "getLiveness", "Whether the server lives", alive)},
        "/readyz": {"get": _get("Health", "getReadiness", "Whether the server takes jobs", ready)},
    }


def _health(description: str) -> Object:
    return {"description": description, "content": {JSON_TYPE: {"schema": ref("schemas", "Health")}}}


def _process_list() -> dict[str, JSON]:
    answers = _page("ProcessList", "The processes.")
    parameters = ("f", "processLimit", "offset")
    return {"/processes": {"get": _get("Processes", "getProcesses", "List processes", answers, *parameters)}}


def _job_paths(result_types: tuple[str, ...]) -> dict[str, JSON]:
    jobs, status = _page("JobList", "The jobs, newest first."), _page("StatusInfo", "The job.", "404")
    gone = _page("StatusInfo", "The job, dismissed.", "404", "409")
    one = _results(process_paths.result_content(ref("schemas", "Anything"), result_types))
    every = _results(process_paths.result_content(ref("schemas", "Results"), result_types))
    delete = _get("Jobs", "dismissJob", "Stop a job, or remove a finished one", gone, "jobID", "f")
    results = _get("Jobs", "getResults", "The results of a job", every, "jobID", "outputs", "resultsForm")
    output = _get("Jobs", "getOutput", "One output of a job", one, "jobID", "outputID", "f")
    item = _get("Jobs", "getOutputItem", "One file of a list", one, "jobID", "outputID", "item", "f")
    return {
        "/jobs": {"get": _get("Jobs", "getJobs", "List the jobs", jobs, "f", *FILTERS)},
        "/jobs/{jobID}": {
            "get": _get("Jobs", "getStatus", "The status of a job", status, "jobID", "f"),
            "delete": delete,
        },
        **_stub_paths("Jobs", "/jobs/{jobID}", "jobID"),
        "/jobs/{jobID}/results": {"get": results},
        "/jobs/{jobID}/results/{outputID}": {"get": output},
        "/jobs/{jobID}/results/{outputID}/{item}": {"get": item},
    }


def _stub_paths(tag: str, above: str, parameter: str) -> dict[str, JSON]:
    """Programs: of a process with its example, of a job with its own request."""
    kind = "Process" if tag == "Processes" else "Job"
    types = dict.fromkeys(language.media_type.partition(";")[0] for language in LANGUAGES)
    content: Object = {
        name: {"schema": {"type": "object"} if name.endswith("+json") else strings()} for name in types
    }
    one: Object = {
        "200": {"description": "The program.", "content": content},
        **failures("404"),
    }
    listing = _page("StubList", "The languages there are.", "404")
    words = "run the process" if kind == "Process" else "repeat the job"
    return {
        f"{above}/stubs": {
            "get": _get(tag, f"get{kind}Stubs", f"List the programs that {words}", listing, parameter, "f")
        },
        f"{above}/stubs/{{language}}": {
            "get": _get(tag, f"get{kind}Stub", f"A program to {words}", one, parameter, "language")
        },
    }


def _results(content: Object) -> Object:
    """The answers of an operation that gives results; files come in byte ranges too."""
    part = {name: media for name, media in content.items() if name != HTML}
    return {
        "200": {"description": "The results.", "content": content},
        "204": {
            "description": "The results lie where the links say.",
            "headers": {"Link": ref("headers", "Link")},
        },
        "206": {"description": "The byte range of a result that Range asked for.", "content": part},
        "304": {"description": "The file has not changed (If-None-Match, If-Modified-Since)."},
        **failures("404", "412", "416"),
    }
