"""Dataset sessions on a real server: the recorded dialogues, many readers, and death in the middle."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import requests
from aeonbody import parse_body
from harness import REPOSITORY, Server, wait_for

from dragoman.client.aeon import AeonError, Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

RECORDED = REPOSITORY / "tests" / "datasets" / "recorded"
TRANSCRIPT = REPOSITORY / "tests" / "adapters" / "aeon" / "recorded" / "transcript.txt"
NAMES = {"/data": "the data root", "/nope.tsv": "nothing"}
HEADERLESS = "img_00.png\t0\n"
OTHER_MANIFESTS = {
    "empty.tsv": "",
    "nohdr.tsv": HEADERLESS,
    "badhdr.tsv": "@FILE\tINT\nimg_00.png\t0\n",
    "badcols.tsv": "@FILE\tASCII_INT\nimg_00.png\n",
    "string.tsv": "@FILE\tSTRING\nimg_00.png\t5\nimg_01.jpg\t6\n",
}

DIFFERENT = {
    16, 20, 21, 22, 23, 24, 26, 27, 28, 29, 32, 33, 34,  # paths and methods: see docs/aeon.md
    36, 37, 38, 39, 40, 43, 44, 76,
}  # fmt: skip
"""Numbers of the dialogues in which ours answers something else on purpose."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aeon")
    shutil.copytree(RECORDED, folder, dirs_exist_ok=True)
    for name, text in OTHER_MANIFESTS.items():
        (folder / name).write_text(text)
    numbers = "".join(f"{number}\n" for number in range(400))
    (folder / "numbers.tsv").write_text(f"@ASCII_INT\n{numbers}")
    return folder


