"""Loads a package as a worker would, in a process of its own: does its code import, does its setup run?"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import DragomanError
from dragoman.jobs.json_codec import dump_runtime, load_runtime
from dragoman.jobs.runner import RunContext, describe_failure, load_program

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dragoman.model.process import Process

TIMEOUT: Final = 300.0
"""Seconds that loading may take: a model may be large."""


def probe_all(processes: Iterable[Process], command: Sequence[str]) -> dict[str, str]:
    """What keeps each from being loaded, by id; a pygeoapi processor was loaded when it was described."""
    wanted = [process for process in processes if process.runtime.kind != "processor"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = pool.map(lambda process: probe(process, command), wanted)
        return {process.id: problem for process, problem in zip(wanted, problems, strict=True) if problem}


def probe(process: Process, command: Sequence[str], timeout: float = TIMEOUT) -> str:
    """What keeps the package from being loaded, in one line; empty is nothing.

    ``command`` runs ``answer`` in a new process; nothing that the package starts outlives the probe.
    """
    question = json.dumps({"id": process.id, "runtime": dump_runtime(process.runtime)})
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = child.communicate(question, timeout)
    except subprocess.TimeoutExpired:
        return f"was not loaded within {timeout:g} s"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
    try:
        return str(json.loads(said)["problem"])
    except (ValueError, KeyError):
        return f"its process ended while it was loaded (code {child.returncode})"


def answer() -> None:
    """Load what standard input names and tell, then end this process; prints of the package go nowhere."""
    told = os.dup(1)
    os.dup2(2, 1)
    question = json.load(sys.stdin)
    with tempfile.TemporaryDirectory(prefix="dragoman-check-") as folder:
        problem = _load(question["id"], question["runtime"], Path(folder))
    os.write(told, json.dumps({"problem": problem}).encode())
    os._exit(0)  # no thread or exit handler of the package may hold it up


def _load(process_id: str, runtime: object, scratch: Path) -> str:
    context = RunContext(job_id="", config={}, scratch=scratch, report=lambda _percent, _message: None)
    try:
        load_program(process_id, load_runtime(runtime), context, None)
    except BaseException as error:  # whatever an author's code raises is the answer
        detail = " ".join(describe_failure(error).detail.split())
        return detail if isinstance(error, DragomanError) else f"its setup failed: {detail}"
    return ""
