"""Batches that a web process has taken from where they waited, and sends.

Their files go round (``batch_files.py``), so each is mapped once, and not for each batch: to map a file costs as much
as to send it, and to read it into memory of one's own even more.
"""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.datasets.batch_files import FREE, TAKEN, serial_of

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK: Final = 256 * 1024
"""Bytes of a block, where a body is not sent as a whole."""
LOOK: Final = 2.0
"""Seconds from one look for files that have been deleted to the next: their memory is held until then."""
MOST: Final = 64
"""Maps that are kept; each holds a descriptor."""


class BatchMaps:
    """The memory of the batches that this process has sent; safe for threads."""

    def __init__(self, look: float = LOOK) -> None:
        self._look = look
        self._maps: OrderedDict[str, mmap.mmap] = OrderedDict()
        """By serial, the last used at the end."""
        self._folder = Path()
        self._lock = threading.Lock()
        self._looking = False

    def take(self, path: str) -> TakenBatch:
        """Take a finished batch; raises OSError, FileNotFoundError where it is gone."""
        ready = Path(path)
        serial = serial_of(ready.name)
        taken = ready.with_name(f"{TAKEN}-{serial}")
        os.rename(ready, taken)
        with self._lock:
            memory = self._maps.get(serial)
            if memory is None:
                self._folder = ready.parent
                self._drop_deleted()
                memory = self._maps[serial] = _mapped(taken)
                while len(self._maps) > MOST:  # one that is being sent lives on with its batch
                    self._maps.popitem(last=False)
                self._look_later()
            self._maps.move_to_end(serial)
        return TakenBatch(taken, memory)

    @property
    def size(self) -> int:
        """Bytes that are mapped."""
        with self._lock:
            return sum(len(memory) for memory in self._maps.values())

    def _drop_deleted(self) -> None:
        """Let go of what nobody can take any more; a batch that is being sent is whole all the same."""
        names: list[str] = []
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            pass
        except OSError:  # no descriptor is left: at the next look
            return
        for serial in self._maps.keys() - {serial_of(name) for name in names}:
            del self._maps[serial]

    def _look_later(self) -> None:
        if not self._looking:
            self._looking = True
            threading.Thread(target=self._keep_looking, name="batch-maps", daemon=True).start()

    def _keep_looking(self) -> None:
        """Until nothing is mapped any more."""
        while True:
            time.sleep(self._look)
            with self._lock:
                self._drop_deleted()
                if not self._maps:
                    self._looking = False
                    return


class TakenBatch:
    """A finished batch, as the blocks of its body, or ``memory`` as a whole; ``close`` sets its file free.

    What sends it has to copy it: by ``sendfile``, a body could change on its way when the file is used again.
    """

    def __init__(self, path: Path, memory: mmap.mmap) -> None:
        self._path: Path | None = path
        self._size = len(memory)
        self.memory = memoryview(memory)
        self._place = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = bytes(self.memory[self._place : self._place + BLOCK])
        if not block:
            raise StopIteration
        self._place += len(block)
        return block

    def close(self) -> None:
        """Set the file free; any number of times."""
        path, self._path = self._path, None
        if path is None:
            return
        self.memory.release()
        name = f"{FREE}-{self._size}-{time.time_ns()}-{serial_of(path.name)}"
        with suppress(FileNotFoundError):  # it was sent so slowly that it has been swept
            os.rename(path, path.with_name(name))


def _mapped(path: Path) -> mmap.mmap:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return mmap.mmap(file, 0, prot=mmap.PROT_READ)
    finally:
        os.close(file)
