"""Two kinds of worker that know no job, and the smallest supervisor for them; for processes of the tests' own."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dragoman.workers import process_tree
from dragoman.workers.child import end_with_supervisor, settle
from dragoman.workers.forkserver import Forkserver
from dragoman.workers.framing import Channel, Disconnected
from dragoman.workers.pool import Kind, Pool
from dragoman.workers.watch import WorkerWatch

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from dragoman.workers.worker import Death, Worker

HANG = 60.0


def count(sock: socket.socket, setup: str) -> None:
    """Answers each request with its number in the life of the worker; "die", "hang" and "spawn" are done instead."""
    settle(mark="toy:1")
    end_with_supervisor(sock)
    channel, number = Channel(sock), 0
    with suppress(Disconnected):
        while True:
            request = channel.receive()
            number += 1
            if request == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            elif request == "hang":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                channel.send("hanging")
                time.sleep(600)
            elif request == "spawn":
                child = subprocess.Popen(["sleep", "600"], start_new_session=True)
                channel.send({"child": child.pid})
            else:
                channel.send({"key": setup, "request": request, "number": number})
    os._exit(0)


def shout(sock: socket.socket, setup: dict[str, str]) -> None:
    """Answers one request in capitals, and ends."""
    settle(mark="toy:1")
    channel = Channel(sock)
    channel.send(channel.receive().upper() + setup["mark"])
    os._exit(7)


def shouting(key: str) -> dict[str, str]:
    """The setup of ``shout``."""
    return {"mark": key}


class Toy:
    """One supervisor with two pools; keeps what their workers do."""

    def __init__(self, warm: int = 2) -> None:
        process_tree.become_subreaper()
        counting = Kind(main=count, setup=str, preload=("json.tool",), warm=warm)
        shouts = Kind(main=shout, setup=shouting, preload=("this_module_is_not_there",), warm=0)
        self.selector = selectors.DefaultSelector()
        self.forkserver = Forkserver([*counting.preload, *shouts.preload])
        self.watch = WorkerWatch(self.selector, self.forkserver)
        self.counting: Pool[str, str] = Pool(counting, self.forkserver, self.watch.announce)
        self.shouting: Pool[str, int] = Pool(shouts, self.forkserver, self.watch.announce)
        self.heard_of: list[tuple[Worker[Any, Any], Any]] = []
        self.deaths: list[tuple[Worker[Any, Any], Death]] = []
        for pool in (self.counting, self.shouting):
            self.watch.tell(_Owner(self, pool), pool)

    def until(self, condition: Callable[[], object]) -> None:
        """Run the event loop until something is so."""
        deadline = time.monotonic() + HANG
        while not condition():
            assert time.monotonic() < deadline, (self.heard_of, self.deaths)
            for key, events in self.selector.select(0.02):
                if self.selector.get_map().get(key.fd) is key:
                    key.data(events)
            self.counting.tick()
            self.shouting.tick()

    def born(self, key: str, task: str = "task") -> Worker[str, str]:
        """A worker of the first kind that is there, and has a task."""
        worker = self.counting.order(key, task)
        assert worker is not None
        self.until(lambda: worker.ready)
        return worker

    def ask(self, worker: Worker[Any, Any], message: Any) -> Any:
        """Send it something; what it answers."""
        before = len(self.heard_of)
        worker.send(message)
        self.until(lambda: len(self.heard_of) > before)
        return self.heard_of[-1][1]

    def died(self, worker: Worker[Any, Any]) -> Death:
        """Wait for its death."""
        self.until(lambda: any(each is worker for each, _ in self.deaths))
        return next(death for each, death in self.deaths if each is worker)

    def close(self) -> None:
        """End all that is left."""
        self.counting.close()
        self.shouting.close()
        self.forkserver.close()
        self.forkserver.reap_orphans()


class _Owner:
    def __init__(self, toy: Toy, pool: Pool[Any, Any]) -> None:
        self.toy = toy
        self.pool = pool

    def born(self, worker: Worker[Any, Any]) -> None:
        """It is ready."""

    def heard(self, worker: Worker[Any, Any], message: Any) -> None:
        """Keep it."""
        self.toy.heard_of.append((worker, message))

    def died(self, worker: Worker[Any, Any]) -> None:
        """Keep how."""
        self.toy.deaths.append((worker, worker.death()))
        self.pool.forget(worker)
