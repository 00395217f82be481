"""AppStore's tasks on a real server, with files from a server that does all that servers do."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from appstorekit import AppStore, asset, data_of, serving_apps
from fileserver import SIZE, content, serving_files
from harness import HANG, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fileserver import FileServer
    from harness import Server

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def files() -> Iterator[FileServer]:
    with serving_files() as server:
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, files: FileServer) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("appstore")
    fetch = {"max_bytes": "1MiB", "timeout": 8}
    with serving_apps(folder, [files.netloc], fetch=fetch) as started:
        yield started


def api(server: Server, application: str | None = None) -> AppStore:
    return AppStore(server.url, application)


def gathered(server: Server, task_id: str) -> list[Path]:
    """What lies in the folder of a task's files."""
    return list((server.home / "gathered" / task_id[:2] / task_id).glob("*"))


def test_the_whole_flow_with_25_assets_from_a_server_that_does_its_worst(
    server: Server, files: FileServer
) -> None:
    store = api(server)
    made = requests.post(f"{store.base}/task", timeout=HANG)
    created = data_of(made)
    task_id = created.pop("task_id")
    assert created == {"attributes": ["longitude", "latitude"], "assets_per_batch": 10}
    first = store.task(task_id)
    assert first == {
        "task_id": task_id, "status": "CREATED", "assets_downloaded": 0, "result_id": None, "result_type": None,
        "message": None,
    }  # fmt: skip
    kinds = ["good"] * 9 + ["drops"] * 4 + ["busy"] * 3 + ["stalls", "inside", "lies", "endless", "missing"]
    kinds += ["good"] * 4
    assets = [
        asset(files.url(kind, f"flow{n}"), f"{n}.bin", longitude=n, latitude=-n, kind=kind)
        for n, kind in enumerate(kinds)
    ]
    assert len(assets) == 25
    store.feed(task_id, assets)
    assert store.task(task_id)["status"] in ("DOWNLOADING", "WAITING")
    assert requests.get(f"{server.url}/jobs/{task_id}", timeout=HANG).status_code == 404
    task = store.ended(task_id)
    assert (task["assets_downloaded"], task["result_type"]) == (100, "JSON")
    assert task["result_id"] == f"{server.url}/api/v1/result?id={task_id}"
    lost = {
        "16.bin": "took longer than 8 s",
        "17.bin": "redirects to what is not fetched: the host '10.0.0.1' is not on the public network",
        "18.bin": "",
        "19.bin": "larger than 1048576 bytes",
        "20.bin": "answered with status 404",
    }
    for name, word in lost.items():
        assert f"{name}: " in task["message"]
        assert word in task["message"]
    assert task["message"].startswith("5 of 25 assets could not be had: ")
    inventory = requests.get(task["result_id"], timeout=HANG).json()
    assert [entry["file_name"] for entry in inventory] == [
        name for n in range(25) if (name := f"{n}.bin") not in lost
    ]
    for entry in inventory:
        number = entry["longitude"]
        assert (entry["size"], entry["latitude"], entry["suffix"]) == (SIZE, -number, ".bin")
        assert entry["sha256"] == hashlib.sha256(content(f"flow{number}")).hexdigest()
    assert server.job(task_id)["status"] == "successful"
    assert files.sent["/drops/flow9"] < 2 * SIZE, "what was there is not fetched again"
    assert not gathered(server, task_id), "a task that has ended needs its files no more"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": [asset("http://a/b", f"{n}", longitude=1, latitude=1) for n in range(11)]}, "at most 10"),
        ({"data": [asset("http://a/b", "a", longitude=1)]}, "data[0].attributes: 'latitude' is missing"),
        ({"data": "x"}, "allowed: a list of assets"),
        ({"data": ["x"]}, 'data[0]: got "x"'),
        ({"data": [{"file_name": 1}]}, "data[0].file_name: got 1"),
        ({"data": [asset("http://a/b", "..", longitude=1, latitude=1)]}, "no name of a file is left"),
        ({"data": [asset("http://a/b", "a/\0", longitude=1, latitude=1)]}, "no name of a file is left"),
        ({"data": [{"file_name": "a", "download_url": "http://a/b", "attributes": []}]}, "allowed: an object"),
        ({"data": [asset("ftp://a/b", "a", longitude=1, latitude=1)]}, "download_url: only http and https"),
        ({"data": [asset("file:///etc/passwd", "a", longitude=1, latitude=1)]}, "only http and https"),
        ({"data": [asset("http://169.254.169.254/", "a", longitude=1, latitude=1)]}, "is not on the public network"),
        ({"data": [asset(7, "a", longitude=1, latitude=1)]}, "download_url: got 7; allowed: an http or https URL"),
        ({"task_id": None}, "the body names no task"),
    ],
)  # fmt: skip
def test_a_batch_with_a_mistake_is_refused_whole(server: Server, change: dict[str, Any], words: str) -> None:
    store = api(server)
    task_id = store.create()
    answer = requests.post(f"{store.base}/assets", json={"task_id": task_id, **change}, timeout=HANG)
    assert (answer.status_code, data_of(answer)) == (400, None)
    assert words in answer.json()["message"]
    assert store.task(task_id)["status"] == "CREATED"
    assert store.remove(task_id).status_code == 200


