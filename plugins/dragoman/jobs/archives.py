"""Several files of a job as one zip, which any dialect may offer.

It is made once, by whoever asks first, and its name holds what is in it: once an output is gone, or its metadata is
other, another one is made.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final

from dragoman.schemas.media_types import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dragoman.jobs.ports import ResultStore
    from dragoman.jobs.stored_file import StoredFile
    from dragoman.model.job import Job

EARLIEST: Final = 1980
"""The first year that a zip can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of an archive."""

    name: str
    """Its path there."""
    media_type: str
    """What is compressed already, as images and other binary files are, is stored as it is."""
    content: bytes | StoredFile

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.size


def archive(
    results: ResultStore, job: Job, name: str, members: Sequence[Member], check_room: Callable[[int], None]
) -> StoredFile:
    """The zip of these members, under that name; raises ResultNotAvailable, OSError, and what ``check_room`` raises.

    That is told how many bytes it may take, unless it is there already. The same members give the same bytes: their
    times are the time at which the job ended.
    """
    stem = name.removesuffix(".zip")
    kept = f"{stem}-{_digest(members)}.zip"
    file = results.derived(job.id, kept, partial(_write, job=job, members=members, check_room=check_room))
    return replace(file, name=name)


def _digest(members: Iterable[Member]) -> str:
    """Differs where the members do."""
    lines = [
        (
            member.name,
            member.size,
            hashlib.sha256(member.content).hexdigest()
            if isinstance(member.content, bytes)
            else member.content.etag,
        )
        for member in members
    ]
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()[:32]


def _write(
    stream: BinaryIO, *, job: Job, members: Sequence[Member], check_room: Callable[[int], None]
) -> None:
    check_room(sum(member.size for member in members))
    moment = job.finished or job.updated
    when = (max(EARLIEST, moment.year), moment.month, moment.day, moment.hour, moment.minute, moment.second)
    with zipfile.ZipFile(stream, "w", allowZip64=True) as whole:
        for member in members:
            entry = zipfile.ZipInfo(member.name, when)
            packed = kind_of(member.media_type) == "binary"
            entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.file_size = member.size  # so that it is ZIP64 where it has to be
            with whole.open(entry, "w") as file:
                if isinstance(member.content, bytes):
                    file.write(member.content)
                    continue
                with closing(member.content.blocks()) as blocks:
                    for block in blocks:
                        file.write(block)
