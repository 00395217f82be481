"""200 tasks from 8 clients while server and engine are killed: each ends truthfully, and no file is fetched twice."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import requests
from appstorekit import AppStore, asset, serving_apps
from fileserver import content, serving_files
from harness import gone, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fileserver import FileServer

CLIENTS, EACH, FILES = 8, 25, 3
SIZE = 4_000


def patiently[T](ask: Callable[[], T], vain: Callable[[], object] = lambda: None) -> T:
    """What a client gets that tries again while the server is away, or is not ready; ``vain`` is told of each try."""

    def tried() -> tuple[T] | None:
        try:
            return (ask(),)
        except (requests.RequestException, AssertionError):
            vain()
            return None

    return wait_for(tried)[0]


class Client(threading.Thread):
    """Makes tasks, one after the other; of every tenth one file is missing, of every fifth all are."""

    def __init__(self, number: int, store: AppStore, files: FileServer) -> None:
        super().__init__(daemon=True)
        self.number, self.store, self.files = number, store, files
        self.tasks: dict[str, list[str]] = {}
        """The names of the files that each has, by its id."""
        self.paths: dict[str, list[str]] = {}
        """Where the files of each are, in the order of their announcement, by its id."""
        self.unheard = 0
        """How many tasks it may have made at most without ever hearing of them."""
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            for task in range(EACH):
                self._make(task)
        except BaseException as error:  # told by the test
            self.error = error

    def _miss(self) -> None:
        self.unheard += 1

    def _make(self, task: int) -> None:
        task_id = patiently(lambda: self.store.create(assets_total=FILES), self._miss)
        names = [f"{self.number}-{task}-{n}" for n in range(FILES)]
        kinds = ["missing" if task % 5 == 0 or (task % 10 == 1 and n == 0) else "good" for n in range(FILES)]
        batch = [asset(self.files.url(kind, name), name) for kind, name in zip(kinds, names, strict=True)]
        self.paths[task_id] = [f"/{kind}/{name}" for kind, name in zip(kinds, names, strict=True)]
        for each in batch:
            patiently(lambda each=each: self.store.feed(task_id, [each]))  # type: ignore[misc]
        self.tasks[task_id] = [name for kind, name in zip(kinds, names, strict=True) if kind == "good"]


def test_no_task_is_lost_and_no_file_is_fetched_twice(tmp_path: Path) -> None:
    with serving_files(SIZE) as files, serving_apps(tmp_path, [files.netloc], workers=2) as server:
        store = AppStore(server.url, "free")
        clients = [Client(number, store, files) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        wait_for(lambda: _made(clients) >= 50, "some tasks are made")
        os.kill(server.supervisor, signal.SIGKILL)
        wait_for(lambda: _made(clients) >= 100, "more are")
        family = server.family()
        server.kill_group()
        server.process = None
        wait_for(lambda: all(gone(pid) for pid in family), "nothing of it is left")
        whole = _whole(server.home, clients)
        before = {path: files.asked[path] for path in whole}
        server.start()
        for client in clients:
            client.join(240)
            assert not client.is_alive()
            assert client.error is None, client.error
        tasks = {task_id: names for client in clients for task_id, names in client.tasks.items()}
        assert len(tasks) == CLIENTS * EACH
        for task_id, names in tasks.items():
            _check(store, task_id, names)
        assert store.pending() <= sum(client.unheard for client in clients)
        assert {path: files.asked[path] for path in whole} == before, "what was whole is not fetched again"
        assert max(files.asked.values()) <= 3, "once, and once more for each time that all was killed"
        assert not list((server.home / "gathered").glob("??/*/*"))


def _whole(home: Path, clients: Sequence[Client]) -> list[str]:
    """The paths of the files that lie whole in the folders of tasks."""
    paths = []
    for client in clients:
        for task_id, own in list(client.paths.items()):
            folder = home / "gathered" / task_id[:2] / task_id
            paths += [path for n, path in enumerate(own) if (folder / f"{n:06d}").exists()]
    return paths


def _made(clients: Sequence[Client]) -> int:
    return sum(len(client.tasks) for client in clients)


def _check(store: AppStore, task_id: str, names: list[str]) -> None:
    task = store.ended(task_id)
    lost = FILES - len(names)
    result: Any = store.result(task_id).json()
    if not names:
        assert result["success"] is False
        assert f"none of its {FILES} assets could be had" in result["message"] == task["message"]
        return
    assert [entry["file_name"] for entry in result] == names
    assert [entry["sha256"] for entry in result] == [
        hashlib.sha256(content(name, SIZE)).hexdigest() for name in names
    ]
    assert (task["message"] is None) == (lost == 0)
