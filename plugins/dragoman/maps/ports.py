"""Where published services are kept; the docstrings are the contract that its suite tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dragoman.model.map_service import MapService


class ServiceStore(Protocol):
    """The truth about services that jobs have published. Safe for many readers, in threads and processes, and a writer.

    Their paths are relative to HOME. A write is one transaction, and outlasts the death of any process when the call
    returns. Services whose rows cannot be read (damaged, or written by another dragoman) are passed over.
    """

    def replace(self, job_id: str, services: Sequence[MapService]) -> None:
        """Make these the services of a job, which is there: what it had before is gone.

        Raises ValueError, and changes nothing, where another job has a service of one of the names.
        """

    def get(self, name: str) -> MapService:
        """The service; raises NoSuchService."""

    def listed(self, owner: str | None) -> list[MapService]:
        """The services of an owner, or of everybody (None), oldest first."""

    def of_job(self, job_id: str) -> list[MapService]:
        """The services of a job, in the order of their names."""

    def readable(self, job_id: str) -> bool:
        """Whether ``of_job`` has all services of the job: none of its rows is passed over."""

    def expired(self, before: datetime) -> list[MapService]:
        """The temporary services that were created before that moment, oldest first."""

    def remove(self, names: Sequence[str]) -> int:
        """Forget those of them that are there; how many they were. A job that is removed takes its services along."""

    def close(self) -> None:
        """Let go of the store."""
