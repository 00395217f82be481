"""What can be known of a server on which jobs are stuck: jobs and events, the engine's state, processes and stacks."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from dragoman.jobs.engine.state import STATE_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.servers import Dragoman

ROUNDS: Final = 30
"""The last rounds that are told."""
LOG: Final = 200_000
"""The last bytes of the server's log that are told."""
ANSWER: Final = 2.0
"""Seconds for the engine to write down its state."""


def report(server: Dragoman, job_ids: Sequence[str], history: Sequence[str]) -> None:
    """Print all of it to standard error."""
    _say("rounds", *history[-ROUNDS:])
    _tell_jobs(server, job_ids)
    _tell_engine(server)
    _tell_processes(server)
    log = (server.folder / "server.log").read_bytes()[-LOG:]
    _say("log", log.decode(errors="replace"))


def _say(title: str, *lines: object) -> None:
    print(f"---- {title}", *lines, sep="\n", file=sys.stderr, flush=True)


def _tell_jobs(server: Dragoman, job_ids: Sequence[str]) -> None:
    store = server.store()
    for job_id in job_ids:
        _say(f"job {job_id}", store.get(job_id), *store.events(job_id))
    store.close()


def _tell_engine(server: Dragoman) -> None:
    """Have the engine log its state and its stacks; see ``dragoman.jobs.engine.state``."""
    with suppress(OSError, ValueError, KeyError, psutil.Error):
        note = (server.home / "supervisor.json").read_text()
        _say("supervisor.json", note)
        psutil.Process(json.loads(note)["pid"]).send_signal(signal.SIGUSR1)
        time.sleep(ANSWER)
        _say("the engine", (server.home / STATE_FILE).read_text())


def _tell_processes(server: Dragoman) -> None:
    home, spy = str(server.folder), shutil.which("py-spy")
    processes = {each.pid: each for each in _below(server)}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if home in " ".join([*process.cmdline(), process.cwd()]):
                processes.setdefault(process.pid, process)
    for process in processes.values():
        with suppress(psutil.Error, OSError):
            proc = Path(f"/proc/{process.pid}")
            wait = (proc / "wchan").read_text()
            line = " ".join(process.cmdline())[:200]
            _say(
                f"{process.pid} below {process.ppid()}: {process.status()} in {wait}, {process.num_threads()} threads",
                line,
            )
            _say("descriptors", *(f"{each.name} {each.readlink()}" for each in (proc / "fd").iterdir()))
        if spy is not None:
            with suppress(subprocess.TimeoutExpired):
                stacks = subprocess.run(
                    [spy, "dump", "--nonblocking", "--pid", str(process.pid)],
                    capture_output=True,
                    text=True,
                    timeout=20,
                    check=False,
                )
                _say("stacks", stacks.stdout)


def _below(server: Dragoman) -> list[psutil.Process]:
    with suppress(psutil.Error, AssertionError):
        master = server.process()
        return [master, *master.children(recursive=True)]
    return []
