"""Asking a process of its own about a file of the operator's: what GDAL makes of a broken one costs nobody else."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

from dragoman.maps.declarations import dump_declaration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dragoman.maps.declarations import ServiceDeclaration
    from dragoman.model.process import JSON

OPENING: Final = 120.0
"""Seconds in which a file has to be opened, where that is all that is asked."""


def problem_of(command: Sequence[str], task: Mapping[str, JSON], seconds: float) -> str:
    """What is wrong, in one line, or nothing; ``command`` runs ``answer`` of ``own_files_child`` on the task."""
    try:
        done = subprocess.run(
            [*command],
            input=json.dumps(task).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"was not read within {seconds:g} s"
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    try:
        report = json.loads(done.stdout or b"null")
    except ValueError:
        report = None
    if not isinstance(report, dict):
        return f"its process ended while it was read (code {done.returncode})"
    return str(report["problem"])


def opened(
    declarations: Sequence[ServiceDeclaration], command: Sequence[str]
) -> Iterator[tuple[ServiceDeclaration, str]]:
    """Each declaration, and what is wrong with its file as far as opening it tells; nothing is made of it."""
    tasks = [{"declaration": dump_declaration(each)} for each in declarations]
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        problems = threads.map(partial(problem_of, command, seconds=OPENING), tasks)
        yield from zip(declarations, problems, strict=True)
