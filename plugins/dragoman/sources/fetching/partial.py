"""A file that is not whole yet, with the note that lets it be resumed, and its SHA-256 so far.

Beside ``target`` lie ``target.part``, its bytes so far, and ``target.part.json``, what the server said of them. The
note is written before the first byte and removed before the file is emptied: whatever dies, the bytes that are there
are of what the note tells. It stays when the file is whole, for whoever asks a second time. A file that is whole is on
the disk, since the job that is accepted then may run on it after a loss of power. Nothing else waits for the disk: so
what is left from before the machine's last start is not believed here, whole or not.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from dragoman.sources.fetching.resuming import Note
from dragoman.sources.partial_files import removed_on_error
from dragoman.workers.process_tree import boot_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BLOCK: Final = 1024**2


def part_of(target: Path) -> Path:
    """Where the bytes of a file are that is not whole."""
    return target.with_name(target.name + ".part")


def note_path(target: Path) -> Path:
    """Where it is said what they are."""
    return target.with_name(target.name + ".part.json")


def is_whole(target: Path) -> bool:
    """Whether the file is there, and was fetched since the machine's last start."""
    return target.is_file() and _read_note(target) is not None


class PartialFile:
    """Held open while it is fetched, over all tries; used in one thread.

    ``check`` raises where nobody wants the file any more: from then on nothing is made on disk.
    """

    def __init__(self, target: Path, url: str, check: Callable[[], None]) -> None:
        self._target, self._url, self._check = target, url, check
        self._file: BinaryIO | None = None
        self._digest = hashlib.sha256()
        self.size = 0
        """Bytes that are there."""
        self.note: Note | None = None
        """What they are; None where nothing is there."""
        self.whole = False
        """Whether it is at its target."""

    def __enter__(self) -> Self:
        """Take up what an earlier process has left, and hash it once."""
        note = _read_note(self._target)
        if note is None or note.url != self._url:
            return self
        try:
            self._file = self._target.open("rb")
            self.whole = True
        except FileNotFoundError:
            if note.validator is None:
                return self
            with suppress(FileNotFoundError):
                self._file = part_of(self._target).open("r+b", buffering=0)
        if self._file is not None:
            self.note = note
            try:
                self._take_up(self._file)
                if self.whole:  # whoever renamed it may have died before the rest
                    os.fsync(self._file.fileno())
                    self._seal(self._file)
            except BaseException:  # whatever it was goes on; the file does not stay open
                self._file.close()
                raise
        return self

    def _take_up(self, file: BinaryIO) -> None:
        while block := file.read(BLOCK):
            self._check()
            self._count(block)

    def __exit__(self, *_error: object) -> None:
        if self._file is not None:
            self._file.close()

    def begin(self, note: Note) -> None:
        """Empty it, for a content of which ``note`` is true."""
        self.forget()
        self._check()
        self._file = part_of(self._target).open("wb", buffering=0)
        _write_note(self._target, note)
        self.note = note
        try:
            self._check()
        except BaseException:  # the folder may have been cleared in between
            self.forget()
            raise

    def forget(self) -> None:
        """Have nothing of it left."""
        if self._file is not None:
            self._file.close()
            self._file = None
        note_path(self._target).unlink(missing_ok=True)
        part_of(self._target).unlink(missing_ok=True)
        self._target.unlink(missing_ok=True)  # of an earlier boot
        self._digest, self.size, self.note = hashlib.sha256(), 0, None

    def write(self, data: bytes | memoryview) -> None:
        """Add bytes; those that a full disk took before it was full count."""
        assert self._file is not None
        rest = memoryview(data)
        while rest:
            written = self._file.write(rest)
            self._count(rest[:written])
            rest = rest[written:]

    def hasten(self, start: int) -> None:
        """Have the disk begin with what was written from there on, so that less is left to wait for in the end.

        Linux begins to write what it is told not to keep; what is not on the disk yet stays in memory nevertheless.
        """
        assert self._file is not None
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file.fileno(), start, self.size - start, os.POSIX_FADV_DONTNEED)

    def finish(self) -> None:
        """Put it at its target, on the disk; of one that the disk does not take nothing is left.

        The kernel takes pages for written that it could not write, so a second try would only seem to succeed.
        """
        assert self._file is not None
        try:
            os.fsync(self._file.fileno())
            self._check()
            part_of(self._target).replace(self._target)
            self._seal(self._file)
        except OSError:
            self.forget()
            raise
        self.whole = True

    def _seal(self, file: BinaryIO) -> None:
        """Have its name on the disk, and let nobody change it: the job that reads it may be run again."""
        with _where_it_can_be():
            os.fchmod(file.fileno(), 0o444)
        _sync_names(self._target.parent)

    @property
    def sha256(self) -> str:
        """Of what is there, in hex."""
        return self._digest.hexdigest()

    def _count(self, data: bytes | memoryview) -> None:
        self._digest.update(data)
        self.size += len(data)


def _sync_names(folder: Path) -> None:
    """Have the names of a folder's files on the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        with _where_it_can_be():
            os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def _where_it_can_be() -> Iterator[None]:
    """Some file systems of networks have no modes, and nothing to wait for in a folder."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EPERM):
            raise


def _read_note(target: Path) -> Note | None:
    try:
        members = json.loads(note_path(target).read_bytes())
        return Note(**members) if members.pop("boot") == boot_id() else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # none, or none of ours
        return None


def _write_note(target: Path, note: Note) -> None:
    path = note_path(target)
    draft = path.with_name(path.name + ".new")
    with removed_on_error(draft):
        draft.write_text(json.dumps({"boot": boot_id(), **asdict(note)}), "utf-8")
        draft.replace(path)
