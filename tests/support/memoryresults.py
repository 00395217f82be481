"""A ResultStore in memory: whoever works with it needs no path of a result."""

from __future__ import annotations

import hashlib
import io
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

from dragoman.errors import NoSuchJob, ResultNotAvailable
from dragoman.jobs.derived_files import kind_of
from dragoman.jobs.stored_file import BLOCK, StoredFile
from dragoman.model.job_id import is_job_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EPOCH = datetime.fromtimestamp(0, UTC)


class MemoryBlocks:
    """Blocks of bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def __iter__(self) -> MemoryBlocks:
        return self

    def __next__(self) -> bytes:
        block = self._data[self._position : self._position + BLOCK]
        if not block:
            raise StopIteration
        self._position += len(block)
        return block

    def close(self) -> None:
        self._position = len(self._data)


@dataclass
class Kept:
    """All that there is of a job."""

    outputs: dict[str, bytes] | None = None
    published: datetime = EPOCH
    log: bytes | None = None
    request: str | None = None
    sent: str | None = None
    hashes: str | None = None
    derived: dict[str, bytes] = field(default_factory=dict)
    touched: float = field(default_factory=time.time)


class MemoryResults:
    """See ``dragoman.jobs.ports.ResultStore``."""

    def __init__(self) -> None:
        self.jobs: dict[str, Kept] = {}

    def publish(self, job_id: str, folder: Path) -> None:
        job = self._job(job_id)
        if job.outputs is not None:
            raise FileExistsError
        files = [path for path in folder.rglob("*") if path.is_file()]
        job.outputs = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
        job.published = datetime.now(UTC)
        shutil.rmtree(folder)

    def content(self, job_id: str, name: str) -> StoredFile:
        outputs = self._seen(job_id).outputs or {}
        if name not in outputs:
            raise ResultNotAvailable
        return _stored(name.rpartition("/")[2], outputs[name], self._seen(job_id).published)

    def remove_file(self, job_id: str, name: str) -> None:
        if name.startswith("/") or ".." in name.split("/"):
            raise ResultNotAvailable
        (self._seen(job_id).outputs or {}).pop(name, None)

    def append_log(self, job_id: str, printed: Path) -> None:
        job = self._job(job_id)
        job.log = (job.log or b"") + printed.read_bytes()
        printed.unlink()

    def log(self, job_id: str) -> StoredFile | None:
        log = self._seen(job_id).log
        return None if log is None else _stored("log.txt", log, datetime.now(UTC))

    def save_request(self, job_id: str, text: str) -> None:
        self._job(job_id).request = text

    def load_request(self, job_id: str) -> str:
        request = self._seen(job_id).request
        if request is None:
            raise NoSuchJob(f"the request of job '{job_id}' is gone")
        return request

    def remove_request(self, job_id: str) -> None:
        self._seen(job_id).request = None

    def save_sent(self, job_id: str, text: str) -> None:
        self._job(job_id).sent = text

    def load_sent(self, job_id: str) -> str | None:
        return self._seen(job_id).sent

    def save_hashes(self, job_id: str, text: str) -> None:
        self._job(job_id).hashes = text

    def load_hashes(self, job_id: str) -> str | None:
        return self._seen(job_id).hashes

    def derived(self, job_id: str, name: str, write: Callable[[BinaryIO], None]) -> StoredFile:
        job = self._job(job_id)
        if name not in job.derived:
            file = io.BytesIO()
            write(file)
            job.derived = {n: data for n, data in job.derived.items() if kind_of(n) != kind_of(name)}
            job.derived[name] = file.getvalue()
        return _stored(name, job.derived[name], job.published)

    def remove_derived(self, job_id: str) -> None:
        self._seen(job_id).derived.clear()

    def clear(self, job_id: str, *, keep_log: bool = False) -> None:
        if keep_log:
            self.remove_derived(job_id)
            self._seen(job_id).outputs = None
        else:
            self.jobs.pop(_checked(job_id), None)

    def job_ids(self, older_than: float) -> Iterator[str]:
        yield from [job_id for job_id, job in self.jobs.items() if job.touched < older_than]

    def empty_trash(self) -> None:
        pass

    def free_bytes(self) -> int:
        return 2**40

    def _job(self, job_id: str) -> Kept:
        """To be changed: made where there is none."""
        job = self.jobs.setdefault(_checked(job_id), Kept())
        job.touched = time.time()
        return job

    def _seen(self, job_id: str) -> Kept:
        return self.jobs.get(_checked(job_id), Kept())


def _checked(job_id: str) -> str:
    if not is_job_id(job_id):
        raise NoSuchJob(f"there is no job '{job_id}'")
    return job_id


def _stored(name: str, data: bytes, modified: datetime) -> StoredFile:
    return StoredFile(
        name=name,
        size=len(data),
        etag=hashlib.sha256(data).hexdigest()[:16],
        modified=modified,
        read=lambda start, stop: MemoryBlocks(data[start:stop]),
    )
