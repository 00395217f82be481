"""Which process runs, or ran, a job."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerIdentity:
    """One worker process, told apart from any other that ever had its pid."""

    host: str = ""
    """The id of its engine's HOME, a uuid; an older dragoman wrote the host's name. Empty is this host."""
    boot_id: str
    """Changes with every boot of the host."""
    pid: int
    start_time: int
    """Clock ticks after boot (Linux: field 22 of /proc/pid/stat); 0 where unknown."""
