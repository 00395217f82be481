"""How long requests take until their answer begins, by dialect and status; measured in one place for every path.

Nothing is labelled with a path: one that nobody serves makes no series. prometheus_client takes a while to import, so
the first request has a thread do that, and what is measured meanwhile is kept.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dragoman.web import metrics_files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Blueprint
    from flask.blueprints import BlueprintSetupState
    from prometheus_client import CollectorRegistry, Histogram

LOGGER = logging.getLogger(__name__)

NAME: Final = "dragoman_http_request_duration_seconds"
HELP: Final = "Seconds until the answer to an HTTP request begins, by dialect and status."
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0)
OTHER: Final = "other"
"""The dialect of the host's own paths, and of those that nobody serves."""
OURS: Final = "dragoman_"
"""What the names of our blueprints begin with."""
FAILED: Final = "500"
"""The status of a request whose application raised an error and began no answer."""
MOST_PENDING: Final = 1000


class Latency:
    """The histogram of one web process. Any thread may observe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._children: dict[tuple[str, str], Histogram] = {}
        self._pending: deque[tuple[str, str, float]] = deque(maxlen=MOST_PENDING)
        self._histogram: Histogram | None = None
        self._loading: threading.Thread | None = None
        self._folder: Path | None = None
        """Where every process of the server keeps its numbers; None: each for itself."""

    def observe(self, dialect: str, status: str, seconds: float) -> None:
        """Add one request."""
        child = self._children.get((dialect, status))
        if child is not None:
            child.observe(seconds)
        else:
            self._observe_first(dialect, status, seconds)

    def register(self, registry: CollectorRegistry) -> Path | None:
        """Have a registry tell of all processes; the folder of their files, None if there is none."""
        from prometheus_client.multiprocess import MultiProcessCollector

        self.wait()
        if self._folder is not None and self._folder.is_dir():
            MultiProcessCollector(registry, str(self._folder))  # type: ignore[no-untyped-call]
            return self._folder
        if self._histogram is not None and self._folder is None:
            registry.register(self._histogram)
        return None

    def wait(self) -> None:
        """Return when everything that was observed is in the histogram."""
        with self._lock:
            thread = self._load()
        thread.join()
        with self._lock:
            self._drain()

    def _observe_first(self, dialect: str, status: str, seconds: float) -> None:
        with self._lock:
            self._pending.append((dialect, status, seconds))
            self._load()
            self._drain()

    def _load(self) -> threading.Thread:
        if self._loading is None:
            self._loading = threading.Thread(target=self._import, name="dragoman-metrics", daemon=True)
            self._loading.start()
        return self._loading

    def _import(self) -> None:
        try:
            histogram = self._make()
        except OSError as error:
            LOGGER.warning("requests are not measured: %s", error, extra={"action": "metrics"})
            return
        with self._lock:
            self._histogram = histogram
            self._drain()

    def _make(self) -> Histogram:
        from prometheus_client import CollectorRegistry, Histogram, values

        if getattr(values.ValueClass, "_multiprocess", False):
            folder = Path(os.environ[metrics_files.VARIABLE])
            metrics_files.make_room(folder)
            metrics_files.add_up_the_dead(folder)
            self._folder = folder
        return Histogram(NAME, HELP, ["dialect", "status"], registry=CollectorRegistry(), buckets=BUCKETS)

    def _drain(self) -> None:
        """Move what was kept into the histogram, if there is one; with the lock held."""
        while self._histogram is not None and self._pending:
            dialect, status, seconds = self._pending.popleft()
            child = self._children.get((dialect, status))
            if child is None:
                child = self._children[dialect, status] = self._histogram.labels(dialect, status)
            child.observe(seconds)


def install(blueprint: Blueprint, latency: Latency) -> None:
    """Measure every request to the application that the blueprint is registered with, refused ones too.

    Around the application, not by its hooks: two of those would cost each request 20 us.
    """

    def register(state: BlueprintSetupState) -> None:
        app: Any = state.app
        app.wsgi_app = measured(app.wsgi_app, latency)

    blueprint.record_once(register)


def measured(application: WSGIApplication, latency: Latency) -> WSGIApplication:
    """The application, with a clock beside it."""
    dialects: dict[str, str] = {}
    """By endpoint: there are as many as the application has."""

    def dialect(environ: WSGIEnvironment) -> str:
        rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
        endpoint = "" if rule is None else rule.endpoint
        name = dialects.get(endpoint)
        if name is None:
            name = dialects[endpoint] = dialect_of(endpoint)
        return name

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        begun, status, name = time.perf_counter(), FAILED, OTHER

        def started(line: str, headers: Any, *error: Any) -> Any:
            nonlocal status, name
            status, name = line[:3], dialect(environ)  # now: when the application returns, Flask has let go
            return start_response(line, headers, *error)

        try:
            return application(environ, started)
        finally:
            latency.observe(name, status, time.perf_counter() - begun)

    return serve


def dialect_of(endpoint: str) -> str:
    """The dialect whose blueprint serves an endpoint; ``server`` for what is the server's own."""
    blueprint, _, _ = endpoint.partition(".")
    if not blueprint.startswith(OURS):
        return OTHER
    name = blueprint.removeprefix(OURS)
    return "server" if name in ("health", "metrics") else name
