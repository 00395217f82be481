"""Files that jobs which have not finished are going to read, kept whatever becomes of their services.

Each is another name (a hard link) of the file, ``services/held/{job}/{number}.tif`` under HOME, made when the job is.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dragoman.maps.service_files import HELD, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragoman.model.service_step import ServiceStep

STRAY_AGE: Final = 3600.0
"""Seconds that files of no job are left alone: it may be about to be accepted."""


class HeldSteps:
    """The files that are held for jobs of this HOME."""

    def __init__(self, home: Path) -> None:
        self._root = home / ROOT / HELD

    def hold(self, job_id: str, number: int, step: ServiceStep) -> ServiceStep:
        """The step by a name of its own; as it is, where its file lies on another file system."""
        place = self._root / job_id / f"{number}.tif"
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(step.path, place)
        except OSError:
            return step
        return replace(step, path=str(place))

    def sweep(self, finished: Callable[[str], bool | None]) -> None:
        """Let go of what finished jobs had; ``finished`` says None of a job that is not known."""
        try:
            entries = list(os.scandir(self._root))
        except FileNotFoundError:
            return
        for entry in entries:
            ended = finished(entry.name)
            with suppress(FileNotFoundError):
                old = entry.stat().st_mtime < time.time() - STRAY_AGE
                if ended or (ended is None and old):
                    shutil.rmtree(entry.path, ignore_errors=True)
