"""Files on the wire, of a store on this host and of one that has no paths."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from memoryresults import MemoryResults
from resultkit import publish

from dragoman.errors import PreconditionFailed, ResultNotAvailable
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.stored_file import BLOCK
from dragoman.web.file_responses import Part, file_response, multipart_response
from dragoman.web.problems import RangeOutside

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Response

    from dragoman.jobs.ports import ResultStore

ID = "0a1b2c3d-0000-4000-8000-0123456789ab"
DATA = bytes(range(256)) * (BLOCK // 128) + b"end"


@pytest.fixture(params=["folder", "memory"])
def results(request: pytest.FixtureRequest, tmp_path: Path) -> ResultStore:
    results = FolderResults(tmp_path) if request.param == "folder" else MemoryResults()
    publish(results, ID, {"image.tif": DATA, "empty.txt": b""})
    return results


def _answer(
    results: ResultStore, headers: dict[str, str], method: str = "GET", name: str = "image.tif"
) -> tuple[Response, bytes]:
    """The answer to a request for a file, and its body as a web server would send it."""
    with Flask("host").test_request_context(headers=headers, method=method):
        response = file_response(results.content(ID, name), "image/tiff")
        with closing(response):
            return response, b"".join(response.response)  # type: ignore[arg-type]  # all of ours are bytes


def test_the_whole_file(results: ResultStore) -> None:
    response, body = _answer(results, {})
    assert (response.status_code, body) == (200, DATA)
    assert response.headers["Content-Length"] == str(len(DATA))
    assert response.headers["Content-Type"] == "image/tiff"
    assert response.headers["Content-Disposition"] == "inline; filename=image.tif"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["Last-Modified"].endswith("GMT")
    assert response.headers["ETag"].startswith('"')


@pytest.mark.parametrize(
    ("asked", "first", "stop"),
    [
        ("0-0", 0, 1),
        (f"{BLOCK - 1}-{BLOCK + 5}", BLOCK - 1, BLOCK + 6),
        (f"{BLOCK}-", BLOCK, len(DATA)),
        ("-3", len(DATA) - 3, len(DATA)),
        (f"10-{len(DATA) * 2}", 10, len(DATA)),
    ],
)
def test_one_range(results: ResultStore, asked: str, first: int, stop: int) -> None:
    response, body = _answer(results, {"Range": f"bytes={asked}"})
    assert (response.status_code, body) == (206, DATA[first:stop])
    assert response.headers["Content-Range"] == f"bytes {first}-{stop - 1}/{len(DATA)}"
    assert response.headers["Content-Length"] == str(stop - first)


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=x"])
def test_what_is_no_single_range_is_answered_with_the_whole(results: ResultStore, asked: str) -> None:
    response, body = _answer(results, {"Range": asked})
    assert (response.status_code, body) == (200, DATA)


def test_a_range_outside(results: ResultStore) -> None:
    with pytest.raises(RangeOutside):
        _answer(results, {"Range": f"bytes={len(DATA)}-"})
    response, body = _answer(results, {"Range": "bytes=0-5"}, name="empty.txt")
    assert (response.status_code, body) == (200, b"")


def test_what_a_client_has_is_not_sent_again(results: ResultStore) -> None:
    first, _ = _answer(results, {})
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    for headers in ({"If-None-Match": etag}, {"If-Modified-Since": modified}):
        response, body = _answer(results, headers)
        assert (response.status_code, body) == (304, b"")
    assert _answer(results, {"If-Match": etag, "Range": "bytes=1-2"})[0].status_code == 206
    assert _answer(results, {"If-Range": etag, "Range": "bytes=1-2"})[0].status_code == 206
    assert _answer(results, {"If-Range": '"other"', "Range": "bytes=1-2"})[0].status_code == 200
    for refused in ({"If-Match": '"other"'}, {"If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}):
        with pytest.raises(PreconditionFailed):
            _answer(results, refused)


def test_head_opens_nothing(results: ResultStore) -> None:
    response, body = _answer(results, {}, method="HEAD")
    assert (response.status_code, body) == (200, b"")
    assert response.headers["Content-Length"] == str(len(DATA))


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-"}])
def test_a_job_that_is_removed_while_a_file_is_sent_is_sent_to_its_end(
    results: ResultStore, headers: dict[str, str]
) -> None:
    with Flask("host").test_request_context(headers=headers):
        response = file_response(results.content(ID, "image.tif"), "image/tiff")
    results.clear(ID)
    results.empty_trash()
    with closing(response):
        assert b"".join(response.response) == DATA  # type: ignore[arg-type]  # all of ours are bytes


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-"}])
def test_one_that_is_removed_between_is_not_available(tmp_path: Path, headers: dict[str, str]) -> None:
    results = FolderResults(tmp_path)
    publish(results, ID, {"image.tif": DATA})
    file = results.content(ID, "image.tif")
    results.clear(ID)
    with Flask("host").test_request_context(headers=headers), pytest.raises(ResultNotAvailable):
        file_response(file, "image/tiff")


def test_parts_are_read_as_they_are_due(results: ResultStore) -> None:
    parts = [
        Part(id="image", media_type="image/tiff", content=results.content(ID, "image.tif")),
        Part(id="text", media_type="text/plain", content=b"words"),
    ]
    response = multipart_response(parts)
    body = b"".join(response.response)  # type: ignore[arg-type]  # all of ours are bytes
    assert response.content_length == len(body)
    boundary = response.mimetype_params["boundary"].encode()
    image, text = (part.partition(b"\r\n\r\n")[2] for part in body.split(b"--" + boundary)[1:-1])
    assert (image, text) == (DATA + b"\r\n", b"words\r\n")


def test_a_part_that_goes_meanwhile_breaks_the_answer_off(tmp_path: Path) -> None:
    results = FolderResults(tmp_path)
    publish(results, ID, {"image.tif": DATA})
    part = Part(id="image", media_type="image/tiff", content=results.content(ID, "image.tif"))
    response = multipart_response([part])
    results.clear(ID)
    with pytest.raises(ResultNotAvailable):
        b"".join(response.response)  # type: ignore[arg-type]  # all of ours are bytes
