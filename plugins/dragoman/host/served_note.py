"""Whether the server that this process belongs to has served before: if so, one process that cannot start is only one.

gunicorn's first process loads nothing of ours, so those that it starts leave a note in HOME of whose they are.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from dragoman.workers.process_tree import identity

if TYPE_CHECKING:
    from pathlib import Path

NOTE: Final = "served-by.json"
"""In HOME: who the parent of the server process was that was ready last."""


def note_served(home: Path) -> None:
    """Note that a process of this one's parent is ready to serve."""
    draft = home / f"{NOTE}.{os.getpid()}"
    with suppress(OSError):  # a full disk: that is told elsewhere
        draft.write_text(json.dumps(_parent()), "utf-8")
        draft.replace(home / NOTE)


def has_served(home: Path) -> bool:
    """Whether an earlier process of this one's parent was ready to serve."""
    try:
        return bool(json.loads((home / NOTE).read_text("utf-8")) == _parent())
    except (OSError, ValueError):
        return False


def _parent() -> dict[str, Any]:
    return asdict(identity(os.getppid()))
