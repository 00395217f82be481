"""Putting results into any ResultStore, as a worker does, and looking at what is there."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from dragoman.errors import ResultNotAvailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dragoman.jobs.ports import ResultStore


def publish(results: ResultStore, job_id: str, files: Mapping[str, bytes | str]) -> None:
    """Make files the outputs of a job."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "outputs"
        folder.mkdir()
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        results.publish(job_id, folder)


def append_log(results: ResultStore, job_id: str, text: str) -> None:
    """Append to the log of a job."""
    with tempfile.TemporaryDirectory() as home:
        printed = Path(home) / "printed"
        printed.write_text(text)
        results.append_log(job_id, printed)


def log_of(results: ResultStore, job_id: str) -> str:
    """The log of a job; empty where there is none."""
    log = results.log(job_id)
    return "" if log is None else log.content().decode()


def has_file(results: ResultStore, job_id: str, name: str) -> bool:
    """Whether the outputs of a job hold a file."""
    try:
        results.content(job_id, name)
    except ResultNotAvailable:
        return False
    return True


def read(results: ResultStore, job_id: str, name: str, start: int = 0, stop: int | None = None) -> bytes:
    """A file of the outputs, or a range of it."""
    with closing(results.content(job_id, name).blocks(start, stop)) as blocks:
        return b"".join(blocks)


def anything_of(results: ResultStore, job_id: str) -> bool:
    """Whether there is anything of a job."""
    return job_id in set[str](_all(results))


def _all(results: ResultStore) -> Iterator[str]:
    return results.job_ids(older_than=float("inf"))
