"""The SHA-256 of each input of a run that came by reference; files are hashed by a thread beside the run."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from dragoman.sources.fingerprints import fingerprinted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

BLOCK: Final = 1024**2

KEPT: Final = 256
"""Hashes that a worker remembers."""

SETTLED: Final = 60.0
"""Seconds for which a file has to be as it is before its hash is remembered.

One that is written twice within a tick of its file system's clock has the same times; and so has one that is written
through memory, until that is written back.
"""

type Identity = tuple[int, ...]


class HashMemory:
    """The hashes of the files that were read last, while nothing of a file has changed: its size and times tell.

    A run of a second over a file of 2 GiB would wait for its hash as long again.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Identity, str] = OrderedDict()

    def get(self, status: os.stat_result) -> str | None:
        """The hash of a file of this status, if it is known."""
        identity = _identity(status)
        if identity in self._known:
            self._known.move_to_end(identity)
        return self._known.get(identity)

    def keep(self, before: os.stat_result, after: os.stat_result, sha256: str) -> None:
        """Remember a hash, if the file has not changed while it was read, nor just before."""
        if _identity(before) != _identity(after):
            return
        if time.time() - max(after.st_mtime, after.st_ctime) < SETTLED:
            return
        self._known[_identity(after)] = sha256
        while len(self._known) > KEPT:
            self._known.popitem(last=False)


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class InputHashes:
    """Gathers them; its end, as a context manager, ends the thread, done or not."""

    def __init__(self, memory: HashMemory | None = None) -> None:
        self._memory = memory or HashMemory()
        self._hashes: dict[str, dict[int, str | Future[str | None]]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._stopped = threading.Event()
        self._held: list[object] = []

    def hold(self, value: object) -> None:
        """Keep what holds a value's file open until the thread has read it."""
        self._held.append(value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    @contextmanager
    def of(self, input_id: str, place: int) -> Iterator[None]:
        """Take the hash of what is fetched in the block: of the value at that place, from 0, of an input."""
        with fingerprinted() as fingerprint:
            yield
        if fingerprint.sha256 is not None:
            self._hashes.setdefault(input_id, {})[place] = fingerprint.sha256
        elif fingerprint.file is not None:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, "input-hashes")
            self._hashes.setdefault(input_id, {})[place] = self._pool.submit(self._hash, fingerprint.file)

    def text(self) -> str:
        """All of them as JSON, ``{input: {place: hash}}``, once the thread is done; empty if there are none."""
        whole: dict[str, dict[str, str]] = {}
        for input_id, places in self._hashes.items():
            for place, entry in places.items():
                sha256 = entry.result() if isinstance(entry, Future) else entry
                if sha256 is not None:
                    whole.setdefault(input_id, {})[str(place)] = sha256
        return json.dumps(whole) if whole else ""

    def _hash(self, file: Path) -> str | None:
        """None: it was ended, or the file cannot be read any more; whoever needs the file says so."""
        digest = hashlib.sha256()
        try:
            with file.open("rb", buffering=0) as content:
                before = os.fstat(content.fileno())
                if (known := self._memory.get(before)) is not None:
                    return known
                while block := content.read(BLOCK):
                    if self._stopped.is_set():
                        return None
                    digest.update(block)
                self._memory.keep(before, os.fstat(content.fileno()), digest.hexdigest())
        except OSError:
            return None
        return digest.hexdigest()
