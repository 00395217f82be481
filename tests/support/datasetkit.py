"""The supervisor's part in dataset sessions by itself, with a real loader below it; and loaders that die."""

from __future__ import annotations

import os
import selectors
import signal
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from dragoman.config.settings import FetchSettings
from dragoman.datasets import loader_process
from dragoman.datasets.limits import DatasetLimits
from dragoman.datasets.record_filler import RecordFiller
from dragoman.datasets.taken_batch import BatchMaps
from dragoman.errors import DragomanError
from dragoman.jobs.dataset_settings import DatasetSettings
from dragoman.jobs.engine.dataset_sessions import DatasetSessions
from dragoman.jobs.engine.guests import House
from dragoman.jobs.stores import open_store
from dragoman.sources.policy import SourcePolicy
from dragoman.workers.forkserver import Forkserver
from dragoman.workers.watch import WorkerWatch

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dragoman.datasets.loader import LoaderSetup
    from dragoman.datasets.manifest import Record
    from dragoman.datasets.order import Place
    from dragoman.jobs.engine.loader_link import LoaderProcess

HANG = 60.0
KILLER = 13
"""The record that kills ``deadly_main``."""
DEADLY_MANIFEST = "deadly.tsv"
"""The only manifest whose records kill."""


def deadly_main(sock: socket.socket, setup: LoaderSetup) -> None:
    """A loader that one record kills, as a picture could by a fault in a decoder."""
    fill = RecordFiller.fill

    def deadly(filler: RecordFiller, place: Place, record: Record, rows: Sequence[NDArray[Any]]) -> None:
        if filler.configuration.manifest_filename.endswith(DEADLY_MANIFEST) and place.record == KILLER:
            os.kill(os.getpid(), signal.SIGKILL)
        fill(filler, place, record, rows)

    RecordFiller.fill = deadly  # type: ignore[method-assign,assignment]
    loader_process.main(sock, setup)


def stillborn_main(_sock: socket.socket, _setup: LoaderSetup) -> None:
    """A loader that dies before it has opened anything."""
    os.kill(os.getpid(), signal.SIGKILL)


class OwnForkserver(Forkserver):
    """One in a process that has other children, of other tests: they are no orphans."""

    def reap_orphans(self) -> None:
        """Leave them alone."""


class Answered:
    """Where the answer to a question goes."""

    def __init__(self) -> None:
        self.value: Any = None
        self.gone = False

    def __call__(self, value: Any) -> None:
        assert self.value is None
        self.value = value


class Supervisor:
    """The event loop, the guest, and what a web process would ask."""

    def __init__(self, home: Path, *, memory: int = 2**24, idle_timeout: float = 3600) -> None:
        url = f"sqlite:///{home}/jobs.db"
        open_store(url).close()
        self.home = home
        self.selector = selectors.DefaultSelector()
        self.forkserver = OwnForkserver([])
        self.watch = watch = WorkerWatch(self.selector, self.forkserver)
        house = House(
            home=home, database_url=url, forkserver=self.forkserver, watch=watch, mark=f"test:{os.getpid()}"
        )
        policy = SourcePolicy(fetch=FetchSettings(), data_roots=(home,))
        limits = DatasetLimits(max_file_bytes=2**20, max_batch_bytes=2**22)
        settings = DatasetSettings(policy=policy, limits=limits, memory=memory, idle_timeout=idle_timeout)
        self.sessions = DatasetSessions(house, settings)

    def until(self, condition: Callable[[], object]) -> None:
        """Run the event loop until something is so."""
        deadline = time.monotonic() + HANG
        while not condition():
            assert time.monotonic() < deadline
            for key, events in self.selector.select(0.02):
                if self.selector.get_map().get(key.fd) is key:
                    key.data(events)
            self.sessions.tick()

    def send(self, what: str, **members: Any) -> Answered:
        """Ask, and do not wait."""
        answered = Answered()
        body = {"what": what, "owner": "alice", **members}
        self.sessions.ask(body, answered, lambda: answered.gone)
        return answered

    def ask(self, what: str, **members: Any) -> Any:
        """Ask, and wait for the answer; raises what is refused."""
        answered = self.send(what, **members)
        self.until(lambda: answered.value is not None)
        if isinstance(answered.value, DragomanError):
            raise answered.value
        return answered.value

    def create(self, manifest: str, numbers: int = 40, **members: Any) -> str:
        """A session over a manifest of numbers from 0, two in a batch."""
        path = self.home / manifest
        if not path.exists():
            path.write_text("@ASCII_INT\n" + "".join(f"{number}\n" for number in range(numbers)))
        body = {"manifest_filename": str(path), "batch_size": 2, "etl": [{"type": "label"}], **members}
        return str(self.ask("create", configuration=body, seed=1)["id"])

    def next(self, session_id: str) -> list[int] | None:
        """The numbers in the next batch, which are fetched; None at the end."""
        answer: Mapping[str, Any] = self.ask("next", session=session_id)
        return None if "end" in answer else fetched(answer)

    def loader_pid(self) -> int:
        """The loader's process, once it is there."""
        link = self.sessions._desk._link
        self.until(lambda: link._loader is not None and link._loader.ready)
        assert link._loader is not None
        assert link._loader.pid is not None
        return link._loader.pid

    def kill_loader(self) -> None:
        """Kill it, and wait until that is known."""
        pid, link = self.loader_pid(), self.sessions._desk._link
        os.kill(pid, signal.SIGKILL)
        self.until(lambda: link._loader is None or link._loader.pid != pid)

    def files(self) -> list[Path]:
        """The batches that wait in memory."""
        return sorted(self.sessions._desk._link.folder.iterdir())

    def close(self) -> None:
        """End all that is left."""
        worker = self.sessions._desk._link._loader
        self.sessions.close()
        if worker is not None:
            self.until_dead(worker)
        self.forkserver.close()
        for sock in (self.watch._wake_in, self.watch._wake_out):
            sock.close()
        self.selector.close()

    def until_dead(self, worker: LoaderProcess) -> None:
        """Wait for the end of a loader that was killed."""
        with suppress(AssertionError):
            self.until(lambda: worker.ready)
        if worker.process is not None:
            worker.kill()
            worker.process.join(HANG)
        worker.socket.close()


def fetched(answer: Mapping[str, Any]) -> list[int]:
    """The numbers in a batch of labels that was handed out."""
    with closing(BatchMaps().take(answer["path"])) as batch:
        body = b"".join(batch)
    assert len(body) == answer["size"]
    return [int.from_bytes(body[start : start + 4], "little") for start in (len(body) - 8, len(body) - 4)]
