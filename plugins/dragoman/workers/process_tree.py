"""Identify processes beyond doubt, and end them with everything they have started.

A worker is a *subreaper*: whatever it starts, however detached, stays below it while it lives, and falls to
the supervisor (a subreaper too) when it dies. So the tree below a worker is complete, and a stranger among
the supervisor's children is the orphan of a dead worker. Where there is no subreaper (macOS), the worker's
process group stands in.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from functools import cache
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from dragoman.model.worker import WorkerIdentity

if TYPE_CHECKING:
    from collections.abc import Iterable

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

PATIENCE = 5.0
"""Seconds to wait at most for what was killed to be gone: a busy machine may let it wait for its turn to die."""
_undying: set[int] = set()
"""Children that did not die for all that, as a process in the hands of a broken disk: waited for once."""

MARK = "DRAGOMAN_ENGINE"
"""Environment variable that every process below a supervisor inherits: ``<home's hash>:<supervisor's pid>``."""


def become_subreaper() -> None:
    """Let orphans below this process become its children (Linux)."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that forked it ends (Linux)."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def identity(pid: int) -> WorkerIdentity:
    """Who the process is, so that another that gets its pid later is not taken for it."""
    return WorkerIdentity(boot_id=boot_id(), pid=pid, start_time=_start_time(pid))


def lives(worker: WorkerIdentity) -> bool:
    """Whether that very process still lives here; a zombie does not. No two boots of any hosts have one id."""
    if worker.boot_id != boot_id():
        return False
    try:
        zombie = psutil.Process(worker.pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    return not zombie and _start_time(worker.pid) == worker.start_time


def descendants(pid: int) -> list[psutil.Process]:
    """Everything below a process, its children's children included; empty if it is gone."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def send(processes: Iterable[psutil.Process], signum: signal.Signals) -> None:
    """Signal each of the processes that still is what it was (psutil compares start times)."""
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(signum)


def kill_group(pid: int) -> None:
    """SIGKILL to the process group that ``pid`` leads, or led: a group outlives its leader."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_below(pid: int) -> None:
    """SIGKILL to everything below a process until nothing is left there; the process itself goes on."""
    for _ in range(100):
        below = [process for process in descendants(pid) if not _dead(process)]
        if not below:
            return
        send(below, signal.SIGKILL)
        psutil.wait_procs(below, timeout=0.05)


def children() -> frozenset[int]:
    """The pids of this process's own children; nearly free on Linux, above all if there are none."""
    if sys.platform == "linux":
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return frozenset()
    pids: set[int] = set()
    try:
        for task in os.listdir("/proc/self/task"):
            pids.update(map(int, Path(f"/proc/self/task/{task}/children").read_bytes().split()))
    except OSError:
        pids = {process.pid for process in psutil.Process().children()}
    return frozenset(pids)


def helpers() -> frozenset[int]:
    """The pids of what multiprocessing itself keeps running for this process: its forkserver, its tracker."""
    server: Any = forkserver._forkserver
    tracker: Any = resource_tracker._resource_tracker
    return frozenset(pid for pid in (server._forkserver_pid, tracker._pid) if pid is not None)


def end_children(keep: frozenset[int]) -> bool:
    """Collect this process's children but those in ``keep``; whether any still ran: it was killed, and all below it."""
    killed = False
    for _ in range(100):  # what was below them, and what they started meanwhile, falls to this process
        strangers = {pid for pid in children() - keep if not _collected(pid)}
        if not strangers:
            break
        killed = True
        for pid in strangers:
            send([*descendants(pid), *_process(pid)], signal.SIGKILL)
        for pid in strangers:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
    return killed


def _collected(pid: int) -> bool:
    """Whether a child had ended by itself; if so it is gone now."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _process(pid: int) -> list[psutil.Process]:
    try:
        return [psutil.Process(pid)]
    except psutil.NoSuchProcess:
        return []


def reap_orphans(keep: Iterable[int]) -> int:
    """Kill and collect this process's children but those in ``keep``; returns how many were killed.

    Only right in a process whose every other child is an orphan that fell to it.
    """
    spared = frozenset(keep)
    killed: set[int] = set()
    deadline = time.monotonic() + PATIENCE
    for pid in _undying:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    _undying.intersection_update(children())
    while strangers := children() - spared - _undying:
        if time.monotonic() >= deadline:
            _undying.update(strangers)
            break
        for pid in strangers:
            below = [*_process(pid), *descendants(pid)]
            send(below, signal.SIGKILL)
            killed.update(process.pid for process in below)
        for pid in strangers:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.001)
    return len(killed)


def kill_marked(home_hash: str) -> int:
    """Kill every process that an earlier supervisor of this HOME left behind; returns how many."""
    mine = f"{home_hash}:{os.getpid()}"
    killed = 0
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            mark = process.environ().get(MARK, "")
            if mark.startswith(f"{home_hash}:") and mark != mine:
                process.kill()
                killed += 1
    return killed


@cache
def boot_id() -> str:
    """An id that changes with every boot of this host."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return str(int(psutil.boot_time()))


def _start_time(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
    except OSError:
        try:
            return int(psutil.Process(pid).create_time() * 100)
        except psutil.NoSuchProcess:
            return 0
    return int(stat.rpartition(")")[2].split()[19])


def _dead(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
