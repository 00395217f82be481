"""The forkserver of this process: forks the workers of all pools, with their imports loaded already."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import forkserver
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from dragoman.workers import process_tree
from dragoman.workers.descriptors import Shortage
from dragoman.workers.surroundings import keep_sockets_in
from dragoman.workers.wear import is_lack

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    from dragoman.model.worker import WorkerIdentity

LOGGER = logging.getLogger(__name__)

RETRY = 0.2
"""Seconds until a fork is tried again that a dead forkserver could not do."""

type Reconnect = Callable[[], socket.socket]
"""Breaks a connection, and gives the process's end of another."""
type Main = Callable[[socket.socket, Any], None]
"""What a worker process runs, a function of a module: it gets its end of the connection, and its setup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """A process that has just been forked."""

    process: ForkServerProcess
    identity: WorkerIdentity
    forkserver: WorkerIdentity
    """Who forked it; on Linux it dies with that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    main: Main
    socket: socket.socket
    setup: Callable[[], Any]
    born: Callable[[Birth], None]
    reconnect: Reconnect


class Forkserver:
    """multiprocessing has one forkserver in a process, and so there is one of these.

    To be made in the main thread: the kernel ties the forkserver's death to the thread that started it. ``preload``
    are modules that it imports first, those of every kind of worker; ``sockets`` is an empty folder for its socket,
    whose owner deletes it; None: multiprocessing's own, which stays in the temporary folder.
    """

    def __init__(self, preload: Iterable[str], sockets: Path | None = None) -> None:
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        self._context = multiprocessing.get_context("forkserver")
        if sockets is not None:
            keep_sockets_in(sockets)
        self._context.set_forkserver_preload([*preload, "dragoman.workers.frozen"])
        forkserver.ensure_running()
        threading.Thread(target=self._serve, name="births", daemon=True).start()

    def fork(
        self,
        main: Main,
        sock: socket.socket,
        setup: Callable[[], Any],
        born: Callable[[Birth], None],
        reconnect: Reconnect,
    ) -> None:
        """Have ``main(sock, setup())`` run in a new process. Returns at once.

        ``sock`` is closed here once the process has it. A try that failed may have left a process that has it too, of
        a forkserver that was killed before it could say so; so another is made with what ``reconnect`` gives, which
        breaks the earlier connection. ``setup``, ``born`` and ``reconnect`` are called in the birth thread.
        """
        self._orders.put(_Order(main=main, socket=sock, setup=setup, born=born, reconnect=reconnect))

    @property
    def waiting(self) -> int:
        """Births that were ordered, without the one that is under way."""
        return self._orders.qsize()

    @property
    def pid(self) -> int | None:
        """The pid of the process that forks; None while there is none."""
        pid: int | None = _forkserver()._forkserver_pid
        return pid

    def reap_orphans(self) -> None:
        """Kill and collect whatever dead workers left to this process."""
        with _forkserver()._lock:  # a forkserver that is just being started is no orphan
            process_tree.reap_orphans(process_tree.helpers())

    def close(self) -> None:
        """Fork no more, and kill the forkserver; on Linux that ends all workers."""
        self._orders.put(None)
        pid = _forkserver()._forkserver_pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _serve(self) -> None:
        """The birth thread: the first fork waits for the preload, and the supervisor must not.

        Whatever fails is tried again: without this thread no job would ever run any more.
        """
        shortage = Shortage("a worker that was ordered cannot be forked")
        while (order := self._orders.get()) is not None:
            try:
                birth = self._give_birth(order)
            except Exception as error:  # see above: this thread ends of nothing
                if isinstance(error, ChildProcessError):
                    # multiprocessing waits for one that is gone for good
                    _forkserver()._forkserver_pid = None
                if is_lack(error):
                    shortage.begin()
                elif not isinstance(error, OSError | EOFError):  # these say that the forkserver was killed
                    LOGGER.exception("a worker cannot be forked; it is tried again", extra={"action": "fork"})
                time.sleep(RETRY)  # it is started again by the next attempt
                self._orders.put(self._again(order))
                continue
            shortage.end()
            order.socket.close()
            order.born(birth)

    @staticmethod
    def _again(order: _Order) -> _Order:
        """The order with another connection; with the same one, if there is none to be had (too many open files)."""
        try:
            sock = order.reconnect()
        except OSError:
            return order
        order.socket.close()
        return replace(order, socket=sock)

    def _give_birth(self, order: _Order) -> Birth:
        process = self._context.Process(target=order.main, args=(order.socket, order.setup()))
        process.start()
        assert process.pid is not None
        # Before the next birth multiprocessing would look, in this thread, how those that it knows have ended; and what
        # one thread has read of that, the event loop's cannot read any more.
        multiprocessing.process._children.discard(process)  # type: ignore[attr-defined]  # there is no public way
        return Birth(
            process=process,
            identity=process_tree.identity(process.pid),
            # of this very start: it is started again in this thread alone
            forkserver=process_tree.identity(_forkserver()._forkserver_pid),
        )


def _forkserver() -> Any:
    """multiprocessing's forkserver; it offers no other way to know its pid."""
    return forkserver._forkserver
