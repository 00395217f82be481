"""The supervisor's Unix socket, and the file in HOME that says where it is.

The socket lies in the runtime or temporary folder (a path over 108 bytes would fail under a deep HOME), in a
folder of this user's alone; ``HOME/supervisor.json`` holds its path.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from dragoman.errors import Unavailable
from dragoman.workers.surroundings import sockets_fit

LOCK = "supervisor.lock"
NOTE = "supervisor.json"


def home_hash(home: Path) -> str:
    """A short name for a HOME."""
    return hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]


class SupervisorSocket:
    """The socket of one HOME's supervisor, from both sides."""

    def __init__(self, home: Path) -> None:
        self._note = home / NOTE
        self._name = f"{home_hash(home)}.sock"

    def listen(self) -> socket.socket:
        """Listen, as the supervisor; only the holder of the lock may."""
        path = _private_folder() / self._name
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(512)
        draft = self._note.with_suffix(".tmp")
        draft.write_text(json.dumps({"socket": str(path), "pid": os.getpid()}))
        draft.replace(self._note)
        return listener

    def leave(self) -> None:
        """Remove the socket and the file that says where it is."""
        with suppress(OSError):
            self._note.unlink()
        with suppress(OSError):
            (_private_folder() / self._name).unlink()

    def connect(self) -> socket.socket | None:
        """Connect, as a server process; None if no supervisor listens."""
        try:
            path = json.loads(self._note.read_text())["socket"]
            sock = socket.socket(socket.AF_UNIX)
        except (OSError, ValueError, KeyError):
            return None
        try:
            sock.connect(path)
        except OSError:
            sock.close()
            return None
        return sock


def forkserver_folder(home: Path) -> Path:
    """Where the forkserver's socket is to lie: ``HOME/run``, or below the socket's folder under a deep HOME.

    Only for the holder of the lock: it is deleted with all that an earlier life has left, and made.
    """
    folder = home / "run"
    if not sockets_fit(folder):
        folder = _private_folder() / home_hash(home)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


def _private_folder() -> Path:
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    folder = base / f"dragoman-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise Unavailable(
            f"{folder.name} in the temporary folder belongs to somebody else, or is open to others"
        )
    return folder
