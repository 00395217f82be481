"""A cgroup that all that an engine starts lives in, so that none of it is lost from sight, whoever is killed at once.

The tree below an engine is known by its parents; a SIGKILL to engine and guardian in one moment takes both away, and a
detached process without our mark in its environment belongs to nobody then. A cgroup keeps it: the next engine of the
same HOME ends all that is in it. It takes Linux with cgroup v2 and leave to make one below our own: root has it, and
whoever runs in a delegated one (systemd: ``Delegate=yes``, or a user's own service).
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

PATIENCE: Final = 5.0
"""Seconds for what was killed to be gone."""
UNCAGED: Final = (
    "no cgroup can be made here: if engine and guardian are killed in the same moment, a process that a job has "
    "detached may live on"
)
PREFIX: Final = "dragoman-"


def own_cgroup() -> Path | None:
    """The folder of this process's cgroup (v2); None where there is none."""
    try:
        lines = Path("/proc/self/cgroup").read_text("ascii").splitlines()
        mounts = Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return None
    inner = next((line[3:] for line in lines if line.startswith("0::")), None)
    if inner is None:
        return None
    for mount in mounts:
        fields, _, kind = mount.partition(" - ")
        if kind.startswith("cgroup2 "):
            root, point = fields.split()[3:5]
            below = os.path.relpath(inner, root) if root != "/" else inner.lstrip("/")
            folder = Path(point, below)
            return folder if folder.is_dir() and ".." not in folder.parts else None
    return None


def can_be_made() -> bool:
    """Whether this process may make a cgroup below its own."""
    base = own_cgroup()
    try:
        if base is None:
            return False
        probe = base / f"{PREFIX}probe-{os.getpid()}"
        probe.mkdir()
        probe.rmdir()
    except OSError:
        return False
    return True


def enter(name: str, note: Path) -> bool:
    """Put this process, and so all that it will start, into a new cgroup; whether that could be done.

    ``name`` is the same in every life, and nobody else's; ``note`` is the file that says where it was in the last one:
    whatever is left there is killed first. So only one process at a time may call this.
    """
    end_left(name, note)
    base = own_cgroup()
    if base is None:
        return False
    if base.name == PREFIX + name:  # of a parent that was in it
        base = base.parent
    folder = base / (PREFIX + name)
    try:
        folder.mkdir(exist_ok=True)
        _kill_all(folder)
        note.write_text(str(folder), "utf-8")
        (folder / "cgroup.procs").write_text(str(os.getpid()), "ascii")
    except OSError:
        with suppress(OSError):
            folder.rmdir()
        return False
    return True


def end_left(name: str, note: Path) -> None:
    """Kill all that is in the cgroup of that name that was noted, and remove it; never one that this process is in.

    A note of another name came with a copy of the folder that it lies in, whose owner may well be alive.
    """
    try:
        folder = Path(note.read_text("utf-8"))
    except (OSError, ValueError):
        return
    if folder.name == PREFIX + name and folder != own_cgroup():
        with suppress(OSError):
            _kill_all(folder)
            folder.rmdir()
            note.unlink()


def _kill_all(folder: Path) -> None:
    """Kill all that is in a cgroup that this process is not in, and wait until it is gone."""
    deadline = time.monotonic() + PATIENCE
    while (pids := (folder / "cgroup.procs").read_text("ascii").split()) and time.monotonic() < deadline:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.005)
