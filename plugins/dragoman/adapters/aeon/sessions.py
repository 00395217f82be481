"""The handlers of dataset sessions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from flask import Response

from dragoman.adapters.aeon.surface import answer
from dragoman.errors import DatasetError, InvalidQueryParameter, NoSuchSession
from dragoman.web.client_connection import here, hung_up
from dragoman.web.request_body import json_body
from dragoman.web.responses import data_response, harden, sorted_json
from dragoman.web.whole_body import whole_body

if TYPE_CHECKING:
    from dragoman.adapters.aeon.surface import Surface
    from dragoman.model.dataset_session import DatasetSession
    from dragoman.model.process import JSON
    from dragoman.web.call import Call

FORMS: Final = ("string", "object")
"""The forms of names_and_shapes: the real client takes JSON in a string, the documentation shows an object."""
PATIENCE: Final = 2.0
"""Seconds that a call may wait for one of the places of calls that wait."""
LOST: Final = "the batch was lost on its way: the server has been restarted; the next one follows"
_ID: Final = re.compile(r"[0-9]{1,20}", re.ASCII)


def health(_api: Surface, _call: Call, **_arguments: str) -> Response:
    """That the server is there, as text: so the real service answers below ``/health``, too."""
    return data_response(sorted_json({"status": {"type": "SUCCESS"}}), "text/plain; charset=utf-8")


def create(api: Surface, call: Call) -> Response:
    """POST: a new session, whose first batch is ready; its body is JSON, whatever type it has."""
    configuration = json_body(any_type=True)
    with api.services.slots.slot(PATIENCE):
        session_id = api.sessions.create(configuration, call.principal)
    return answer("SUCCESS", data={"id": session_id}, status=202)


def state(api: Surface, call: Call, session_id: str) -> Response:
    """GET: where the session is, and what it waits for (ours)."""
    return answer("SUCCESS", data=api.sessions.state(known(session_id), call.principal))


def remove(api: Surface, call: Call, session_id: str) -> Response:
    """DELETE."""
    api.sessions.remove(known(session_id), call.principal)
    return answer("SUCCESS")


def names_and_shapes(api: Surface, call: Call, session_id: str) -> Response:
    """GET: the buffers of a batch, by name."""
    buffers = sorted(_session(api, call, session_id).description["buffers"], key=lambda each: each["name"])
    described = {each["name"]: {key: each[key] for key in each if key != "name"} for each in buffers}
    as_text = _form(call) == "string"
    value: JSON = sorted_json(described).decode() if as_text else described
    return answer("SUCCESS", data={"names_and_shapes": value})


def batch_size(api: Surface, call: Call, session_id: str) -> Response:
    """GET: records of a batch."""
    return _count(api, call, session_id, "batch_size")


def batch_count(api: Surface, call: Call, session_id: str) -> Response:
    """GET: batches of one pass."""
    return _count(api, call, session_id, "batch_count")


def record_count(api: Surface, call: Call, session_id: str) -> Response:
    """GET: records of one pass."""
    return _count(api, call, session_id, "record_count")


def reset(api: Surface, call: Call, session_id: str) -> Response:
    """GET or POST: begin at the first batch again."""
    api.sessions.reset(known(session_id), call.principal)
    return answer("SUCCESS")


def next_batch(api: Surface, call: Call, session_id: str) -> Response:
    """GET or POST: the next batch, when it is ready; at the end 404 with a status of its own, until a reset."""
    with api.services.slots.slot(PATIENCE):
        batch = api.sessions.next(known(session_id), call.principal, hung_up(here()))
    if batch is None:
        return answer("END_OF_DATASET", status=404)
    try:
        taken = api.sessions.take(batch)
    except OSError as error:
        raise DatasetError(LOST) from error
    body = whole_body(taken, here())
    response = Response(body, content_type="application/octet-stream", direct_passthrough=True)
    response.content_length = batch.size
    response.headers["Cache-Control"] = "no-store"
    harden(response)
    return response


def known(session_id: str) -> str:
    """The id, where it can be one; raises NoSuchSession."""
    if not _ID.fullmatch(session_id):
        raise NoSuchSession
    return session_id


def _session(api: Surface, call: Call, session_id: str) -> DatasetSession:
    return api.sessions.get(known(session_id), call.principal)


def _count(api: Surface, call: Call, session_id: str, name: str) -> Response:
    """A number as text, as the documentation has it and the real client expects it."""
    return answer("SUCCESS", data={name: str(_session(api, call, session_id).description[name])})


def _form(call: Call) -> str:
    """The form that the client asks for; else the one that clients of its kind take: the real one has no name."""
    wanted = call.arguments.get("format")
    if wanted is None:
        return "object" if call.headers.get("User-Agent") else "string"
    if wanted[0] not in FORMS:
        raise InvalidQueryParameter(f"format: got {wanted[0][:100]!r}; allowed: {', '.join(FORMS)}")
    return wanted[0]
