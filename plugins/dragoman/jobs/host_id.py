"""Which host a worker runs on: the id of its HOME, since two hosts (containers, clones) may have the same name."""

from __future__ import annotations

import logging
import os
import re
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOGGER = logging.getLogger(__name__)

FILE = "host-id"
FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def host_id(home: Path) -> str:
    """The uuid that HOME keeps, made if there is none; for the holder of HOME's lock alone."""
    known = known_host_id(home)
    if known is None and (home / FILE).exists():
        LOGGER.warning("the host's id cannot be read; it has a new one", extra={"action": "host-id"})
    return known or _make(home)


def known_host_id(home: Path) -> str | None:
    """The uuid that HOME keeps; None if no engine has made one yet, or it cannot be read."""
    try:
        text = (home / FILE).read_text("ascii", errors="replace").strip()
    except FileNotFoundError:
        return None
    return text if FORM.fullmatch(text) else None


def _make(home: Path) -> str:
    """Whole or not at all: a crash must not leave half an id, nor one that the next start does not find."""
    new = str(uuid.uuid4())
    draft = home / f"{FILE}.tmp"
    with draft.open("w", encoding="ascii") as file:
        file.write(f"{new}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(home / FILE)
    return new
