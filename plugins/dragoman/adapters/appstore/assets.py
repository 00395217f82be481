"""POST /assets: a batch of files by URL, looked at whole before any of it is taken."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Final

from dragoman.adapters.appstore.surface import envelope
from dragoman.errors import InvalidRequest
from dragoman.jobs.task_service import NewAsset
from dragoman.schemas.messages import cut, shown
from dragoman.sources.precheck import check_web_href
from dragoman.web.request_body import json_body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Response

    from dragoman.adapters.appstore.surface import Surface
    from dragoman.model.process import JSON
    from dragoman.sources.policy import SourcePolicy
    from dragoman.web.call import Call

MOST_CHARACTERS: Final = 4096
"""Of a name as it is sent."""
MOST_BYTES: Final = 255
"""Of a file's name, in UTF-8."""
MOST_ATTRIBUTES: Final = 64 * 1024
"""Characters of JSON that one asset's attributes may be."""


def add(api: Surface, call: Call, application: str | None) -> Response:
    """POST /assets."""
    body = json_body(any_type=True)
    if not isinstance(body, dict) or not isinstance(body.get("task_id"), str):
        allowed = "{task_id, data: [{file_name, attributes, download_url}]}"
        raise InvalidRequest(f"the body names no task; allowed: {allowed}")
    view = api.task(call, application, body["task_id"])
    required = api.required(view.task.plan.application)
    assets = read_batch(body.get("data"), view.task.plan.batch, required, api.policy)
    if assets:
        api.tasks.feed(view.task.id, assets)
    return envelope(None)


def read_batch(data: JSON, most: int, required: Sequence[str], policy: SourcePolicy) -> list[NewAsset]:
    """The assets of a batch; raises InvalidRequest that says which of them is wrong, and what is allowed."""
    if not isinstance(data, list):
        raise InvalidRequest(f"data: got {shown(data)}; allowed: a list of assets")
    if len(data) > most:
        raise InvalidRequest(
            f"data: got {len(data)} assets; allowed: at most {most} at once (assets_per_batch)"
        )
    return [_asset(each, f"data[{place}]", required, policy) for place, each in enumerate(data)]


def _asset(wire: JSON, place: str, required: Sequence[str], policy: SourcePolicy) -> NewAsset:
    if not isinstance(wire, dict):
        raise InvalidRequest(f"{place}: got {shown(wire)}; allowed: {{file_name, attributes, download_url}}")
    name = wire.get("file_name")
    if not isinstance(name, str) or len(name) > MOST_CHARACTERS:
        raise InvalidRequest(
            f"{place}.file_name: got {shown(name)}; allowed: a text of at most {MOST_CHARACTERS} characters"
        )
    safe = safe_name(name)
    if not safe:
        raise InvalidRequest(f"{place}.file_name: got {shown(name)}, of which no name of a file is left")
    return NewAsset(
        file_name=name,
        safe_name=safe,
        url=_url(wire.get("download_url"), place, policy),
        attributes=_attributes(wire.get("attributes"), place, required),
    )


def _url(url: JSON, place: str, policy: SourcePolicy) -> str:
    if not isinstance(url, str):
        raise InvalidRequest(f"{place}.download_url: got {shown(url)}; allowed: an http or https URL")
    try:
        check_web_href(url, policy)
    except InvalidRequest as error:
        raise InvalidRequest(f"{place}.download_url: {error.detail}") from error
    return url


def _attributes(attributes: JSON, place: str, required: Sequence[str]) -> dict[str, JSON]:
    attributes = {} if attributes is None else attributes
    if not isinstance(attributes, dict):
        raise InvalidRequest(f"{place}.attributes: got {shown(attributes)}; allowed: an object")
    for name in required:
        if name not in attributes:
            raise InvalidRequest(
                f"{place}.attributes: '{cut(name)}' is missing; required: {', '.join(required)}"
            )
    if len(json.dumps(attributes)) > MOST_ATTRIBUTES:
        raise InvalidRequest(f"{place}.attributes: are more than {MOST_ATTRIBUTES} characters of JSON")
    return attributes


def safe_name(name: str) -> str:
    """The name as it may name a file on any system: its last part, no control characters, 255 bytes; or nothing.

    What is cut off goes before the ending, by which readers know what is in a file.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(each for each in last if unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    kept = kept.strip(" ").rstrip(".").strip(" ")
    data = kept.encode()
    if len(data) <= MOST_BYTES:
        return kept
    stem, dot, ending = kept.rpartition(".")
    end = f"{dot}{ending}".encode() if stem and len(ending) <= 20 else b""
    return (data[: MOST_BYTES - len(end)] + end).decode(errors="ignore")
