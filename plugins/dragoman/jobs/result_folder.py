"""The ResultStore on a folder: ``HOME/jobs/<first two of the id>/<id>/{outputs,derived,*.json,log.txt}``."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from dragoman.errors import NoSuchJob, ResultNotAvailable
from dragoman.jobs.derived_files import make_whole
from dragoman.jobs.stored_file import BLOCK, StoredFile
from dragoman.jobs.trash import PATIENCE, Trash
from dragoman.model.job_id import is_job_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class FolderResults:
    """See ``dragoman.jobs.ports.ResultStore``."""

    def __init__(self, home: Path) -> None:
        self._root = home / "jobs"
        self._trash = Trash(home / "trash")

    def publish(self, job_id: str, folder: Path) -> None:
        """See the port."""
        target = self._folder(job_id) / "outputs"
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(folder, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._publish_copy(folder, target)

    def _publish_copy(self, folder: Path, target: Path) -> None:
        """From another file system: copied beside its place first, for all of it to appear at once."""
        copy = target.with_name(f"outputs-{uuid.uuid4().hex}")
        try:
            shutil.copytree(folder, copy, symlinks=True)
            os.rename(copy, target)
        except BaseException:  # half a copy is nobody's, whatever ended it
            shutil.rmtree(copy, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)

    def content(self, job_id: str, name: str) -> StoredFile:
        """See the port."""
        return _stored(self._file(job_id, name))

    def remove_file(self, job_id: str, name: str) -> None:
        """See the port."""
        self._file(job_id, name).unlink(missing_ok=True)

    def append_log(self, job_id: str, printed: Path) -> None:
        """See the port; the first one by a rename, which needs no room on a full disk."""
        log = self._log(job_id)
        log.parent.mkdir(parents=True, exist_ok=True)
        if not log.exists():
            shutil.move(printed, log)
            return
        with printed.open("rb") as source, log.open("ab") as kept:
            shutil.copyfileobj(source, kept)
        printed.unlink()

    def log(self, job_id: str) -> StoredFile | None:
        """See the port."""
        try:
            return _stored(self._log(job_id))
        except ResultNotAvailable:
            return None

    def save_request(self, job_id: str, text: str) -> None:
        """See the port."""
        folder = self._folder(job_id)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "request.json").open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def load_request(self, job_id: str) -> str:
        """See the port."""
        try:
            return (self._folder(job_id) / "request.json").read_bytes().decode()
        except FileNotFoundError as error:
            raise NoSuchJob(f"the request of job '{job_id}' is gone") from error

    def remove_request(self, job_id: str) -> None:
        """See the port."""
        (self._folder(job_id) / "request.json").unlink(missing_ok=True)

    def save_sent(self, job_id: str, text: str) -> None:
        """See the port."""
        self._save(job_id, "sent.json", text)

    def load_sent(self, job_id: str) -> str | None:
        """See the port."""
        return self._load(job_id, "sent.json")

    def save_hashes(self, job_id: str, text: str) -> None:
        """See the port."""
        self._save(job_id, "hashes.json", text)

    def load_hashes(self, job_id: str) -> str | None:
        """See the port."""
        return self._load(job_id, "hashes.json")

    def _save(self, job_id: str, name: str, text: str) -> None:
        folder = self._folder(job_id)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())

    def _load(self, job_id: str, name: str) -> str | None:
        try:
            return (self._folder(job_id) / name).read_bytes().decode()
        except FileNotFoundError:
            return None

    def derived(self, job_id: str, name: str, write: Callable[[BinaryIO], None]) -> StoredFile:
        """See the port."""
        folder = self._folder(job_id) / "derived"
        with suppress(ResultNotAvailable):
            return _stored(folder / name)
        make_whole(folder, name, write)
        return _stored(folder / name)

    def remove_derived(self, job_id: str) -> None:
        """See the port."""
        self._trash.throw(self._folder(job_id) / "derived", PATIENCE)

    def clear(self, job_id: str, *, keep_log: bool = False) -> None:
        """See the port."""
        folder = self._folder(job_id)
        if keep_log:
            self.remove_derived(job_id)
        self._trash.throw(folder / "outputs" if keep_log else folder, PATIENCE)

    def job_ids(self, older_than: float) -> Iterator[str]:
        """See the port."""
        for folder in self._root.glob("??/*"):
            with suppress(FileNotFoundError):  # it has just been removed
                if is_job_id(folder.name) and folder.stat().st_mtime < older_than:
                    yield folder.name

    def empty_trash(self) -> None:
        """See the port."""
        self._trash.empty()

    def free_bytes(self) -> int:
        """See the port."""
        try:
            system = os.statvfs(f"{self._root}/")  # the slash: of a folder, not of a file in its place
        except FileNotFoundError:
            self._root.mkdir(parents=True, exist_ok=True)
            system = os.statvfs(self._root)
        return system.f_bavail * system.f_frsize

    def _folder(self, job_id: str) -> Path:
        if not is_job_id(job_id):  # whatever the caller has checked: an id is never another path
            raise NoSuchJob(f"there is no job '{job_id}'")
        return self._root / job_id[:2] / job_id

    def _log(self, job_id: str) -> Path:
        return self._folder(job_id) / "log.txt"

    def _file(self, job_id: str, name: str) -> Path:
        inner = PurePosixPath(name)
        if inner.is_absolute() or not inner.parts or ".." in inner.parts or "\0" in name:
            raise ResultNotAvailable(f"there is no file {name[:100]!r}")
        return self._folder(job_id) / "outputs" / inner


class _FileBlocks:
    """Blocks of a local file, which is open from the beginning on."""

    def __init__(self, path: Path, start: int, stop: int) -> None:
        self._left = max(0, stop - start)
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise ResultNotAvailable from error
        self._file.seek(start)

    def __iter__(self) -> _FileBlocks:
        return self

    def __next__(self) -> bytes:
        block = self._file.read(min(BLOCK, self._left)) if self._left else b""
        if not block:
            self.close()
            if self._left:  # it was cut short: what follows must not be taken for it
                raise ResultNotAvailable
            raise StopIteration
        self._left -= len(block)
        return block

    def close(self) -> None:
        self._file.close()


def _stored(path: Path) -> StoredFile:
    """A regular file; raises ResultNotAvailable if it is none."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise ResultNotAvailable from None
    if not stat.S_ISREG(status.st_mode):
        raise ResultNotAvailable
    return StoredFile(
        name=path.name,
        size=status.st_size,
        etag=f"{status.st_mtime_ns:x}-{status.st_size:x}",
        modified=datetime.fromtimestamp(status.st_mtime, UTC),
        read=lambda start, stop: _FileBlocks(path, start, stop),
        path=path,
    )
