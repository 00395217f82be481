"""The SHA-256 of each input of a run that came by reference; files are hashed by a thread beside the run."""

from __future__ import annotations

import hashlib
import json
import threading
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


class InputHashes:
    """Gathers them; its end, as a context manager, ends the thread, done or not."""

    def __init__(self) -> None:
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
                while block := content.read(BLOCK):
                    if self._stopped.is_set():
                        return None
                    digest.update(block)
        except OSError:
            return None
        return digest.hexdigest()
