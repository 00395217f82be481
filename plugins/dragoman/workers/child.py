"""What a worker process of any kind does first; see ``surroundings`` for what it restores between two tasks."""

from __future__ import annotations

import multiprocessing
import os
import resource
import select
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from dragoman.workers import process_tree

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


def settle(*, mark: str, memory_limit: int | None = None) -> None:
    """Make this process what a worker is: its own group, mortal, limited.

    ``mark`` is what a later supervisor knows this one's offspring by, ``memory_limit`` bytes of data (Linux).
    """
    with suppress(PermissionError):
        os.setpgid(0, 0)
    process_tree.die_with_parent()
    process_tree.become_subreaper()
    os.environ[process_tree.MARK] = mark
    multiprocessing.set_start_method(None, force=True)  # the platform's: how it was born itself is our affair
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if memory_limit and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (memory_limit, memory_limit))


def end_with_supervisor(sock: socket.socket, each_second: Callable[[], object] = lambda: None) -> None:
    """From now on end with the other end of ``sock``, even while the main thread computes; returns at once.

    The kernel sees to it on Linux; this is for elsewhere. ``each_second`` is called while the supervisor lives.
    """
    threading.Thread(target=_watch, args=(sock, each_second), daemon=True).start()


def _watch(sock: socket.socket, each_second: Callable[[], object]) -> None:
    poll = select.poll()
    poll.register(sock, getattr(select, "POLLRDHUP", 0) | select.POLLHUP)
    while not poll.poll(1000):
        each_second()
    process_tree.kill_below(os.getpid())
    os._exit(1)
