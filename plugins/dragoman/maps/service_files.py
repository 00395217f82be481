"""Where the files of published services lie: ``services/{job}/{output}.nc`` under HOME, a pyramid beside each."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from dragoman.model.map_service import MapService

ROOT: Final = Path("services")
"""Below HOME."""
OWN: Final = "own"
"""Below it, the folder of what was made of the operator's files; no job has this id."""
HELD: Final = "held"
"""Below it, the folder of what jobs are going to read; no job has this id either."""


def data_file(job_id: str, part: str) -> Path:
    """The NetCDF file of a published output or item (``job_services.parts_of``), relative to HOME."""
    return ROOT / job_id / f"{safe_name(part)}.nc"


def safe_name(output_id: str) -> str:
    """An output's id as the name of a file; ids that differ get names that do."""
    name = re.sub(r"[^A-Za-z0-9_.-]", lambda match: f"%{ord(match[0]):x}", output_id)
    return f"%{name}" if name.startswith(".") else name


def files_of(service: MapService) -> set[Path]:
    """The files of a service."""
    return {service.data, *(path for variable in service.variables for path, _ in variable.drawn)}


class ServiceFiles:
    """The files of the services that jobs of this HOME have published."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._root = home / ROOT

    def folder(self, job_id: str) -> Path:
        """Where the services of a job lie; it need not exist."""
        return self._root / job_id

    def place(self, job_id: str, made: Path) -> None:
        """Move a folder to its place, all of it at once; the place is free. Raises OSError."""
        self._root.mkdir(exist_ok=True)
        os.rename(made, self.folder(job_id))

    def job_ids(self, older_than: float) -> Iterator[str]:
        """The jobs that have files here, last changed before ``older_than`` (seconds since 1970)."""
        try:
            entries = list(os.scandir(self._root))
        except FileNotFoundError:
            return
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.name not in (OWN, HELD) and entry.stat().st_mtime < older_than:
                    yield entry.name

    def remove(self, service: MapService) -> None:
        """Delete the files of a published service, and their folder with the last of them. The paths are relative."""
        for path in files_of(service):
            (self._home / path).unlink(missing_ok=True)
        with suppress(OSError):
            (self._home / service.data).parent.rmdir()

    def keep_only(self, job_id: str, services: Collection[MapService]) -> None:
        """Delete the files of a job that belong to none of these services."""
        kept = {self._home / path for service in services for path in files_of(service)}
        for path in list(self.folder(job_id).iterdir()):
            if path not in kept:
                path.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder(job_id).rmdir()
