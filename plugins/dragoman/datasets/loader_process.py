"""The loader's process: it forks the decoders, and plans what they do (``loader.py``)."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from dragoman.datasets.decoder import DecoderSetup, fork_decoder
from dragoman.datasets.decoder_link import DecoderLink
from dragoman.datasets.etl.entry import import_libraries
from dragoman.datasets.loader import Loader, LoaderSetup
from dragoman.datasets.loader_messages import ORDERS, Open
from dragoman.workers import child
from dragoman.workers.framing import Channel, Disconnected

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

LOGGER = logging.getLogger(__name__)

NICENESS: Final = 10
"""How far the loader and its decoders stand back: whoever only asks is not to wait for pictures decoded ahead."""
MOST_DECODERS: Final = 16
"""Each has memory of its own."""


def main(sock: socket.socket, setup: LoaderSetup) -> None:
    """What the process runs."""
    child.settle(mark=setup.mark)
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "100000000")  # read when OpenCV is imported
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")  # each processor has a decoder
    os.nice(NICENESS)
    channel = Channel(sock)
    with suppress(Disconnected):
        orders = [ORDERS.load(channel.receive())]
        while not isinstance(orders[-1], Open):
            orders.append(ORDERS.load(channel.receive()))
        import_libraries(orders[-1].configuration)  # once, for all decoders
        decoders, pids = _fork_decoders(sock, setup)  # before there are threads
        _end_with(pids)
        child.end_with_supervisor(sock)
        loader = Loader(channel, setup, decoders)
        for order in orders:
            loader.obey(order)
        loader.serve()
    os._exit(0)


def _fork_decoders(sock: socket.socket, setup: LoaderSetup) -> tuple[list[DecoderLink], list[int]]:
    """A decoder for each processor, and their pids; ``sock`` is none of theirs."""
    number = min(MOST_DECODERS, setup.processors)
    decoder = DecoderSetup(folder=setup.folder, policy=setup.policy, limits=setup.limits, decoders=number)
    sockets: list[socket.socket] = []
    pids: list[int] = []
    for _ in range(number):
        pid, end = fork_decoder(decoder, [sock, *sockets])
        pids.append(pid)
        sockets.append(end)
    return [DecoderLink(each) for each in sockets], pids


def _end_with(pids: Sequence[int]) -> None:
    """Have this process end at once with any of its decoders: the supervisor is to know which batches were made."""

    def ended(_signal: int, _frame: object) -> None:
        for pid in pids:
            if os.waitpid(pid, os.WNOHANG)[0]:
                LOGGER.error("decoder %d died, and the loader with it", pid, extra={"action": "decoder"})
                os._exit(1)

    signal.signal(signal.SIGCHLD, ended)
    ended(signal.SIGCHLD, None)  # one that was dead before
