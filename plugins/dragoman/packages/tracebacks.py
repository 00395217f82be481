"""Where in an author's own files an error arose; the frames of libraries and of ours are left out."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

MOST: Final = 8
"""Frames that are shown of one error: the last ones."""


def own_lines(error: BaseException, folder: Path) -> list[str]:
    """The traceback of an error, and of what caused it, as far as it runs through files in ``folder``."""
    lines: list[str] = []
    for number, link in enumerate(_chain(error)):
        frames = list(_own_frames(link.__traceback__, folder))
        if frames and number:
            lines.append(f"caused by {type(link).__name__}")
        for frame in frames[-MOST:]:
            lines.append(f"{source_line(frame, folder)}, in {frame.name}")
            lines.extend([f"    {frame.line}"] if frame.line else [])
    return lines


def import_place(error: BaseException, file: Path, folder: Path) -> str:
    """``demo/algorithm.py:3``: where in ``file``, and where in another of the folder, its import failed."""
    frames = list(_own_frames(error.__traceback__, folder))
    own = [frame for frame in frames if Path(frame.filename) == file]
    if not own:
        return source_label(file, folder)
    inner = "" if frames[-1] is own[-1] else f" ({source_line(frames[-1], folder)})"
    return source_line(own[-1], folder) + inner


def source_label(file: Path, folder: Path) -> str:
    """``demo/algorithm.py`` of a file in the folder; of one elsewhere, which is installed, its last two names."""
    if file.is_relative_to(folder):
        return f"{folder.name}/{file.relative_to(folder)}"
    return f"{file.parent.name}/{file.name}"


def source_line(frame: traceback.FrameSummary, folder: Path) -> str:
    """``demo/algorithm.py:3`` of a frame in the folder."""
    return f"{folder.name}/{Path(frame.filename).relative_to(folder)}:{frame.lineno}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, each once."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _own_frames(tb: TracebackType | None, folder: Path) -> Iterator[traceback.FrameSummary]:
    for frame in traceback.extract_tb(tb):
        file = Path(frame.filename)
        if file.is_relative_to(folder) and "site-packages" not in file.relative_to(folder).parts:
            yield frame
