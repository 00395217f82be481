"""Batches of a dataset from a server that speaks aeon, as dicts of NumPy arrays.

    with Dataset("http://localhost:5000", {"manifest_filename": "/data/train.tsv", ...}) as batches:
        for batch in batches:
            train(batch["image"], batch["label"])

One batch is fetched ahead. A server that is restarted meanwhile is waited for. Several clients may share a session:
each batch goes to one of them.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Buffer, Callable, Iterator, Mapping
    from concurrent.futures import Future
    from http.client import HTTPResponse
    from types import TracebackType

    from numpy.typing import NDArray

    type Batch = dict[str, NDArray[Any]]

ROOT: Final = "/api/v1/dataset"
END: Final = "END_OF_DATASET"
AGAIN: Final = (502, 503, 504)
"""Statuses after which the same is asked again: the server is starting, or full."""
GONE: Final = 404
TOGETHER: Final = 512 * 1024
"""Bytes of a large body that are waited for at once: to be woken for each packet costs more than to copy it."""
_TYPES: Final = MappingProxyType(
    {1: "<i1", 2: "<u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 11: "<f4", 12: "<f8"}
)
"""NumPy's types by the numbers that the service sends."""


class AeonError(Exception):
    """The server refuses, in its own words; ``status`` is the HTTP status."""

    def __init__(self, detail: str, status: int) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the server is, and how patient its client is."""

    url: str
    token: Callable[[], str] | None = None
    """Gives the access token for each request; None: there is none."""
    patience: float = 60.0
    """Seconds that a server which is away, or too busy, is asked again for."""
    timeout: float = 120.0
    """Seconds that one answer may take."""


class Dataset:
    """An iterable over the batches of one session: dicts of arrays of shape (batch_size, *shape), by buffer.

    With a ``configuration`` a session is opened, and ended by ``close``; with a ``session_id`` somebody else's is
    read along, which may not be ``batch_major``: then arrays have the shape (elements, batch_size). Raises AeonError
    for what the server refuses. Iterating again begins at the first batch, of a session of one's own.
    """

    def __init__(
        self,
        url: str,
        configuration: Mapping[str, Any] | None = None,
        *,
        session_id: str | None = None,
        batch_major: bool = True,
        token: Callable[[], str] | None = None,
        patience: float = 60.0,
        timeout: float = 120.0,
    ) -> None:
        if (configuration is None) == (session_id is None):
            raise ValueError("give a configuration, or the id of a session")
        self._server = Server(url=url.rstrip("/"), token=token, patience=patience, timeout=timeout)
        self._connection = _Connection(self._server)
        self._own = session_id is None
        if configuration is not None:
            session_id = self._open(configuration)
        self.session_id = session_id or ""
        self._path = f"{ROOT}/{self.session_id}"
        self._batch_major = batch_major if configuration is None else configuration.get("batch_major", True)
        self._begun = False
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="aeon")
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Batches of one pass."""
        return self.batch_count

    @property
    def batch_size(self) -> int:
        """Records of a batch."""
        return self._count("batch_size")

    @property
    def batch_count(self) -> int:
        """Batches of one pass."""
        return self._count("batch_count")

    @property
    def record_count(self) -> int:
        """Records of one pass."""
        return self._count("record_count")

    @property
    def names_and_shapes(self) -> dict[str, Any]:
        """The buffers of a batch, as the service describes them."""
        data = self._connection.json("GET", f"{self._path}/names_and_shapes?format=object")
        described: dict[str, Any] = data["names_and_shapes"]
        return described

    def state(self) -> dict[str, Any]:
        """Where the session is, and what it is waiting for; of a dragoman server alone."""
        return self._connection.json("GET", self._path)

    def __iter__(self) -> Iterator[Batch]:
        """The batches from here to the end, or without end; one is fetched while the last one is worked on."""
        if self._own and self._begun:
            self.reset()
        self._begun = True
        ahead: Future[Batch | None] = self._ahead.submit(self._fetch)
        while (batch := ahead.result()) is not None:
            ahead = self._ahead.submit(self._fetch)
            yield batch

    def reset(self) -> None:
        """Begin at the first batch again, for everybody who reads the session."""
        self._connection.json("POST", f"{self._path}/reset")

    def close(self) -> None:
        """End the session, where it is one's own; any number of times."""
        self._ahead.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            own, self._own = self._own, False
        try:
            if own:
                self._connection.json("DELETE", self._path)
        except AeonError as error:
            if error.status != GONE:  # it has expired: that is what is wanted
                raise
        finally:
            self._connection.close()

    def _open(self, configuration: Mapping[str, Any]) -> str:
        try:
            return str(self._connection.json("POST", ROOT, json.dumps(dict(configuration)))["id"])
        except BaseException:  # Ctrl-C too: nobody would close it, for there is no Dataset
            self._connection.close()
            raise

    def _fetch(self) -> Batch | None:
        body = self._connection.body("POST", f"{self._path}/next")
        return None if body is None else parse_batch(body, batch_major=self._batch_major)

    def _count(self, name: str) -> int:
        return int(self._connection.json("GET", f"{self._path}/{name}")[name])


