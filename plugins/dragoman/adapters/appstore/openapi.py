"""The OpenAPI 3.0.3 document of the AppStore dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman import __version__
from dragoman.openapi.components import JSON_TYPE, Object, listed, record, ref, strings
from dragoman.openapi.security import secured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON
    from dragoman.openapi.security import Security

DESCRIPTION: Final = (
    "AppStore's Common application API, as dragoman speaks it: a task is made, gets files by URL in batches, and runs"
    " once they are fetched. The default application has these paths, every application has them below"
    " /appstore/{application}."
)
PUBLIC: Final = (("/api/v1/status", "appstore-status"),)
"""The words of ``auth.public`` by path."""
BINARY: Final = "application/octet-stream"

_MESSAGE: Final[Object] = {
    "type": "string",
    "nullable": True,
    "description": "What there is to say beside the data.",
}


def _enveloped(data: Object) -> Object:
    """A schema of the response object with these data."""
    return record(("success", "message", "data"), success={"type": "boolean"}, message=_MESSAGE, data=data)


_STATE: Final = record(
    ("task_id", "status", "assets_downloaded", "result_id", "result_type"),
    task_id=strings(),
    status=strings("CREATED", "DOWNLOADING", "WAITING", "PROCESSING", "COMPLETED"),
    assets_downloaded={
        "type": "integer", "minimum": 0, "maximum": 100,
        "description": "Of the assets that were announced, how many have come, or cannot; in percent.",
    },
    result_id={"type": "string", "nullable": True, "description": "The URL of the result, once COMPLETED."},
    result_type={"type": "string", "nullable": True, "enum": ["JSON", "STREAM", "WEBSITE", None]},
)  # fmt: skip
_ASSET: Final = record(
    ("file_name", "download_url"),
    file_name=strings(description="What the file is called; each of a task has its own name."),
    attributes={"type": "object", "description": "What is said of the file; some may be required."},
    download_url=strings(description="http or https."),
)
SCHEMAS: Final[Mapping[str, Object]] = {
    "Done": _enveloped({"nullable": True, "enum": [None]}),
    "Failure": record(
        ("success", "message", "data"),
        success={"type": "boolean", "enum": [False]},
        message=strings(description="What is wrong, and what is allowed."),
        data={"nullable": True, "enum": [None]},
    ),
    "NewTask": record(
        (),
        "Nothing of it is required.",
        application=strings(description="Which application; the default at the root."),
        parameters={"type": "object", "description": "Further inputs of its process, by name."},
        assets_total={
            "type": "integer",
            "minimum": 1,
            "description": "How many assets come: the task starts on the last.",
        },
    ),
    "Created": _enveloped(
        record(
            ("task_id", "attributes", "assets_per_batch"),
            task_id=strings(),
            attributes=listed(strings()),
            assets_per_batch={"type": "integer", "minimum": 1},
        )
    ),
    "Batch": record(("task_id", "data"), task_id=strings(), data=listed(_ASSET)),
    "Task": _enveloped(_STATE),
    "Website": _enveloped(
        record(("url",), url=strings(description="Opens without a token, until the task is deleted."))
    ),
}


def _json(name: str, about: str) -> Object:
    return {"description": about, "content": {JSON_TYPE: {"schema": ref("schemas", name)}}}


_BAD: Final = _json("Failure", "What is sent is wrong: it says where, and what is allowed.")
_UNKNOWN: Final = _json("Failure", "There is no such task, or it is somebody else's.")
_CONFLICT: Final = _json("Failure", "The task is past that, or not there yet; or a name is another asset's.")
_FAILURES: Final = {
    "401": _json("Failure", "There is no token, or one that is not good."),
    "403": _json("Failure", "The caller may not do this."),
    "500": _json("Failure", "The server has failed."),
    "503": _json("Failure", "There is too much to do; Retry-After says when to try again."),
}
_SENT: Final = {
    "400": _BAD,
    "413": _json("Failure", "The body is too large."),
    "415": _json("Failure", "The body has a content coding."),
}
_ID: Final[list[Object]] = [
    {
        "name": "id",
        "in": "query",
        "required": True,
        "description": "The task_id.",
        "schema": {"type": "string"},
    }
]


def _operation(name: str, about: str, answers: Object, **more: JSON) -> Object:
    return {"operationId": name, "summary": about, "responses": {**answers, **_FAILURES}, **more}


def _task_path() -> Object:
    new = {"required": False, "content": {JSON_TYPE: {"schema": ref("schemas", "NewTask")}}}
    made, one = {"200": _json("Created", "The task."), **_SENT}, {"400": _BAD, "404": _UNKNOWN}
    return {
        "post": _operation("createTask", "Make a task.", made, requestBody=new),
        "get": _operation("getTask", "Where a task is.", {"200": _json("Task", "Its state."), **one}, parameters=_ID),
        "delete": _operation(
            "deleteTask", "End a task, and delete all of it.", {"200": _json("Done", "It is gone."), **one},
            parameters=_ID,
        ),
    }  # fmt: skip


def _assets_path() -> Object:
    batch = {"required": True, "content": {JSON_TYPE: {"schema": ref("schemas", "Batch")}}}
    answers = {"200": _json("Done", "All of them are taken."), **_SENT, "404": _UNKNOWN, "409": _CONFLICT}
    return {
        "post": _operation(
            "addAssets", "Announce files: all of them are taken, or none.", answers, requestBody=batch
        )
    }


def _result_path() -> Object:
    content = {
        JSON_TYPE: {
            "schema": {"description": "A JSON result bare; where a page is; or why there is no result."}
        },
        BINARY: {"schema": {"type": "string", "format": "binary"}},
    }
    answers = {
        "200": {"description": "By result_type.", "content": content},
        "206": {
            "description": "The range of a file that was asked for.",
            "content": {BINARY: content[BINARY]},
        },
        "302": _json("Website", "A browser is led to the page."),
        "400": _BAD,
        "404": _UNKNOWN,
        "409": _CONFLICT,
        "412": _json("Failure", "The file is another than the one that is meant."),
        "416": _json("Failure", "The range lies outside the file."),
    }
    return {"get": _operation("getResult", "The result of a task.", answers, parameters=_ID)}


def _status_path() -> Object:
    text = {"text/plain": {"schema": {"type": "string"}}}
    answers = {"200": {"description": "pending_tasks_total, in Prometheus' text format.", "content": text}}
    return {"get": _operation("getStatus", "How many tasks are not COMPLETED.", answers)}


def document(url: str, security: Security | None = None) -> dict[str, JSON]:
    """The document, for the server at ``url``."""
    whole: dict[str, JSON] = {
        "openapi": "3.0.3",
        "info": {"title": "AppStore", "version": __version__, "description": DESCRIPTION},
        "servers": [{"url": url}],
        "security": [],
        "paths": {
            "/api/v1/task": _task_path(),
            "/api/v1/assets": _assets_path(),
            "/api/v1/result": _result_path(),
            "/api/v1/status": _status_path(),
        },
        "components": {"schemas": dict(SCHEMAS)},
    }
    return secured(whole, security, PUBLIC)
