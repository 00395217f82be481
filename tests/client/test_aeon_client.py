"""The Python client against a server that does as it is told: batches, the end, refusals, and being away."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dragoman.client.aeon import TOGETHER, AeonError, Dataset, parse_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

END = (404, b'{"status":{"type":"END_OF_DATASET"}}')
DONE = (200, b'{"status":{"type":"SUCCESS"}}')
CREATED = (202, b'{"data":{"id":"42"},"status":{"type":"SUCCESS"}}')
CONFIGURATION: dict[str, Any] = {
    "manifest_filename": "/data/a.tsv",
    "batch_size": 2,
    "etl": [{"type": "label"}],
}


def batch(first: int, second: int) -> bytes:
    otype = {"cv_type": 4, "name": "uint32_t", "np_type": 6, "size": 4}
    header = json.dumps({"byte_size": 4, "names": [], "otype": otype, "shape": [1]}, separators=(",", ":"))
    return f"1,5,label,{header}2,0,".encode() + np.array([first, second], "<u4").tobytes()


def large(values: NDArray[np.uint8]) -> bytes:
    """A batch of one record."""
    otype = {"cv_type": 0, "name": "uint8_t", "np_type": 2, "size": 1}
    described = {"byte_size": len(values), "names": [], "otype": otype, "shape": [len(values)]}
    header = json.dumps(described, separators=(",", ":"))
    return f"1,5,label,{header}1,0,".encode() + values.tobytes()


class Scripted(ThreadingHTTPServer):
    """Answers what the script of a path says, one after the other; None: it hangs up.

    A number after status and body is the length that it claims, and hangs up before.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: dict[str, list[tuple[int, bytes] | tuple[int, bytes, int] | None]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scripted

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key = f"{self.command} {self.path}"
        with self.server.lock:
            self.server.asked.append((key, self.headers.get("Authorization")))
            answers = self.server.script.get(key, [DONE])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer is None:
            self.close_connection = True
            return
        status, body, *claimed = answer
        length = claimed[0] if claimed else len(body)
        self.close_connection = length > len(body)
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def server() -> Iterator[Scripted]:
    scripted = Scripted()
    scripted.script["POST /api/v1/dataset"] = [CREATED]
    scripted.script["GET /api/v1/dataset/42/batch_count"] = [(200, b'{"data":{"batch_count":"2"}}')]
    thread = threading.Thread(target=scripted.serve_forever, args=(0.01,))
    thread.start()
    yield scripted
    scripted.shutdown()
    thread.join()
    scripted.server_close()


NEXT = "POST /api/v1/dataset/42/next"


def test_a_session_is_opened_read_to_its_end_and_ended(server: Scripted) -> None:
    server.script[NEXT] = [(200, batch(1, 2)), (200, batch(3, 4)), END]
    with Dataset(server.url, CONFIGURATION) as batches:
        assert [each["label"].tolist() for each in batches] == [[[1], [2]], [[3], [4]]]
    assert server.paths()[0] == "POST /api/v1/dataset"
    assert server.paths()[-1] == "DELETE /api/v1/dataset/42"
    assert server.paths().count("DELETE /api/v1/dataset/42") == 1


def test_a_large_batch_comes_whole_though_it_comes_in_pieces(server: Scripted) -> None:
    """Sizes around what is waited for at once, and a server that hangs up in the middle of one."""
    for size in (2 * TOGETHER - 5, 2 * TOGETHER, 2 * TOGETHER + 1, 7 * TOGETHER + 1234):
        values = np.random.default_rng(size).integers(0, 256, size, np.uint8)
        body = large(values)
        server.script[NEXT] = [(200, body), (200, body), END]
        with Dataset(server.url, CONFIGURATION) as batches:
            for each in batches:
                assert np.array_equal(each["label"].reshape(-1), values)
        assert server.script[NEXT] == [END]
    server.script[NEXT] = [(200, body[: 3 * TOGETHER], len(body)), (200, body), END]
    with Dataset(server.url, CONFIGURATION) as batches:
        assert [each["label"].size for each in batches] == [len(values)]


def test_iterating_again_begins_at_the_first_batch(server: Scripted) -> None:
    server.script[NEXT] = [(200, batch(1, 2)), END]
    with Dataset(server.url, CONFIGURATION) as batches:
        list(batches)
        list(batches)
    assert server.paths().count("POST /api/v1/dataset/42/reset") == 1


def test_somebody_elses_session_is_neither_reset_nor_ended(server: Scripted) -> None:
    server.script[NEXT] = [END]
    with Dataset(server.url, session_id="42") as batches:
        assert list(batches) == list(batches) == []
    assert set(server.paths()) == {NEXT, "GET /api/v1/dataset/42/batch_count"}


def test_a_server_that_is_away_is_asked_again(server: Scripted) -> None:
    unavailable = (503, b'{"status":{"type":"FAILURE","description":"starting"}}')
    server.script[NEXT] = [None, unavailable, (502, b"<html>"), (200, batch(1, 2)), END]
    with Dataset(server.url, CONFIGURATION) as batches:
        assert [each["label"].tolist() for each in batches] == [[[1], [2]]]


def test_its_patience_ends(server: Scripted) -> None:
    with Dataset(server.url, CONFIGURATION, patience=0.2) as batches:
        server.script[NEXT] = [None]
        with pytest.raises(ConnectionError, match="does not answer"):
            list(batches)
        server.script[NEXT] = [(503, b'{"status":{"type":"FAILURE","description":"full"}}')]
        with pytest.raises(AeonError, match="full") as raised:
            list(batches)
        assert raised.value.status == 503


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"status":{"type":"FAILURE","description":"line 3: no image"}}', "line 3: no image"),
        (b"<html>", "HTTP status 500"),
        (b"[]", "HTTP status 500"),
    ],
)
def test_a_refusal_is_raised_in_the_servers_words(server: Scripted, body: bytes, text: str) -> None:
    server.script["POST /api/v1/dataset"] = [(500, body)]
    with pytest.raises(AeonError, match=text) as raised:
        Dataset(server.url, CONFIGURATION)
    assert raised.value.status == 500