def test_a_name_stands_for_one_file_and_names_that_are_none_name_nothing(
    server: Server, files: FileServer
) -> None:
    store = api(server, "patient")
    task_id = store.create(assets_total=7)
    url, long = files.url("good", "name"), "l" * 400
    assert store.add(task_id, []).status_code == 200
    assert store.task(task_id)["status"] == "CREATED"
    assert store.add(task_id, [asset(url, "a.png", n=1)] * 2).status_code == 200
    assert store.add(task_id, [asset(url, "a.png", n=1)]).status_code == 200, "the same once more is the same"
    for other in (asset(url, "a.png", n=2), asset(f"{url}2", "a.png", n=1)):
        refused = store.add(task_id, [asset(url, "new"), other])
        assert (refused.status_code, data_of(refused)) == (409, None)
        assert "'a.png' is the name of another asset" in refused.json()["message"]
    names = ["../../a.png", "b\0\"'<.png", f"{long}.tif", f"{long}x.tif", "C:\\x\\A.PNG", "größe 漢字.png"]
    store.feed(task_id, [asset(url, name) for name in names])
    full = store.add(task_id, [asset(url, "one too many")])
    assert full.status_code == 400
    assert "assets_total is 7" in full.json()["message"]
    store.ended(task_id)
    inventory = store.result(task_id).json()
    given = [entry["file_name"] for entry in inventory]
    assert given[:3] == ["a.png", "a-2.png", "b\"'<.png"]
    assert given[5:] == ["A-3.PNG", "größe 漢字.png"]
    assert [len(name) for name in given[3:5]] == [255, 255]
    assert len(set(given)) == 7
    assert [entry["suffix"] for entry in inventory] == [".png"] * 3 + [".tif"] * 2 + [".png"] * 2
    late = store.add(task_id, [asset(url, "late")])
    assert late.status_code == 409
    assert "has ended" in late.json()["message"]


