"""The supervisor's Unix socket, and the file in HOME that says where it is.

The socket lies in HOME, so that whatever TMPDIR is, and in whatever private /tmp, all meet. Where that cannot be (a
path over 108 bytes, a file system without sockets), it lies in the runtime or temporary folder, in a folder of this
user's alone. ``HOME/supervisor.json`` holds its path.
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
from dragoman.packages.package_files import HOME_MARK
from dragoman.workers.surroundings import sockets_fit

LOCK = HOME_MARK
NOTE = "supervisor.json"
SOCKET = "supervisor.sock"
LONGEST = 100
"""Bytes of a socket's path: Linux takes 107, others 103."""

SHORTEST = Path("/tmp")
"""Where a socket's path fits that is too long everywhere else."""

type FileIdentity = tuple[int, int]
"""Device and inode."""


def file_identity(path: Path) -> FileIdentity | None:
    """Which file or folder this is; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def home_hash(home: Path) -> str:
    """A short name for a HOME."""
    return hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]


class SupervisorSocket:
    """The socket of one HOME's supervisor, from both sides."""

    def __init__(self, home: Path) -> None:
        self._home = Path(os.path.abspath(home))
        self._note = home / NOTE
        self._bound: tuple[str, FileIdentity | None] = "", None
        """The path that this process listens at, and which file that is."""

    def listen(self) -> socket.socket:
        """Listen, as the supervisor; only the holder of the lock may."""
        listener, path = self._bind()
        listener.listen(512)
        self._bound = str(path), file_identity(path)
        draft = self._note.with_suffix(".tmp")
        draft.write_text(json.dumps({"socket": str(path), "pid": os.getpid()}))
        draft.replace(self._note)
        return listener

    def intact(self) -> bool:
        """Whether those who look for the supervisor still find the socket that this process listens at."""
        path, identity = self._bound
        return self._noted() == path and identity is not None and file_identity(Path(path)) == identity

    def leave(self) -> None:
        """Remove the socket and the file that says where it is."""
        path = self._noted()
        with suppress(OSError):
            self._note.unlink()
        if path:
            with suppress(OSError):
                Path(path).unlink()

    def _bind(self) -> tuple[socket.socket, Path]:
        beside = self._home / SOCKET
        if len(os.fsencode(beside)) <= LONGEST:
            with suppress(OSError):
                return _bound_socket(beside), beside
        name = f"{home_hash(self._home)}.sock"
        path = _private_folder() / name
        if len(os.fsencode(path)) > LONGEST:  # a deep TMPDIR as well
            path = _private_folder(SHORTEST) / name
        return _bound_socket(path), path

    def _noted(self) -> str:
        """Where the note says that the socket is; empty if it does not."""
        try:
            return str(json.loads(self._note.read_text())["socket"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def connect(self) -> socket.socket | None:
        """Connect, as a server process; None if no supervisor listens."""
        path = self._noted()
        if not path:
            return None
        try:
            sock = socket.socket(socket.AF_UNIX)
        except OSError:  # too many open files
            return None
        try:
            sock.connect(path)
        except OSError:
            sock.close()
            return None
        return sock


def forkserver_folder(home: Path) -> Path:
    """Where the forkserver's socket is to lie: ``HOME/run``; under a deep HOME below a private folder, whose path fits.

    Only for the holder of the lock: it is deleted with all that an earlier life has left, and made.
    """
    folder = home / "run"
    if not sockets_fit(folder):
        folder = _private_folder() / home_hash(home)
    if not sockets_fit(folder):  # a deep TMPDIR as well
        folder = _private_folder(SHORTEST) / home_hash(home)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


def _bound_socket(path: Path) -> socket.socket:
    """A socket at this path that none but its owner may connect to, once it listens."""
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX)
    try:
        bound.bind(str(path))
        path.chmod(0o600)
    except OSError:
        bound.close()
        raise
    return bound


def _private_folder(base: Path | None = None) -> Path:
    """A folder of this user's alone, in ``base`` or else in the runtime or temporary folder; made if need be."""
    base = base or Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    folder = base / f"dragoman-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise Unavailable(
            f"{folder.name} in the temporary folder belongs to somebody else, or is open to others"
        )
    return folder
