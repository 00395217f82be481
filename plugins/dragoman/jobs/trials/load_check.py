"""Loads a package as a worker would, in a process of its own: does its code import, does its setup run?"""

from __future__ import annotations

import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dragoman.errors import DragomanError
from dragoman.jobs.failures import describe_failure
from dragoman.jobs.json_codec import dump_runtime, load_runtime
from dragoman.jobs.runner import load_program
from dragoman.jobs.trials import child
from dragoman.packages.forms import Forms
from dragoman.packages.program import RunLimits
from dragoman.workers.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dragoman.model.process import Process, Runtime


def probe_all(processes: Iterable[Process], forms: Forms, command: Sequence[str]) -> dict[str, str]:
    """What keeps each from being loaded, by id."""
    processes = list(processes)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = pool.map(lambda process: probe(process, forms, command), processes)
        return {process.id: problem for process, problem in zip(processes, problems, strict=True) if problem}


def probe(
    process: Process, forms: Forms, command: Sequence[str], timeout: float = child.LOADING_SECONDS
) -> str:
    """What keeps the package from being loaded, in one line; empty is nothing.

    ``command`` runs ``answer`` in a new process; nothing that the package starts outlives the probe.
    """
    with (
        # Ours, since the child is killed with all it started, and tidies nothing up.
        tempfile.TemporaryDirectory(prefix="dragoman-check-", ignore_cleanup_errors=True) as folder,
        child.started(command, _task(process, forms, folder), silent=True) as loading,
    ):
        try:
            report = loading.report(timeout)
        except TimeoutError:
            return f"was not loaded within {timeout:g} s"
        if report is None:
            return f"its process ended while it was loaded (code {loading.exit_code()})"
        return str(report[0])


def _task(process: Process, forms: Forms, folder: str) -> dict[str, object]:
    return {
        "id": process.id,
        "runtime": dump_runtime(process.runtime),
        "forms": forms.places,
        "folder": folder,
    }


def answer() -> None:
    """In the child: load what the task names and report the problem."""
    task, report = child.told()
    here = Surroundings(Path(task["folder"], "worker"), partial(shutil.rmtree, ignore_errors=True))
    report(_problem(task["id"], load_runtime(task["runtime"]), Forms.from_json(task["forms"]), here.folder))
    child.end()


def _problem(process_id: str, runtime: Runtime, forms: Forms, scratch: Path) -> str:
    try:
        load_program(process_id, runtime, forms=forms, limits=RunLimits(), scratch=scratch)
    except BaseException as error:  # whatever an author's code raises is the answer
        detail = " ".join(describe_failure(error).detail.split())
        return detail if isinstance(error, DragomanError) else f"its setup failed: {detail}"
    return ""
