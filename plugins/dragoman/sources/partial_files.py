"""Files that are there whole or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def removed_on_error(path: Path) -> Iterator[None]:
    """Remove the file that is written within, if that is not finished: whatever the error, it goes on."""
    finished = False
    try:
        yield
        finished = True
    finally:
        if not finished:
            path.unlink(missing_ok=True)
