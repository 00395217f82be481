"""A loader and its decoders in threads of the test's process, told and heard as by a supervisor."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aeonbody import parse_body

from dragoman.config.settings import FetchSettings
from dragoman.datasets.decoder import Decoder, DecoderSetup
from dragoman.datasets.decoder_link import DecoderLink
from dragoman.datasets.limits import DatasetLimits
from dragoman.datasets.loader import Loader, LoaderSetup
from dragoman.datasets.loader_messages import ORDERS, REPORTS, Open
from dragoman.sources.policy import SourcePolicy
from dragoman.workers.framing import Channel, Disconnected

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.datasets.loader_messages import Order, Ready, Report

HANG = 60.0
NUMBERS = 40


class Running:
    """A loader in a thread, each decoder in another, and the supervisor's end of the loader's socket."""

    def __init__(self, folder: Path, memory: int, decoders: int) -> None:
        self.root = folder / "data"
        self.batches = folder / "batches"
        for made in (self.root, self.batches):
            made.mkdir()
        ours, theirs = socket.socketpair()
        ours.settimeout(HANG)
        self.sockets = (ours, theirs)
        self.channel = Channel(ours)
        policy = SourcePolicy(fetch=FetchSettings(), data_roots=(self.root,))
        limits = DatasetLimits(max_file_bytes=2**20, max_batch_bytes=2**20)
        setup = LoaderSetup(
            folder=self.batches, policy=policy, limits=limits, memory=memory, processors=decoders, mark="test"
        )
        self.pairs = [socket.socketpair() for _ in range(decoders)]
        self.loader = Loader(Channel(theirs), setup, [DecoderLink(near) for near, _far in self.pairs])
        own = DecoderSetup(folder=self.batches, policy=policy, limits=limits)
        self.decoders = [Decoder(Channel(far), own) for _near, far in self.pairs]
        self.threads = [
            threading.Thread(target=_serve, args=(each,)) for each in (self.loader, *self.decoders)
        ]
        for thread in self.threads:
            thread.start()

    def tell(self, order: Order) -> None:
        self.channel.send(ORDERS.dump(order))

    def hear(self, kind: type[Report]) -> Any:
        """The next report of that kind; those before it are passed over."""
        while not isinstance(report := REPORTS.load(self.channel.receive()), kind):
            pass
        return report

    def open(self, session: str = "1", **members: Any) -> Open:
        manifest = self.root / "numbers.tsv"
        if not manifest.exists():
            manifest.write_text("@ASCII_INT\n" + "".join(f"{number}\n" for number in range(NUMBERS)))
        own = {name: members.pop(name) for name in ("position", "ready", "barrier") if name in members}
        body = {
            "manifest_filename": str(manifest),
            "batch_size": 4,
            "random_seed": 1,
            "etl": [{"type": "label"}],
            **members,
        }
        order = Open(session=session, generation=0, configuration=body, **own)
        self.tell(order)
        return order

    def numbers(self, ready: Ready) -> list[int]:
        buffers, _ = parse_body(Path(ready.path).read_bytes())
        values: list[int] = buffers["label"].values.reshape(-1).tolist()
        return values

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + HANG
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def close(self) -> None:
        self.sockets[0].shutdown(socket.SHUT_RDWR)
        self.threads[0].join(HANG)
        self.loader._pool.shutdown(wait=True)
        for near, _far in self.pairs:
            near.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(HANG)
        for sock in (*self.sockets, *(sock for pair in self.pairs for sock in pair)):
            sock.close()


def _serve(process: Loader | Decoder) -> None:
    with suppress(Disconnected):
        process.serve()
