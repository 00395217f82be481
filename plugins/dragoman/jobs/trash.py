"""Deleting folders of any size and depth without holding up whoever wants them gone.

A folder is first moved, which takes no time, and then deleted for as long as its owner can spare; what is left
of it is deleted by the housekeeper. A folder inside is moved up before it is looked into: no path grows, nothing
recurses, however deep an algorithm has dug.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 0.1
"""Seconds to spend at once on deleting the files of a job: there may be millions, and others wait."""


class Trash:
    """A folder that takes what is to be deleted, from any number of threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def throw(self, path: Path, seconds: float) -> None:
        """Take a folder out of sight at once, and spend up to ``seconds`` on deleting it; it need not exist."""
        target = self._folder / uuid.uuid4().hex
        try:
            moved = self._move(path, target)
        except OSError:  # a full disk may have no room for another name
            with suppress(RecursionError):
                shutil.rmtree(path, ignore_errors=True)
            return
        if moved:
            self._delete([target], time.monotonic() + seconds)

    def _move(self, path: Path, target: Path) -> bool:
        """Move a folder into the trash, which is made where it is missing; False if there is nothing to move."""
        try:
            os.rename(path, target)
        except FileNotFoundError:
            if not os.path.lexists(path):
                return False
            self._folder.mkdir(parents=True, exist_ok=True)
            os.rename(path, target)
        return True

    def empty(self) -> None:
        """Delete whatever is still there."""
        with suppress(FileNotFoundError):
            self._delete([self._folder / name for name in os.listdir(self._folder)], float("inf"))

    def _delete(self, folders: list[Path], deadline: float) -> None:
        """Delete folders of the trash, and what turns up in them."""
        while folders and time.monotonic() < deadline:
            folder = folders.pop()
            # Somebody else was quicker; or still writes there, and the next round gets it.
            with suppress(OSError):
                if folder.is_symlink() or not folder.is_dir():
                    folder.unlink()
                    continue
                os.chmod(folder, 0o700)
                below = self._clear(folder, deadline)
                if below is None:
                    return
                folders += below
                os.rmdir(folder)

    def _clear(self, folder: Path, deadline: float) -> list[Path] | None:
        """Delete the files of a folder and move its folders up; these, or None if the time was up first."""
        below = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if time.monotonic() >= deadline:
                    return None
                if entry.is_dir(follow_symlinks=False):
                    target = self._folder / uuid.uuid4().hex
                    os.chmod(entry.path, 0o700)  # a folder that may not be written cannot be moved either
                    os.rename(entry.path, target)
                    below.append(target)
                else:
                    os.unlink(entry.path)
        return below
