"""Where tasks are kept; the docstrings are the contract that its suite tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dragoman.model.task import Asset, AssetState, Tally, Task


class TaskStore(Protocol):
    """The truth about tasks and assets, beside the jobs of the same ids. Safe for many readers, and for one writer.

    A write outlasts the death of any process when the call returns. A task whose job is gone is gone with it.
    """

    def add(self, task: Task) -> None:
        """Keep a new task; it is there once its job is. Raises ValueError if its id is taken."""

    def get(self, task_id: str) -> Task:
        """The task; raises NoSuchTask."""

    def tally(self, task_id: str) -> Tally:
        """How far its assets have come; nothing of a task that is not there."""

    def growing(self) -> list[Task]:
        """The tasks whose jobs are being put together, oldest first."""

    def unfinished(self, application: str | None = None) -> int:
        """How many tasks have jobs that have not finished, of one application or of all."""

    def feed(self, task_id: str, assets: Sequence[Asset], moment: datetime, *, short: bool) -> None:
        """Announce assets, all of them or none; ``short`` says that the batch had room for more."""

    def assets(self, task_id: str, *states: AssetState, limit: int | None = None) -> list[Asset]:
        """The assets in one of these states (none: in any), in order; ``limit`` of them at most."""

    def asset(self, task_id: str, number: int) -> Asset:
        """One asset; raises NoSuchTask where there is none of that number."""

    def settle(self, task_id: str, asset: Asset, moment: datetime) -> bool:
        """Write down how an asset has ended; False, and nothing is done, where it is not awaited any more."""

    def reopen(self, task_id: str, number: int) -> None:
        """Await an asset again that was whole, and is not there any more."""

    def sweep(self) -> int:
        """Forget the tasks that never had a job, which a death has left; returns how many."""

    def close(self) -> None:
        """Let go of the store."""
