"""A client of AppStore's API, as naive as the proposal lets it be; and a server with applications for it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests
from harness import HANG, Server, serving, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

QUIET = 0.3
APPLICATIONS: Mapping[str, Mapping[str, Any]] = {
    "inventory": {"process": "inventory", "attributes": ["longitude", "latitude"], "assets_per_batch": 10},
    "free": {"process": "inventory"},
    "gated": {"process": "inventory"},
    "bad": {"process": "inventory", "parameters": {"mood": "bad"}},
    "bundle": {"process": "bundle"},
    "gallery": {"process": "gallery", "result_type": "WEBSITE"},
    "zip": {"process": "gallery"},
    "hurried": {
        "process": "inventory",
        "quiet_period": 600,
        "start_on_short_batch": True,
        "assets_per_batch": 3,
    },
    "patient": {"process": "inventory", "quiet_period": 600},
    "forgetful": {"process": "inventory", "abandoned_after": 0.5},
}


class AppStore:
    """One application's API, at the root or below its own path."""

    def __init__(self, server: str, application: str | None = None) -> None:
        self.base = f"{server}/api/v1" if application is None else f"{server}/appstore/{application}/api/v1"

    def create(self, **body: Any) -> str:
        """The id of a new task."""
        made = requests.post(f"{self.base}/task", json=body or None, timeout=HANG)
        assert made.status_code == 200, made.text
        return str(data_of(made)["task_id"])

    def add(self, task_id: str, assets: Sequence[Mapping[str, Any]]) -> requests.Response:
        """Announce assets."""
        return requests.post(f"{self.base}/assets", json={"task_id": task_id, "data": assets}, timeout=HANG)

    def feed(self, task_id: str, assets: Sequence[Mapping[str, Any]]) -> None:
        """Announce assets that are taken, ten at a time."""
        for start in range(0, len(assets), 10):
            answer = self.add(task_id, assets[start : start + 10])
            assert (answer.status_code, data_of(answer)) == (200, None), answer.text

    def task(self, task_id: str) -> dict[str, Any]:
        """Where it is, and what is said of it as ``message``."""
        answer = requests.get(f"{self.base}/task", params={"id": task_id}, timeout=HANG)
        data: dict[str, Any] = data_of(answer)
        return {**data, "message": answer.json()["message"]}

    def ended(self, task_id: str) -> dict[str, Any]:
        """The same once it is COMPLETED."""
        return wait_for(lambda: (task := self.task(task_id))["status"] == "COMPLETED" and task, task_id) or {}

    def result(self, task_id: str, **options: Any) -> requests.Response:
        """GET /result, no redirect followed."""
        options = {"timeout": HANG, "allow_redirects": False, **options}
        return requests.get(f"{self.base}/result", params={"id": task_id}, **options)

    def remove(self, task_id: str) -> requests.Response:
        """DELETE /task."""
        return requests.delete(f"{self.base}/task", params={"id": task_id}, timeout=HANG)

    def pending(self) -> int:
        """The one sample of /status."""
        answer = requests.get(f"{self.base}/status", timeout=HANG)
        samples = [line for line in answer.text.splitlines() if not line.startswith("#")]
        assert len(samples) == 1, answer.text
        name, number = samples[0].split(" ")
        assert name == "pending_tasks_total"
        return int(number)


def data_of(answer: requests.Response) -> Any:
    """The data of an answer that succeeded."""
    body = answer.json()
    assert body.keys() == {"success", "message", "data"}, body
    assert body["success"] is (answer.status_code < 400), body
    return body["data"]


def asset(url: object, name: str, **attributes: Any) -> dict[str, Any]:
    """An asset as it is announced."""
    return {"file_name": name, "download_url": url, "attributes": attributes}


@contextmanager
def serving_apps(folder: Path, allow: Sequence[str], *, workers: int = 2, **manager: Any) -> Iterator[Server]:
    """A server of APPLICATIONS that may fetch from these hosts."""
    own = {name: {"quiet_period": QUIET, **each} for name, each in APPLICATIONS.items()}
    appstore = {"applications": own, "default": "inventory", **manager.pop("appstore", {})}
    fetch = {"allow": list(allow), **manager.pop("fetch", {})}
    pesto = {"default_process": "echo"}
    with serving(
        folder,
        workers=workers,
        manager={"fetch": fetch, "dialects": {"appstore": appstore, "pesto": pesto}, **manager},
    ) as server:
        yield server
