"""The supervisor's parent: it outlives a supervisor that is killed, and ends whatever that leaves.

A worker knows all that its jobs have started, and the supervisor knows its workers; but a SIGKILL to the supervisor
takes both kinds of knowledge away at once. Everything below it then falls to this process, detached or not.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from dragoman.workers import process_tree

if TYPE_CHECKING:
    from collections.abc import Callable


def guarded(run: Callable[[], int]) -> int:
    """Run something in a child of this process, and end all that is left when it ends; returns its exit code.

    Whatever this process holds, a file lock say, is held until nothing is left. Only Linux hands orphans up to
    their ancestors; elsewhere this process runs it itself.
    """
    if sys.platform != "linux":
        return run()
    process_tree.become_subreaper()
    child = os.fork()
    if child == 0:
        return run()
    with suppress(PermissionError):
        os.setsid()  # a signal to the server's whole process group is not for this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _signum, _frame: _pass_on(child))
    _, status = os.waitpid(child, 0)
    process_tree.kill_below(os.getpid())
    process_tree.reap_orphans([])
    return max(1, os.waitstatus_to_exitcode(status)) if status else 0


def _pass_on(child: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGTERM)
