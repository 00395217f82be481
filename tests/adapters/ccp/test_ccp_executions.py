"""Executions: lists, files, archives, logs, repetition and removal, at the root and below /ccp."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from openapi_answers import ApiDocument
from resultkit import append_log
from tests.adapters.ccp.conftest import submit

from dragoman.model.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient
    from tests.adapters.ccp.conftest import Server
    from werkzeug.test import TestResponse

PREFIXES = ["", "/ccp"]
UNKNOWN = "00000000-0000-4000-8000-000000000000"
DOCUMENT = ApiDocument("ccp")


@pytest.fixture(params=PREFIXES)
def base(request: pytest.FixtureRequest) -> str:
    return f"{request.param}/executions"


def get(client: FlaskClient, path: str, **options: Any) -> TestResponse:
    """The answer to a GET, which is as documented."""
    response = client.get(path, **options)
    if response.status_code != 404 or "application/json" in (response.mimetype or ""):
        DOCUMENT.check(response, response.request.path.removeprefix("/ccp"))
    return response


def names(response: TestResponse) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(response.data)) as whole:
        assert whole.testzip() is None
        return {name: whole.read(name) for name in whole.namelist()}


def test_they_are_listed_in_pages_newest_first(client: FlaskClient, base: str) -> None:
    ids = [submit(client, "echo", prefix=prefix) for prefix in ("/ccp", "", "/ccp")]
    assert [item["id"] for item in get(client, base).get_json()["executions"]] == ids[::-1]
    seen, page = [], f"{base}?limit=2"
    while page:
        document = get(client, page).get_json()
        assert document["numberMatched"] == 3
        seen += [item["jobID"] for item in document["executions"]]
        hrefs = [link["href"] for link in document["links"] if link["rel"] == "next"]
        page = hrefs[0].removeprefix("http://localhost:5000") if hrefs else ""
        assert page == "" or page.startswith(base)
    assert seen == ids[::-1]
    assert get(client, f"{base}?limit=0").status_code == 400


def test_one_tells_all_of_it_and_every_file_is_where_it_says(client: FlaskClient, base: str) -> None:
    job_id = submit(client, "raster", {"size": 1000, "ccpnote": "mine"})
    document = get(client, f"{base}/{job_id}").get_json()
    assert (document["id"], document["jobStatus"]["status"]) == (job_id, "successful")
    assert document["request"] == {"inputs": {"size": 1000, "ccpnote": "mine"}}
    assert document["method"]["id"] == "raster"
    assert {"ccpnote", "size"} <= document["method"]["inputs"].keys()
    assert document["infrastructure"]["type"] == "local"
    paths = {resource["path"]: resource for resource in document["resources"]}
    assert paths.keys() == {
        "outputs/image.tif", "outputs/points.json", "outputs/statistics.json", "outputs/output.zip",
        "metadata/request.json", "metadata/method.json", "metadata/infrastructure.json", "metadata/jobStatus.json",
        "metadata/prov.json", "metadata/provo.xml",
    }  # fmt: skip
    for path, resource in paths.items():
        assert resource["href"] == f"http://localhost:5000{base}/{job_id}/{path}"
        response = get(client, f"{base}/{job_id}/{path}", headers={"Accept": "application/json"})
        assert response.status_code == 200, path
        assert response.mimetype == resource["type"].partition(";")[0]
        assert "size" not in resource or len(response.data) == resource["size"], path
    assert "text/html" not in get(client, f"{base}/{job_id}").text


def test_the_archive_has_the_outputs_by_their_names(client: FlaskClient, base: str) -> None:
    job_id = submit(client, "raster", {"size": 100_000})
    response = get(client, f"{base}/{job_id}/outputs/output.zip", headers={"Accept": "text/html"})
    assert (response.status_code, response.mimetype) == (200, "application/zip")
    files = names(response)
    assert files.keys() == {"image.tif", "points.json", "statistics.json"}
    for name, data in files.items():
        assert get(client, f"{base}/{job_id}/outputs/{name}").data == data
    with zipfile.ZipFile(io.BytesIO(response.data)) as whole:
        assert whole.getinfo("image.tif").compress_type == zipfile.ZIP_STORED
        assert whole.getinfo("points.json").compress_type == zipfile.ZIP_DEFLATED


def test_values_are_text_or_json_and_lists_are_their_files(client: FlaskClient, base: str) -> None:
    echo = names(get(client, f"{base}/{submit(client, 'echo')}/outputs/output.zip"))
    assert echo == {"text.txt": b"hello", "numbers.json": b"[]", "all.json": b'{"text":"hello"}'}
    tiles = names(get(client, f"{base}/{submit(client, 'tiles', {'size': 10})}/outputs/output.zip"))
    assert tiles.keys() == {"count.json", *(f"tiles/{index}.png" for index in range(12))}


def test_it_comes_in_ranges_with_one_etag(client: FlaskClient, base: str) -> None:
    path = f"{base}/{submit(client, 'raster', {'size': 5000})}/outputs/output.zip"
    whole = get(client, path)
    part = get(client, path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.data) == (206, whole.data[10:20])
    assert part.headers["ETag"] == whole.headers["ETag"]
    assert get(client, path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert get(client, path, headers={"Range": "bytes=999999-"}).status_code == 416
    other = path.replace("/ccp", "") if path.startswith("/ccp") else f"/ccp{path}"
    assert get(client, other).headers["ETag"] == whole.headers["ETag"]


@pytest.mark.parametrize("output", ["image", "statistics"])
def test_it_is_made_anew_without_an_output_that_was_deleted(
    client: FlaskClient, server: Server, tmp_path: Any, output: str
) -> None:
    job_id = submit(client, "raster", {"size": 5000})
    path = f"/ccp/executions/{job_id}/outputs/output.zip"
    before = get(client, path)
    server.engine.remove_output(job_id, output)
    assert not list(tmp_path.glob("jobs/*/*/derived/*.zip"))
    after = get(client, path)
    assert after.headers["ETag"] != before.headers["ETag"]
    gone = {"image": "image.tif", "statistics": "statistics.json"}[output]
    assert names(after).keys() == {"image.tif", "points.json", "statistics.json"} - {gone}
    assert get(client, path.replace("output.zip", gone)).status_code == 404


def test_everything_is_one_archive_even_of_a_job_that_failed(
    client: FlaskClient, server: Server, base: str
) -> None:
    job_id = submit(client, "fail")
    append_log(server.results, job_id, "about to fail\n")
    files = names(get(client, f"{base}/{job_id}/archive.zip"))
    metadata = {f"metadata/{name}.json" for name in ("request", "method", "infrastructure", "jobStatus")}
    assert files.keys() == {"log.txt", *metadata, "metadata/prov.json", "metadata/provo.xml"}
    assert files["log.txt"] == b"about to fail\n"
    assert get(client, f"{base}/{job_id}/outputs/output.zip").status_code == 500
    job_id = submit(client, "raster", {"size": 10})
    first, again = (get(client, f"{base}/{job_id}/archive.zip") for _ in range(2))
    assert {"outputs/image.tif", "log.txt"} <= names(first).keys()
    assert (first.headers["ETag"], first.data) == (again.headers["ETag"], again.data)
    assert get(client, f"{base}/{submit(client, 'slow')}/archive.zip").status_code == 404


def test_the_log_is_what_it_printed_without_local_paths(
    client: FlaskClient, server: Server, base: str
) -> None:
    job_id = submit(client, "echo")
    assert get(client, f"{base}/{job_id}/logs").data == b""
    append_log(server.results, job_id, 'File "/home/me/secret/algorithm.py", line 3\nValueError: \xe9\n')
    response = get(client, f"{base}/{job_id}/logs")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.data.decode() == 'File "algorithm.py", line 3\nValueError: \xe9\n'


def test_a_repetition_is_a_job_with_the_same_request(client: FlaskClient, server: Server, base: str) -> None:
    sent = {"text": "hello", "numbers": "7", "ccpmaxtime": "30"}
    old = submit(client, "echo", sent)
    response = client.post(f"{base}/{old}/re-execute")
    DOCUMENT.check(response, f"/executions/{old}/re-execute")
    assert response.status_code == 201
    new = response.get_json()["jobID"]
    jobs = base.replace("executions", "jobs")
    assert response.headers["Location"] == f"http://localhost:5000{jobs}/{new}"
    job = server.engine.get(new)
    assert (job.request.repeats, job.timeout, job.dialect) == (old, 30, "ccp")
    assert client.get(f"/jobs/{new}/results/numbers").get_json() == [7]
    assert get(client, f"{base}/{new}/metadata/request.json").get_json() == {"inputs": sent}


def test_a_large_request_is_repeated_too(client: FlaskClient, server: Server) -> None:
    text = "x" * 100_000
    old = submit(client, "slow", {"text": text})
    assert server.engine.get(old).request.spooled
    new = client.post(f"/executions/{old}/re-execute").get_json()["jobID"]
    assert client.get(f"/executions/{new}/metadata/request.json").get_json()["inputs"]["text"] == text


@pytest.mark.parametrize("process_id", ["slow", "echo", "fail"])
def test_a_deleted_one_is_nowhere_any_more(
    client: FlaskClient, tmp_path: Any, base: str, process_id: str
) -> None:
    job_id = submit(client, process_id)
    get(client, f"{base}/{job_id}/archive.zip")
    response = client.delete(f"{base}/{job_id}")
    DOCUMENT.check(response, f"/executions/{job_id}")
    assert response.status_code == 200
    assert response.get_json()["status"] == ("failed" if base.startswith("/ccp") else "dismissed")
    for path in (f"/executions/{job_id}", f"/ccp/executions/{job_id}/logs", f"/jobs/{job_id}"):
        assert client.get(path).status_code == 404
    assert client.delete(f"{base}/{job_id}").status_code == 404
    assert not list(tmp_path.glob("jobs/*/*"))


def test_a_cancelled_one_says_so_where_it_is_written_down(client: FlaskClient) -> None:
    job_id = submit(client, "slow")
    client.delete(f"/ccp/jobs/{job_id}")
    assert client.get(f"/ccp/executions/{job_id}").get_json()["jobStatus"]["status"] == "failed"
    assert client.get(f"/executions/{job_id}").get_json()["jobStatus"]["status"] == "dismissed"
    status = client.get(f"/ccp/executions/{job_id}/metadata/jobStatus.json").get_json()
    assert status["status"] == "dismissed"


@pytest.mark.parametrize(
    "path",
    [
        "outputs/nothing.tif",
        "outputs/../request.json",
        "outputs/..%2frequest.json",
        "outputs/%2e%2e/log.txt",
        "outputs/image.tif/",
        "outputs/image.tif%00",
        "outputs//etc/passwd",
        "outputs/",
        "outputs",
        "metadata/nothing.json",
        "metadata/request",
        "metadata/..%2f..%2frequest.json",
        "derived/output.zip",
        "x",
    ],
)
def test_what_is_no_file_of_it_is_not_there(client: FlaskClient, base: str, path: str) -> None:
    job_id = submit(client, "raster", {"size": 10})
    response = client.get(f"{base}/{job_id}/{path}")
    if path == "outputs/image.tif/":  # Flask's own tolerance of a slash is not ours to promise
        assert response.status_code in (200, 404)
        return
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
    assert "/etc" not in response.get_json()["detail"] or "passwd" in path


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/logs"),
        ("GET", "/archive.zip"),
        ("GET", "/outputs/output.zip"),
        ("GET", "/outputs/text.txt"),
        ("GET", "/outputs/nothing"),
        ("GET", "/metadata/request.json"),
        ("GET", "/metadata/nothing"),
        ("POST", "/re-execute"),
    ],
)
def test_somebody_elses_was_never_there(
    make_server: Callable[..., Server], base: str, method: str, path: str
) -> None:
    def authenticate(request: Any) -> Principal:
        return Principal(id=request.headers.get("X-Me", "alice"))

    server = make_server(authenticate=authenticate)
    client = server.client()
    job_id = submit(client, "echo")
    bob = {"X-Me": "bob"}
    theirs = client.open(f"{base}/{job_id}{path}", method=method, headers=bob)
    never = client.open(f"{base}/{UNKNOWN}{path}", method=method, headers=bob)
    assert theirs.status_code == never.status_code == 404
    assert theirs.text.replace(job_id, UNKNOWN) == never.text
    assert client.get(base, headers=bob).get_json()["executions"] == []
    assert len(server.engine.jobs) == 1


@pytest.mark.parametrize("name", ["outputs/output.zip", "archive.zip"])
def test_an_archive_that_there_is_no_room_for_is_not_made(
    client: FlaskClient, server: Server, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    early, late = submit(client, "echo"), submit(client, "echo")
    assert get(client, f"/executions/{early}/{name}").status_code == 200
    monkeypatch.setattr(server.jobs, "_min_free_bytes", server.results.free_bytes() * 2)
    refused = get(client, f"/executions/{late}/{name}")
    assert (refused.status_code, refused.get_json()["code"]) == (503, "disk-full")
    assert refused.headers["Retry-After"] == "60"
    assert get(client, f"/executions/{early}/{name}").status_code == 200, "it is there already"


def test_room_is_needed_for_all_that_is_in_it(
    client: FlaskClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(client, "echo", {"text": "x" * 5000})
    asked: list[int] = []
    monkeypatch.setattr(server.jobs, "_check_disk", lambda more=0: asked.append(more))
    assert get(client, f"/executions/{job}/outputs/output.zip").status_code == 200
    assert asked[0] >= 5000
