"""Files inside JSON documents: byte for byte what they were when they were read whole, without their weight."""

from __future__ import annotations

import base64
import json
import os
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from memoryresults import MemoryResults
from resultkit import publish

from dragoman.errors import ResultNotAvailable
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.stored_file import BLOCK
from dragoman.web.embedded_files import Base64File
from dragoman.web.responses import json_bytes, json_response

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Response

    from dragoman.model.process import JSON

ID = "0a1b2c3d-0000-4000-8000-0123456789ab"


def _response(document: JSON) -> Response:
    with Flask("host").test_request_context():
        return json_response(document)


def _body(response: Response) -> bytes:
    return b"".join(response.response)  # type: ignore[arg-type]  # all of ours are bytes


@pytest.mark.parametrize("size", [0, 1, 2, 3, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 2])
def test_it_is_what_base64_makes_of_the_whole(size: int) -> None:
    results = MemoryResults()
    data = os.urandom(size)
    publish(results, ID, {"a": data})
    file = Base64File(results.content(ID, "a"))
    response = _response({"before": 1, "image": file, "list": [file, None, file], "after": "ä"})
    text = base64.b64encode(data).decode()
    body = _body(response)
    assert body == json_bytes({"before": 1, "image": text, "list": [text, None, text], "after": "ä"})
    assert response.content_length == len(body)
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-cache"


def test_a_file_alone_and_beside_numbers_that_json_has_no_word_for() -> None:
    results = MemoryResults()
    publish(results, ID, {"a": b"abc"})
    file = Base64File(results.content(ID, "a"))
    assert _body(_response(file)) == b'"YWJj"'
    assert json.loads(_body(_response({"x": float("nan"), "a": [file]}))) == {"x": None, "a": ["YWJj"]}


def test_what_is_no_json_is_still_refused() -> None:
    with pytest.raises(TypeError, match="set is not JSON"):
        _response({"a": {1}})


def test_memory_stays_flat_however_large_the_file(tmp_path: Path) -> None:
    size = 300 * 1024**2
    results = FolderResults(tmp_path)
    publish(results, ID, {"a": b""})
    path = results.content(ID, "a").path
    assert path is not None
    os.truncate(path, size)  # sparse: it takes no room
    tracemalloc.start()
    try:
        response = _response({"image": Base64File(results.content(ID, "a"))})
        sent = sum(map(len, response.response))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sent == response.content_length == len('{"image":""}') + size // 3 * 4
    assert peak < 16 * 1024**2, "a few blocks, not the file"


def test_a_file_that_goes_meanwhile_breaks_the_answer_off(tmp_path: Path) -> None:
    results = FolderResults(tmp_path)
    publish(results, ID, {"a": b"abc"})
    response = _response({"image": Base64File(results.content(ID, "a"))})
    results.clear(ID)
    with pytest.raises(ResultNotAvailable):
        _body(response)
