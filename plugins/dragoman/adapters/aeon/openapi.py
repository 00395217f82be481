"""The OpenAPI 3.0.3 document of the aeon dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman import __version__
from dragoman.openapi.components import JSON_TYPE, Object, record, ref, strings
from dragoman.openapi.security import secured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON
    from dragoman.openapi.security import Security

DESCRIPTION: Final = (
    "aeon's dataset sessions, as dragoman speaks them: a training loop opens a session on a manifest, asks for names "
    "and shapes, and fetches batch after batch as raw bytes. All paths are served below /v1/dataset as well."
)
PUBLIC: Final = (("/health", "health"),)
"""The words of ``auth.public`` by path."""
BINARY: Final = "application/octet-stream"

_STATUS: Final = record(
    ("type",),
    type=strings("SUCCESS", "FAILURE", "END_OF_DATASET"),
    description=strings(description="What is wrong."),
)
_BUFFER: Final = record(
    ("byte_size", "names", "otype", "shape"),
    byte_size={"type": "integer", "description": "Bytes of one record."},
    names={"type": "array", "items": strings()},
    otype=record(
        ("cv_type", "name", "np_type", "size"),
        cv_type={"type": "integer"},
        name=strings(),
        np_type={"type": "integer"},
        size={"type": "integer"},
    ),
    shape={"type": "array", "items": {"type": "integer"}},
)
_CONFIGURATION: Final = record(
    ("manifest_filename", "batch_size", "etl"),
    "A session's configuration; docs/aeon.md describes every member.",
    manifest_filename=strings(description="An absolute path below the server's data roots."),
    manifest_root=strings(description="What the paths in the manifest are relative to."),
    batch_size={"type": "integer", "minimum": 1},
    etl={"type": "array", "items": {"type": "object"}, "minItems": 1},
    augmentation={"type": "array", "items": {"type": "object"}},
    block_size={"type": "integer", "minimum": 0},
    subset_fraction={"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 1},
    shuffle_enable={"type": "boolean"},
    shuffle_manifest={"type": "boolean"},
    random_seed={"type": "integer", "minimum": 0},
    iteration_mode=strings("ONCE", "COUNT", "INFINITE"),
    iteration_mode_count={"type": "integer"},
    batch_major={"type": "boolean"},
    pinned={"type": "boolean"},
    node_id={"type": "integer", "minimum": 0},
    node_count={"type": "integer", "minimum": 0},
)
_STATE: Final = record(
    ("position", "epoch", "batch_count", "batches_per_second", "waiting_for", "manifest_records"),
    position={"type": "integer", "description": "The number of the next batch, from 0."},
    epoch={"type": "integer"},
    batch_count={"type": "integer"},
    batches_per_second={"type": "number"},
    waiting_for=strings(description="Who waits for whom."),
    manifest_records={"type": "integer"},
)


def _answered(data: Object | None = None) -> Object:
    """A schema of an answer with these data."""
    members: Object = {"status": ref("schemas", "Status")}
    if data is not None:
        members = {"data": data, **members}
    return record(tuple(members), **members)


SCHEMAS: Final[Mapping[str, Object]] = {
    "Status": _STATUS,
    "Failure": _answered(),
    "Done": _answered(),
    "Configuration": _CONFIGURATION,
    "Created": _answered(record(("id",), id=strings(description="Decimal digits."))),
    "State": _answered(_STATE),
    "NamesAndShapes": _answered(
        record(
            ("names_and_shapes",),
            names_and_shapes={
                "oneOf": [
                    strings(description="JSON: to a client without User-Agent, or with format=string."),
                    {"type": "object", "additionalProperties": _BUFFER},
                ]
            },
        )
    ),
    **{
        name: _answered(record((member,), **{member: strings(description="A number.")}))
        for name, member in (
            ("BatchSize", "batch_size"),
            ("BatchCount", "batch_count"),
            ("RecordCount", "record_count"),
        )
    },
}


def _json(name: str, about: str) -> Object:
    return {"description": about, "content": {JSON_TYPE: {"schema": ref("schemas", name)}}}


_REFUSED: Final = _json("Failure", "The caller may not do this.")
_UNKNOWN: Final = _json("Failure", "There is no token, or one that is not good.")
_FAILURES: Final = {
    "400": _json(
        "Failure", "What is sent cannot be read: it names the member that is missing, or of another type."
    ),
    "401": _UNKNOWN,
    "403": _REFUSED,
    "404": _json("Failure", "There is no such session; of next also: the dataset is at its end."),
    "500": _json("Failure", "What is asked for cannot be served: it says what is wrong, and where."),
    "503": _json("Failure", "There is too much to do; Retry-After says when to try again."),
}


def _operation(name: str, about: str, answer: Object, status: str = "200", **more: JSON) -> Object:
    return {
        "operationId": name,
        "summary": about,
        "responses": {status: answer, **_FAILURES},
        **more,
    }


_ROOT: Final = "/api/v1/dataset"
_ONE: Final = f"{_ROOT}/{{session}}"
_SESSION: Final[list[Object]] = [
    {"name": "session", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}}
]
_HEALTH: Final[Object] = {
    "operationId": "getHealth",
    "summary": "That the server is there.",
    "responses": {
        "200": {
            "description": "JSON, sent as text.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        "401": _UNKNOWN,
        "403": _REFUSED,
    },
}


def _paths() -> Object:
    return {
        **_session_paths(),
        **_description_paths(),
        **_batch_paths(),
        "/health": {"get": _HEALTH},
    }


def _session_paths() -> Object:
    """Where sessions are opened, looked at and ended."""
    body = {"required": True, "content": {JSON_TYPE: {"schema": ref("schemas", "Configuration")}}}
    created, state, done = (
        _json("Created", "The session."),
        _json("State", "Its state."),
        _json("Done", "It is done."),
    )
    return {
        _ROOT: {"post": _operation("createSession", "Open a session.", created, "202", requestBody=body)},
        _ONE: {
            "get": _operation("getSession", "Where a session is.", state, parameters=_SESSION),
            "delete": _operation("removeSession", "End a session.", done, parameters=_SESSION),
        },
    }


def _description_paths() -> Object:
    """What tells of a session's batches."""
    form = {"name": "format", "in": "query", "schema": strings("string", "object")}
    shapes = _json("NamesAndShapes", "By name.")
    counts = (
        ("batch_size", "getBatchSize", "BatchSize", "Records of a batch."),
        ("batch_count", "getBatchCount", "BatchCount", "Batches of one pass."),
        ("record_count", "getRecordCount", "RecordCount", "Records of one pass."),
    )
    return {
        f"{_ONE}/names_and_shapes": {
            "get": _operation(
                "getNamesAndShapes", "The buffers of a batch.", shapes, parameters=[*_SESSION, form]
            )
        },
        **{
            f"{_ONE}/{path}": {"get": _operation(name, about, _json(schema, about), parameters=_SESSION)}
            for path, name, schema, about in counts
        },
    }


def _batch_paths() -> Object:
    """What hands batches out, and begins again."""
    batch = {
        "description": "The batch: the number of buffers, and each buffer with its header (docs/aeon.md).",
        "content": {BINARY: {"schema": {"type": "string", "format": "binary"}}},
    }
    again, done = "Begin at the first batch again.", _json("Done", "It is done.")
    return {
        f"{_ONE}/next": {
            "get": _operation("getNext", "The next batch.", batch, parameters=_SESSION),
            "post": _operation("takeNext", "The next batch.", batch, parameters=_SESSION),
        },
        f"{_ONE}/reset": {
            "get": _operation("getReset", again, done, parameters=_SESSION),
            "post": _operation("reset", again, done, parameters=_SESSION),
        },
    }


def document(url: str, security: Security | None = None) -> dict[str, JSON]:
    """The document, for the server at ``url``."""
    whole: dict[str, JSON] = {
        "openapi": "3.0.3",
        "info": {"title": "aeon", "version": __version__, "description": DESCRIPTION},
        "servers": [{"url": url}],
        "security": [],
        "paths": _paths(),
        "components": {"schemas": dict(SCHEMAS)},
    }
    return secured(whole, security, PUBLIC)
