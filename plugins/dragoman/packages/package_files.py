"""Which files of a package's folder are its source: what its hash covers, what is watched, what is copied.

Source is every file but hidden ones, what Python caches, what editors leave (``x~``, ``#x#``), an environment
(a folder with a ``pyvenv.cfg``), what a link to a folder leads to, folders that cannot be read, and a HOME that lies
in the package's folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME_MARK: Final = "supervisor.lock"
"""The file that tells HOME from other folders; what a server writes there is no source."""
_ENVIRONMENT_MARK: Final = "pyvenv.cfg"


def source_files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The source in a folder and all below it, in no order; raises OSError of one that cannot be listed."""
    for entry in entries(folder):
        if counts(entry):
            if entry.is_dir():
                yield from source_files(Path(entry.path))
            else:
                yield entry


def entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What lies in a folder, without what Python caches, what editors leave, and HOME."""
    with os.scandir(folder) as found:
        for entry in found:
            name = entry.name
            if name == "__pycache__" or name.endswith((".pyc", "~")) or name.startswith("#"):
                continue
            if not (entry.is_dir() and os.path.exists(os.path.join(entry.path, HOME_MARK))):
                yield entry


def counts(entry: os.DirEntry[str]) -> bool:
    """Whether it is source, or a folder that may hold some."""
    if entry.name.startswith("."):
        return False
    if not entry.is_dir():
        return entry.is_file()
    if entry.is_symlink() or os.path.exists(os.path.join(entry.path, _ENVIRONMENT_MARK)):
        return False
    return os.access(entry.path, os.R_OK | os.X_OK)