def test_the_kinds_of_result(server: Server, files: FileServer) -> None:
    tasks = {
        name: (store := api(server, name), store.create()) for name in ("bundle", "zip", "gallery", "bad")
    }
    for store, task_id in tasks.values():
        store.feed(task_id, [asset(files.url("good", name), name) for name in ("x.png", "y.png")])
    kinds = {name: store.ended(task_id)["result_type"] for name, (store, task_id) in tasks.items()}
    assert kinds == {"bundle": "STREAM", "zip": "STREAM", "gallery": "WEBSITE", "bad": "JSON"}
    one = tasks["bundle"][0].result(tasks["bundle"][1])
    assert one.headers["Content-Type"] == "application/octet-stream"
    assert one.headers["Content-Disposition"] == 'attachment; filename="joined.csv"'
    assert one.content == content("x.png") + content("y.png")
    part = tasks["bundle"][0].result(tasks["bundle"][1], headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, content("x.png")[:10])
    several = tasks["zip"][0].result(tasks["zip"][1])
    assert several.headers["Content-Type"] == "application/octet-stream"
    assert several.headers["Content-Disposition"] == f'attachment; filename="zip-{tasks["zip"][1]}.zip"'
    with zipfile.ZipFile(io.BytesIO(several.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert {"page.html", "number.json"} < set(names)
        assert archive.read("number.json") == b"2"
        assert sorted(archive.read(name) for name in names if name.endswith(".png")) == sorted(
            [content("x.png"), content("y.png")]
        )
    failed = tasks["bad"][0].result(tasks["bad"][1])
    assert failed.status_code == 200
    assert failed.json() == {"success": False, "message": "input 'mood': it is bad", "data": None}
    assert tasks["bad"][0].task(tasks["bad"][1])["message"] == "input 'mood': it is bad"
    _check_website(server, *tasks["gallery"])


def _check_website(server: Server, store: AppStore, task_id: str) -> None:
    answer = store.result(task_id)
    address = data_of(answer)["url"]
    assert address.startswith(f"{server.url}/appstore/gallery/website/{task_id}/")
    browser = store.result(task_id, headers={"Accept": "text/html,application/xhtml+xml"})
    assert (browser.status_code, browser.headers["Location"]) == (302, address)
    page = requests.get(address, timeout=HANG)
    assert page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    for rule in (
        "default-src 'none'",
        "img-src 'self' data:",
        "frame-ancestors 'none'",
        "sandbox allow-scripts",
    ):
        assert rule in policy
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy
    folder = address.rpartition("/")[0]
    assert requests.get(f"{folder}/pictures/0.png", timeout=HANG).content == content("x.png")
    key = folder.rpartition("/")[2]
    assert len(key) >= 22, "128 bits"
    for wrong in (
        folder.replace(key, key[::-1]),
        folder.replace("gallery", "zip"),
        folder.replace(task_id, UNKNOWN),
    ):
        gone = requests.get(f"{wrong}/page.html", timeout=HANG)
        assert (gone.status_code, data_of(gone)) == (404, None)
    for other in ("nothing", "../number.json", "%2e%2e/request.json"):
        assert requests.get(f"{folder}/{other}", timeout=HANG).status_code == 404
    assert store.remove(task_id).status_code == 200
    assert requests.get(address, timeout=HANG).status_code == 404


def test_what_fails_is_told_in_both_places_and_no_path_with_it(server: Server, files: FileServer) -> None:
    store = api(server, "free")
    task_id = store.create()
    store.feed(task_id, [asset(files.url("missing", "x"), "x.bin")])
    task = store.ended(task_id)
    assert task["result_type"] == "JSON"
    reason = "its asset could not be had (x.bin: 127.0.0.1 answered with status 404; allowed: 200)"
    assert task["message"] == reason
    assert store.result(task_id).json() == {"success": False, "message": reason, "data": None}
    assert server.job(task_id)["status"] == "failed"
    forgotten = api(server, "forgetful")
    task = forgotten.ended(forgotten.create())
    assert "no asset came for 0.5 s" in task["message"]
    assert str(server.home) not in task["message"]


def test_a_task_starts_when_it_is_told_how_many_come_or_by_a_short_batch(
    server: Server, files: FileServer
) -> None:
    url = files.url("good", "start")
    for store, told in ((api(server, "patient"), {"assets_total": 2}), (api(server, "hurried"), {})):
        task_id = store.create(**told)
        store.feed(task_id, [asset(url, "a"), asset(url, "b")])
        assert len(requests.get(store.ended(task_id)["result_id"], timeout=HANG).json()) == 2


def test_parameters_go_to_the_process_and_are_looked_at_before_anything_comes(server: Server) -> None:
    for store, body, words in (
        (api(server), {"parameters": {"mood": 1}}, "input 'mood'"),
        (api(server), {"parameters": {"nothing": 1}}, "input 'nothing'"),
        (api(server), {"parameters": {"files": []}}, "is made of the assets"),
        (api(server, "bad"), {"parameters": {"mood": "good"}}, "is fixed by the application"),
        (api(server), {"parameters": 7}, "parameters: got 7"),
        (api(server), {"assets_total": 0}, "assets_total: got 0"),
        (api(server), {"assets_total": 501}, "at most 500"),
        (api(server), {"application": "nothing"}, "there is no application 'nothing'"),
        (api(server, "free"), {"application": "zip"}, "leave it out"),
    ):
        refused = requests.post(f"{store.base}/task", json=body, timeout=HANG)
        assert (refused.status_code, data_of(refused)) == (400, None), refused.text
        assert words in refused.json()["message"]


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b'{"title": "anything", "x": [1]}', b" \n"])
def test_a_task_is_made_of_any_body(server: Server, body: bytes) -> None:
    made = requests.post(
        f"{server.url}/api/v1/task", data=body, headers={"Content-Type": "text/x"}, timeout=HANG
    )
    assert made.status_code == 200, made.text
    assert api(server).remove(data_of(made)["task_id"]).status_code == 200


@pytest.mark.parametrize("body", [b"[", b"[]", b"7", b'"x"', b"\xff"])
def test_but_not_of_what_is_no_object(server: Server, body: bytes) -> None:
    refused = requests.post(f"{server.url}/api/v1/task", data=body, timeout=HANG)
    assert (refused.status_code, data_of(refused)) == (400, None)