def test_a_session_that_is_gone_can_be_closed(server: Scripted) -> None:
    gone = (404, b'{"status":{"type":"FAILURE","description":"not found"}}')
    server.script["DELETE /api/v1/dataset/42"] = [gone]
    Dataset(server.url, CONFIGURATION).close()


def test_a_token_goes_with_each_request(server: Scripted) -> None:
    server.script[NEXT] = [END]
    tokens = iter(f"t{number}" for number in range(10))
    with Dataset(server.url, CONFIGURATION, token=lambda: next(tokens)) as batches:
        assert next(iter(batches), None) is None
    assert [token for _, token in server.asked] == ["Bearer t0", "Bearer t1", "Bearer t2"]


def test_where_batches_are_not_the_first_axis(server: Scripted) -> None:
    body = bytearray(batch(1, 2))
    assert parse_batch(body, batch_major=False)["label"].shape == (1, 2)
    server.script[NEXT] = [(200, bytes(body)), END]
    with Dataset(server.url, session_id="42", batch_major=False) as batches:
        assert [each["label"].shape for each in batches] == [(1, 2)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Dataset("http://localhost"),
        lambda: Dataset("http://localhost", CONFIGURATION, session_id="1"),
        lambda: Dataset("ftp://localhost", session_id="1"),
    ],
)
def test_a_wrong_call_is_a_value_error(make: Callable[[], Dataset]) -> None:
    with pytest.raises(ValueError, match=r"configuration|URL"):
        make()


def test_a_loop_that_is_left_early_ends_its_session(server: Scripted) -> None:
    server.script[NEXT] = [(200, batch(1, 2))]
    with Dataset(server.url, CONFIGURATION) as batches, suppress(StopIteration):
        next(iter(batches))
    assert server.paths()[-1] == "DELETE /api/v1/dataset/42"


def test_it_imports_nothing_of_the_server() -> None:
    """Nothing but what the package itself has at hand for the code of processes."""
    script = "import sys{}; print(*sorted(m for m in sys.modules if m.startswith('dragoman')))"
    bare, client = (
        subprocess.run(
            [sys.executable, "-c", script.format(more)], capture_output=True, text=True, check=True
        )
        for more in (", dragoman", ", dragoman.client.aeon")
    )
    assert set(client.stdout.split()) == {*bare.stdout.split(), "dragoman.client", "dragoman.client.aeon"}


def test_the_batches_of_pytorch_are_tensors(server: Scripted) -> None:
    torch = pytest.importorskip("torch")
    from dragoman.client.aeon_torch import AeonBatches

    server.script[NEXT] = [(200, batch(1, 2)), END]
    (tensors,) = AeonBatches(server.url, "42")
    assert torch.equal(tensors["label"], torch.tensor([[1], [2]]))
