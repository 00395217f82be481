"""A server as the official suite would meet it, and the world around it: data to fetch, subscribers to call."""

from __future__ import annotations

import json
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml
from harness import REPOSITORY, Server, serving, wait_for
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCHEMAS = REPOSITORY / "tests/data/ogc-schemas/ogcapi/processes/part1/1.0/openapi/schemas"


class World:
    """An HTTP server on loopback that has some documents and remembers what is posted to it."""

    def __init__(self) -> None:
        self.documents = {
            "/text": ("text/plain", b"from far away"),
            "/text.json": ("application/json", b'"from far away"'),
            "/numbers": ("application/json", b"[1, 2, 3]"),
            "/words": ("application/json", b'["one", "two"]'),
            "/area": ("application/json", b'{"bbox": [5, 45, 10, 47]}'),
            "/page": ("text/html", b"<p>a page</p>"),
        }
        self.received: list[tuple[str, Any]] = []
        """Path and JSON of each POST, in order."""
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                media_type, content = world.documents.get(self.path, ("text/plain", b""))
                self.send_response(200 if self.path in world.documents else 404)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                world.received.append((self.path, json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing on stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.authority = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.authority}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def posted(self, path: str) -> Any:
        """Wait until something is posted to a path; its JSON."""
        found = wait_for(lambda: [body for at, body in self.received if at == path], f"a POST to {path}")
        return found[0]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@pytest.fixture(scope="session")
def server(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("conformance")
    with serving(folder, manager={"fetch": {"allow": [world.authority]}}) as started:
        yield started


@pytest.fixture(scope="session")
def get(server: Server) -> Callable[..., requests.Response]:
    """GET a path with headers; Accept is absent unless given."""

    def ask(path: str, *, params: dict[str, Any] | None = None, **headers: str) -> requests.Response:
        sent = {"Accept": None, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return requests.get(f"{server.url}{path}", params=params, headers=sent, timeout=120)

    return ask


@pytest.fixture(scope="session")
def post(server: Server) -> Callable[..., requests.Response]:
    """Execute echo (or ``process``) with inputs; other members of the request by name."""

    def ask(
        inputs: dict[str, Any], *, process: str = "echo", prefer: str | None = None, **members: Any
    ) -> requests.Response:
        url = f"{server.url}/processes/{process}/execution"
        headers = {"Accept": None, "Prefer": prefer}
        return requests.post(url, json={"inputs": inputs, **members}, headers=headers, timeout=120)

    return ask


@pytest.fixture(scope="session")
def valid() -> Callable[[str, Any], None]:
    """Asserts that a document is what one of OGC's schemas says."""

    def check(name: str, document: Any) -> None:
        errors = [error.message for error in _validator(name).iter_errors(document)]
        assert not errors, errors

    return check


@cache
def _validator(name: str) -> Draft4Validator:
    registry: Registry[Any] = Registry(retrieve=_schema)  # type: ignore[call-arg]  # attrs hides the name from mypy
    return Draft4Validator({"$ref": f"{name}.yaml"}, registry=registry)


def _schema(uri: str) -> Resource[Any]:
    contents = yaml.safe_load((SCHEMAS / uri).read_text())
    if uri == "inputValueNoObject.yaml":
        # as published an integer matches two of its branches and a string two others, so none is valid
        contents["anyOf"] = contents.pop("oneOf")
    return Resource.from_contents(contents, default_specification=DRAFT4)
