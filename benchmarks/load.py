"""Clients: connections that are kept alive, in threads, with a clock on each request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

from benchmarks.report import median, percentile

ASYNC: Mapping[str, str] = {"Prefer": "respond-async"}

type Request = Callable[[Client], int]
"""Makes one request and gives its status."""


class Client(AbstractContextManager["Client"]):
    """One connection, connected before the first request is timed."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=300)
        self._connection.connect()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body."""
        return self._exchange("GET", path, None, headers)

    def delete(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        return self._exchange("DELETE", path)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body."""
        return self._exchange("POST", path, body, headers)

    def execute(
        self, process: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Execute a process; status and body."""
        data = json.dumps(body).encode()
        every = {"Content-Type": "application/json", "Accept": "*/*", **(headers or {})}
        return self._exchange("POST", f"/processes/{process}/execution", data, every)

    def submit(self, process: str, **inputs: Any) -> str:
        """The id of a new asynchronous job."""
        status, body = self.execute(process, {"inputs": inputs}, ASYNC)
        if status != 201:
            raise RuntimeError(f"{process} was answered {status}: {body[:300]!r}")
        job_id: str = json.loads(body)["jobID"]
        return job_id

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()

    def _exchange(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        self._connection.request(method, path, body, dict(headers or {"Accept": "application/json"}))
        response = self._connection.getresponse()
        return response.status, response.read()


@dataclass(slots=True)
class Sample:
    """What came of a number of requests."""

    latencies: list[float] = field(default_factory=list)
    """Milliseconds, of the requests that were answered with success."""
    failed: int = 0
    """Requests that were answered otherwise."""
    rates: list[float] = field(default_factory=list)
    """Successes per second, of each turn."""

    def add(self, other: Sample) -> None:
        """Take in another turn."""
        self.latencies += other.latencies
        self.failed += other.failed
        self.rates += other.rates

    @property
    def p50(self) -> float:
        """Milliseconds."""
        return median(self.latencies)

    @property
    def p99(self) -> float:
        """Milliseconds."""
        return percentile(self.latencies, 99)

    @property
    def rate(self) -> float:
        """Successes per second: the median turn's."""
        return median(self.rates)


def measure(port: int, request: Request, *, count: int, clients: int = 1, seconds: float = 3.0) -> Sample:
    """``count`` requests by so many clients at once; no new one after ``seconds``."""
    sample, lock = Sample(), threading.Lock()
    left = iter(range(count))
    connections = [Client(port) for _ in range(clients)]
    begun = time.perf_counter()

    def loop(client: Client) -> None:
        while time.perf_counter() - begun < seconds:
            with lock:
                if next(left, None) is None:
                    return
            start = time.perf_counter()
            status = request(client)
            took = time.perf_counter() - start
            with lock:
                if 200 <= status < 300:
                    sample.latencies.append(took * 1000)
                else:
                    sample.failed += 1

    _in_threads(loop, connections)
    sample.rates.append(len(sample.latencies) / (time.perf_counter() - begun))
    for client in connections:
        client.__exit__()
    return sample


def in_turns[K](turns: Mapping[K, Callable[[], Sample]], rounds: int) -> dict[K, Sample]:
    """A B A B ...: what drifts meanwhile touches all alike."""
    samples: dict[K, Sample] = {key: Sample() for key in turns}
    for _ in range(rounds):
        for key, turn in turns.items():
            samples[key].add(turn())
    return samples


def _in_threads(loop: Callable[[Client], None], clients: Sequence[Client]) -> None:
    if len(clients) == 1:
        loop(clients[0])
        return
    threads = [threading.Thread(target=loop, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
