"""Takes a file that an algorithm made into the outputs of its job."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def place_file(source: Path, target: Path, *, own: Iterable[Path], lent: Iterable[Path]) -> None:
    """Move ``source`` to ``target``; what lies under ``lent`` is copied instead.

    Links are resolved first: an algorithm that was tricked into a path of the machine gives nothing
    away. Raises OSError, and ValueError (``is not ...``) where the file may not be taken.
    """
    if not os.path.lexists(source):
        raise ValueError("does not exist")
    real = source.resolve()
    if not real.is_file():
        raise ValueError("is not a regular file")
    if any(real.is_relative_to(root.resolve()) for root in lent):
        shutil.copyfile(real, target)
    elif any(real.is_relative_to(root.resolve()) for root in own):
        _move(real, target)
    else:
        raise ValueError("is not in the scratch folder (context.scratch)")


def _move(source: Path, target: Path) -> None:
    if source == target.resolve():
        return
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copyfile(source, target)
        source.unlink()