def test_every_error_below_its_paths_is_in_the_envelope(server: Server) -> None:
    root, own = f"{server.url}/api/v1", f"{server.url}/appstore/zip/api/v1"
    for base in (root, own):
        for method, path, status in (
            ("GET", "task", 400),
            ("GET", "task?id=1", 404),
            ("GET", f"task?id={UNKNOWN}", 404),
            ("GET", f"result?id={UNKNOWN}", 404),
            ("DELETE", f"task?id={UNKNOWN}", 404),
            ("GET", "task/x/y", 404),
            ("GET", "result/x", 404),
            ("PUT", "task", 405),
            ("POST", "status", 405),
            ("GET", "assets", 405),
        ):
            answer = requests.request(method, f"{base}/{path}", timeout=HANG)
            assert (answer.status_code, data_of(answer)) == (status, None), path
            assert answer.json()["message"]
    for path in ("/appstore", "/appstore/nothing/api/v1/status", "/appstore/zip/nothing"):
        answer = requests.get(f"{server.url}{path}", timeout=HANG)
        assert (answer.status_code, data_of(answer)) == (404, None), path
    others = requests.get(f"{root}/nothing", timeout=HANG)
    assert others.json() == {"detail": "Not Found"}, "what is left of it is PESTO's"
    task_id = api(server).create()
    assert api(server).task(task_id.upper())["task_id"] == task_id
    assert api(server, "zip").remove(task_id).status_code == 404, "another application's"
    early = api(server).result(task_id)
    assert (early.status_code, data_of(early)) == (409, None)
    assert api(server).remove(task_id).status_code == 200
    assert api(server).remove(task_id).status_code == 404


def test_a_task_that_is_removed_leaves_nothing_whatever_it_was_doing(
    server: Server, files: FileServer
) -> None:
    store, before = api(server, "free"), api(server).pending()
    fetching = store.create()
    store.feed(fetching, [asset(files.url("held", f"{n}"), f"{n}") for n in range(3)])
    wait_for(lambda: files.asked["/held/0"], "it is being fetched")
    assert (api(server).pending(), store.pending()) == (before + 1, 1)
    assert store.remove(fetching).status_code == 200
    gate = server.folder / "never"
    running = store.create(parameters={"gate": str(gate)})
    store.feed(running, [asset(files.url("good", "z"), "z")])
    wait_for(lambda: store.task(running)["status"] == "PROCESSING", "it runs")
    assert server.job(running)["status"] == "running"
    refused = store.add(running, [asset(files.url("good", "z"), "more")])
    assert (refused.status_code, "is being processed" in refused.json()["message"]) == (409, True)
    assert store.remove(running).status_code == 200
    for task_id in (fetching, running):
        assert requests.get(f"{server.url}/jobs/{task_id}", timeout=HANG).status_code == 404
        wait_for(lambda task_id=task_id: not gathered(server, task_id), "no file is left")  # type: ignore[misc]
    assert (api(server).pending(), store.pending()) == (before, 0)


def test_dismissed_through_ogc_a_task_ends_like_any_other(server: Server, files: FileServer) -> None:
    store = api(server, "free")
    task_id = store.create(parameters={"gate": str(server.folder / "never")})
    store.feed(task_id, [asset(files.url("good", "z"), "z")])
    wait_for(lambda: store.task(task_id)["status"] == "PROCESSING", "it runs")
    listed = requests.get(f"{server.url}/jobs", timeout=HANG).json()["jobs"]
    assert task_id in [job["jobID"] for job in listed]
    assert server.dismiss(task_id).status_code == 200
    task = store.ended(task_id)
    assert (task["result_type"], task["message"]) == ("JSON", "the task was cancelled")
    assert store.result(task_id).json() == {
        "success": False,
        "message": "the task was cancelled",
        "data": None,
    }


def test_the_status_is_prometheus_text_with_one_sample(server: Server) -> None:
    answer = requests.get(f"{server.url}/api/v1/status", timeout=HANG)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE pending_tasks_total gauge" in answer.text.splitlines()
    before = api(server).pending()
    task_id = api(server, "patient").create()
    assert (api(server).pending(), api(server, "patient").pending()) == (before + 1, 1)
    assert api(server, "patient").remove(task_id).status_code == 200
    assert api(server).pending() == before


def test_links_are_those_of_the_proxy_or_of_the_configuration(server: Server, files: FileServer) -> None:
    store = api(server, "free")
    task_id = store.create()
    store.feed(task_id, [asset(files.url("good", "z"), "z")])
    result = urlsplit(store.ended(task_id)["result_id"])
    assert f"{result.scheme}://{result.netloc}" == server.url
    assert result.path == "/appstore/free/api/v1/result"