@pytest.fixture(scope="module")
def server(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"), {"data_roots": [str(data)]})
    server.start(gunicorn=2)
    yield server
    server.stop()


def configuration(data: Path, **members: Any) -> dict[str, Any]:
    return {
        "manifest_filename": str(data / "manifest.tsv"),
        "manifest_root": str(data / "imgs"),
        "batch_size": 4,
        "etl": [{"type": "image", "width": 28, "height": 28}, {"type": "label", "binary": True}],
        **members,
    }


def counting(data: Path, **members: Any) -> dict[str, Any]:
    """A session whose records are numbers: each tells which it is."""
    numbers = {"manifest_filename": str(data / "numbers.tsv"), "batch_size": 2, "etl": [{"type": "label"}]}
    return configuration(data, **numbers | members)


# -- the recorded dialogues ------------------------------------------------------------------------------


def recorded_dialogues() -> list[tuple[int, str, str, str | None, int, bytes]]:
    """Number, method, path, body sent, status and body that came back (a digest of what is binary)."""
    dialogues = []
    for block in TRANSCRIPT.read_text().split("### ")[1:]:
        number = int(block.split(" ", 1)[0])
        sent = re.findall(r"^> (.*)$", block, re.M)
        came = re.findall(r"^< (.*)$", block, re.M)
        if not sent or not came or number in DIFFERENT:
            continue
        method, path = sent[0].split(" ", 1)
        body = next((line for line in sent[1:] if line.startswith(("{", "["))), None)
        dialogues.append((number, method, path, body, int(came[0].split(" ")[1]), came[-1].encode()))
    return dialogues


def test_the_recorded_dialogue_is_answered_as_it_was(server: Server, data: Path) -> None:
    ids: dict[str, str] = {}
    for number, method, path, body, status, expected in recorded_dialogues():
        place = re.sub(r"(?<=/dataset/)(\d+)", lambda match: ids.get(match[1], match[1]), path)
        sent = None if body is None else body.replace("/data/", f"{data}/")
        response = requests.request(
            method, server.url + place, data=sent, headers={"User-Agent": ""}, timeout=60
        )
        assert response.status_code == status, (number, response.text)
        if b"[binary" in expected:
            digest = re.search(rb"sha256=(\w+)", expected)
            assert digest is not None
            _same_batch(response.content, digest[1].decode(), number)
            continue
        answer, wanted = response.json(), json.loads(expected)
        if method == "POST" and status == 202:
            ids[wanted["data"]["id"]] = answer["data"]["id"]
            assert answer["data"]["id"].isdecimal()
            continue
        description = answer["status"].pop("description", "")
        recorded = wanted["status"].pop("description", "").replace("/data/", f"{data}/")
        recorded = re.sub(r"line(:?) (\d+)", lambda m: f"line{m[1]} {int(m[2]) + 1}", recorded)
        if number != 71:  # its reference to the documentation of neon helps nobody any more
            assert description.startswith(recorded), (number, description)
        assert answer == wanted, number


def _same_batch(body: bytes, digest: str, number: int) -> None:
    """The recorded body, unless that carries what the real server had left behind its last buffer."""
    import hashlib

    buffers, end = parse_body(body)
    assert end == len(body)
    assert buffers
    if number not in (105, 109):  # recorded with a stale tail
        assert hashlib.sha256(body).hexdigest() == digest, number


def test_the_real_clients_requests_are_answered_as_it_needs(server: Server, data: Path) -> None:
    """No User-Agent, form content type, a connection each: names and shapes are a text, counts are texts."""
    headers = {"User-Agent": "", "Accept": "*/*", "Content-Type": "application/x-www-form-urlencoded"}
    sent = json.dumps({**configuration(data), "remote": {"address": "127.0.0.1", "async": True, "port": 1}})
    root = f"{server.url}/api/v1/dataset"
    created = requests.post(root, data=sent, headers={**headers, "Expect": "100-continue"}, timeout=60)
    assert created.status_code == 202
    session = f"{root}/{created.json()['data']['id']}"
    assert list(created.json()) == ["data", "status"]
    described = requests.get(f"{session}/names_and_shapes", headers=headers, timeout=60).json()["data"]
    assert isinstance(described["names_and_shapes"], str)
    assert json.loads(described["names_and_shapes"])["image"]["shape"] == [3, 28, 28]
    assert requests.get(f"{session}/record_count", headers=headers, timeout=60).json()["data"] == {
        "record_count": "10"
    }
    assert requests.get(f"{session}/reset", headers=headers, timeout=60).json()["status"]["type"] == "SUCCESS"
    for _ in range(3):
        assert requests.get(f"{session}/next", headers=headers, timeout=60).status_code == 200
    for _ in range(2):
        end = requests.get(f"{session}/next", headers=headers, timeout=60)
        assert (end.status_code, end.json()) == (404, {"status": {"type": "END_OF_DATASET"}})
    assert requests.delete(session, headers=headers, timeout=60).status_code == 200
    shown = requests.get(f"{session}/names_and_shapes", timeout=60)
    assert (shown.status_code, shown.json()) == (
        404,
        {"status": {"description": "not found", "type": "FAILURE"}},
    )


def test_head_hands_nothing_out(server: Server, data: Path) -> None:
    with Dataset(server.url, counting(data)) as session:
        path = f"{server.url}/v1/dataset/{session.session_id}/next"
        assert requests.head(path, timeout=60).status_code == 405
        assert session.state()["position"] == 0


@pytest.mark.parametrize("path", ["/api/v1/dataset/1/nothing", "/v1/dataset/abc/next", "/v1/dataset/1/2/3"])
def test_what_is_unknown_is_refused_in_aeons_words(path: str, server: Server) -> None:
    response = requests.get(server.url + path, timeout=60)
    assert response.status_code == 404
    assert response.json() == {"status": {"description": "not found", "type": "FAILURE"}}


# -- many readers, and death -----------------------------------------------------------------------------


def read_all(url: str, session_id: str, seen: Counter[int], lock: threading.Lock) -> int:
    """Read a session along with others; how many batches were lost on their way."""
    with Dataset(url, session_id=session_id, patience=120) as batches:
        return _read_all(batches, seen, lock)


def _read_all(batches: Dataset, seen: Counter[int], lock: threading.Lock) -> int:
    lost = 0
    connection = batches._connection
    path = f"/api/v1/dataset/{batches.session_id}/next"
    while True:
        try:
            body = connection.body("POST", path)
        except AeonError as error:
            if "lost on its way" not in str(error):
                raise
            lost += 1
            continue
        if body is None:
            return lost
        buffers, _ = parse_body(bytes(body))
        with lock:
            seen.update(buffers["label"].values.reshape(-1).tolist())


def test_each_batch_goes_to_one_of_many_readers(server: Server, data: Path) -> None:
    seen: Counter[int] = Counter()
    lock = threading.Lock()
    with Dataset(server.url, counting(data)) as session, ThreadPoolExecutor(8) as readers:
        tasks = [readers.submit(read_all, server.url, session.session_id, seen, lock) for _ in range(8)]
        assert sum(task.result() for task in tasks) == 0
    assert seen == Counter(range(400))


def offspring(server: Server, word: str) -> list[psutil.Process]:
    """The living processes of a server whose command line holds a word."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            own = process.environ().get("DRAGOMAN_HOME") == str(server.home)
            if own and word in " ".join(process.cmdline()):
                found.append(process)
    return found


def loaders(server: Server) -> list[psutil.Process]:
    """The loader: who has a batch of this server mapped, or a thread of its pool; the child that runs no job."""
    folder = Path("/dev/shm")
    return [
        process
        for process in offspring(server, "multiprocessing")
        if any(str(folder) in each.path for each in _maps(process)) or process.num_threads() > 3
    ]


def _maps(process: psutil.Process) -> list[Any]:
    try:
        return list(process.memory_maps(grouped=True))
    except psutil.Error:
        return []


def test_a_session_outlives_the_death_of_everybody(server: Server, data: Path) -> None:
    """Loader, supervisor and server are killed while 8 readers read: nothing comes twice, little is lost."""
    session = Dataset(
        server.url, counting(data, iteration_mode="COUNT", iteration_mode_count=200), patience=120
    )
    seen: Counter[int] = Counter()
    lock = threading.Lock()
    with ThreadPoolExecutor(8) as readers:
        tasks = [readers.submit(read_all, server.url, session.session_id, seen, lock) for _ in range(8)]
        for step, kill in enumerate((kill_loader, kill_supervisor, kill_server), start=1):
            wait_for(partial(enough, seen, 60 * step), "batches")
            kill(server)
        lost = sum(task.result() for task in tasks)
    assert max(seen.values()) == 1
    assert len(seen) >= 400 - 2 * (8 * 3 + lost)
    session.close()


def test_a_slow_reader_gets_its_batch_as_it_was_while_its_memory_would_be_of_use(
    server: Server, data: Path
) -> None:
    """A body is larger than what sockets hold, so most of it is sent when six other batches have been."""
    etl = [{"type": "image", "width": 512, "height": 512}, {"type": "label", "binary": True}]
    body = configuration(data, batch_size=17, etl=etl, iteration_mode="COUNT")
    root = f"{server.url}/api/v1/dataset"
    with Dataset(server.url, body | {"iteration_mode_count": 1}) as calm:
        expected = requests.post(f"{root}/{calm.session_id}/next", timeout=60).content
    with Dataset(server.url, body | {"iteration_mode_count": 7}) as session:
        path = f"{root}/{session.session_id}/next"
        with requests.post(path, stream=True, timeout=60) as slow:
            start = slow.raw.read(1000)
            others = [requests.post(path, timeout=60).content for _ in range(6)]
            assert start + slow.raw.read() == expected
    assert all(len(other) == len(expected) and other != expected for other in others)


def enough(seen: Counter[int], number: int) -> bool:
    return sum(seen.values()) >= number


def kill_loader(server: Server) -> None:
    for process in loaders(server):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def kill_supervisor(server: Server) -> None:
    for process in offspring(server, "supervise"):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def kill_server(server: Server) -> None:
    assert server.process is not None
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()
    server.start(gunicorn=2)


def test_a_client_goes_on_over_a_restart(data: Path, tmp_path: Path) -> None:
    server = Server(tmp_path, {"data_roots": [str(data)]})
    server.start(gunicorn=2)
    try:
        with Dataset(server.url, counting(data, batch_size=50), patience=120) as session:
            batches = iter(session)
            first = next(batches)["label"].reshape(-1).tolist()
            server.stop()
            server.start(gunicorn=2)
            rest = [batch["label"].reshape(-1).tolist() for batch in batches]
        assert first == list(range(50))
        assert rest[-1] == list(range(350, 400))
        assert len(rest) in (6, 7)  # what was on its way may be lost
    finally:
        server.stop()


def test_a_manifest_that_changes_is_a_failure_that_names_it(server: Server, data: Path) -> None:
    manifest = data / "changing.tsv"
    manifest.write_text("@ASCII_INT\n" + "1\n" * 4000)
    with Dataset(server.url, counting(data) | {"manifest_filename": str(manifest)}) as session:
        manifest.write_text("@ASCII_INT\n" + "2\n" * 5000)
        with pytest.raises(AeonError, match="has changed since the session began") as raised:
            list(session)
        assert raised.value.status == 500


def test_a_picture_that_cannot_be_read_names_its_line_and_is_tried_again(server: Server, data: Path) -> None:
    lines = "".join(f"{data}/imgs/img_0{n}.png\t0\n" for n in (0, 2, 4, 6))
    (data / "late.tsv").write_text(f"@FILE\tASCII_INT\n{lines}late.png\t1\n")
    body = configuration(data, manifest_filename=str(data / "late.tsv"), batch_size=1)
    with Dataset(server.url, body) as session:
        batches = iter(session)
        for _ in range(4):
            next(batches)
        with pytest.raises(AeonError, match=r'Could not find file: "late.png".*\(line 6'):
            next(batches)
        assert session.state()["position"] == 4
        shutil.copyfile(data / "imgs" / "img_08.png", data / "imgs" / "late.png")
        with Dataset(server.url, session_id=session.session_id) as again:
            assert [batch["label"].tolist() for batch in again] == [[[1]]]
