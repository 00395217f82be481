"""What keeps a server from taking jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.errors import Unavailable

if TYPE_CHECKING:
    from dragoman.jobs.ports import Executor, JobStore, ResultStore


def faults(store: JobStore, executor: Executor, results: ResultStore, min_free_bytes: int) -> list[str]:
    """What is wrong with the store, the engine and the disk; nothing: the server is ready."""
    reasons = _faults_of_writing(store, executor)
    try:
        if results.free_bytes() < min_free_bytes:
            reasons.append("disk: less free space than the configured floor")
    except OSError as error:
        reasons.append(f"disk: {error.strerror}")
    return reasons


def warnings(store: JobStore) -> list[str]:
    """What is wrong, but keeps nobody's job from being taken."""
    return (
        ["store: a part of the database is damaged; jobs that lie there are passed over"]
        if store.damaged()
        else []
    )


def _faults_of_writing(store: JobStore, executor: Executor) -> list[str]:
    """What the store and the engine report; what both report of the store is there once."""
    reasons = []
    try:
        store.counts()
    except Unavailable as error:
        reasons.append(f"store: {error.detail}")
    try:
        if not executor.alive():
            reasons.append("engine: the supervisor does not answer")
    except Unavailable as error:
        reasons.append(f"store: {error.detail}")
    return list(dict.fromkeys(reasons))