def parse_batch(body: Buffer, *, batch_major: bool = True) -> Batch:
    """The arrays in the body of ``next``, by buffer; they share its memory."""
    body = memoryview(body)
    number, place = _number(body, 0)
    batch: Batch = {}
    for _ in range(number):
        length, place = _number(body, place)
        name = str(body[place : place + length], "utf-8")
        place += length + 1
        end = _index(body, b"]}", place) + 2  # the shape is the last member
        described = json.loads(bytes(body[place:end]))
        records, place = _number(body, end)
        _, place = _number(body, place)
        dtype = np.dtype(_TYPES[described["otype"]["np_type"]])
        size = records * described["byte_size"]
        values = np.frombuffer(body, dtype=dtype, count=size // dtype.itemsize, offset=place)
        shape = (records, *described["shape"]) if batch_major else (-1, records)
        batch[name] = values.reshape(shape)
        place += size
    return batch


def _number(body: memoryview, place: int) -> tuple[int, int]:
    end = _index(body, b",", place)
    return int(bytes(body[place:end])), end + 1


def _index(body: memoryview, mark: bytes, place: int) -> int:
    """Where the mark stands next; raises ValueError where it does not."""
    size = 512
    while True:
        try:
            return place + bytes(body[place : place + size]).index(mark)
        except ValueError:
            if place + size >= len(body):
                raise
        size *= 8


class _Connection:
    """One connection that is kept, and made again; safe for threads, one request at a time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._parts = urlsplit(server.url)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise ValueError(f"{server.url!r} is no URL of a server; allowed: http(s)://host[:port][/path]")
        self._connection: HTTPConnection | None = None
        self._lock = threading.Lock()

    def json(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        """The data of an answer."""
        answer = self.body(method, path, body)
        data: dict[str, Any] = json.loads(bytes(answer or b"{}")).get("data") or {}
        return data

    def body(self, method: str, path: str, body: str | None = None) -> memoryview | None:
        """The body of an answer; None at the end of the dataset. Raises AeonError, or ConnectionError in the end."""
        deadline = time.monotonic() + self._server.patience
        pause = 0.05
        while True:
            try:
                with self._lock:
                    status, content = self._ask(method, path, body)
            except (OSError, HTTPException) as error:
                self.close()
                if time.monotonic() + pause > deadline:
                    raise ConnectionError(f"{self._server.url} does not answer: {error}") from error
            else:
                if status < 300:
                    return content
                if status not in AGAIN or time.monotonic() + pause > deadline:
                    refusal = _refusal(status, content)
                    if refusal is not None:
                        raise refusal
                    return None
            time.sleep(pause)
            pause = min(2.0, 2 * pause)

    def close(self) -> None:
        """Close it; the next request opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ask(self, method: str, path: str, body: str | None) -> tuple[int, memoryview]:
        if self._connection is None:
            kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
            host, port = self._parts.hostname or "", self._parts.port
            self._connection = kind(host, port, timeout=self._server.timeout)
        headers = {"User-Agent": "dragoman-aeon", "Content-Type": "application/json"}
        if self._server.token is not None:
            headers["Authorization"] = f"Bearer {self._server.token()}"
        self._connection.request(method, self._parts.path + path, body, headers)
        sock = self._connection.sock
        response = self._connection.getresponse()
        return response.status, _read(response, sock)


def _read(response: HTTPResponse, sock: socket.socket | None) -> memoryview:
    """The body, read into one piece of memory, which NumPy fetches, and does not fill with zeros first."""
    if response.length is None:
        return memoryview(bytearray(response.read()))
    rest = body = memoryview(np.empty(response.length, np.uint8))
    if len(body) > 2 * TOGETHER and type(sock) is socket.socket and sys.platform == "linux":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, TOGETHER)
        try:  # as much as that is always still to come until then
            rest = rest[response.readinto(rest[:-TOGETHER]) :]
        finally:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
    while rest:
        count = response.readinto(rest)
        if not count:
            raise ConnectionError("the server hung up in the middle of an answer")
        rest = rest[count:]
    response.read()  # the connection is free for the next request
    return body


def _refusal(status: int, content: memoryview) -> AeonError | None:
    """Why the server refuses; None where it only says that the dataset is at its end."""
    try:
        word = json.loads(bytes(content))["status"]
        kind, detail = word["type"], word.get("description", "")
    except (ValueError, KeyError, TypeError, AttributeError):
        kind, detail = "", ""
    return None if kind == END else AeonError(detail or f"HTTP status {status}", status)
