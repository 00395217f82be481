"""The fetching of tasks' assets: who is asked, under which names, and what an asset is when it has come to its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from dragoman.jobs.engine.live_task import stored_name
from dragoman.model.task import Asset, AssetState
from dragoman.sources.fetching.messages import Fetched, FetchFailed, FetchTask

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dragoman.jobs.engine.guests import House
    from dragoman.jobs.task_settings import TaskSettings
    from dragoman.model.task import Task
    from dragoman.sources.fetching.pool import FetchPool

type OnEnd = Callable[[Asset], None]
"""Called once with an asset as it has ended, in the thread of the supervisor's loop."""


class Fetcher(Protocol):
    """What is asked of ``sources.fetching.pool.FetchPool``, which see."""

    def fetch(self, task: FetchTask, on_done: Callable[[Fetched | FetchFailed], None]) -> None:
        """Fetch a file."""

    def cancel(self, task_id: str) -> None:
        """Do not."""

    def tick(self) -> None:
        """Do what is due."""

    def close(self) -> None:
        """End all of it."""


class AssetFetching:
    """Fetches assets into their tasks' folders, by what ``make_fetcher`` makes when the first is to be fetched."""

    def __init__(self, make_fetcher: Callable[[], Fetcher]) -> None:
        self._make_fetcher = make_fetcher
        self._fetcher: Fetcher | None = None

    def fetch(self, task: Task, folder: Path, assets: Iterable[Asset], on_end: OnEnd) -> None:
        """Have assets fetched, each to its own end; what lies in the folder whole is found so."""
        if self._fetcher is None:
            self._fetcher = self._make_fetcher()
        for asset in assets:
            errand = FetchTask(
                id=_key(task.id, asset.number),
                url=asset.url,
                target=folder / stored_name(asset),
                owner=task.owner,
                group=task.id,
            )
            self._fetcher.fetch(errand, partial(_ended, asset, on_end))

    def cancel(self, task_id: str, numbers: Iterable[int]) -> None:
        """Fetch these no more; nobody is told of their ends."""
        for number in numbers:
            assert self._fetcher is not None
            self._fetcher.cancel(_key(task_id, number))

    def tick(self) -> None:
        """To be called some 20 times a second."""
        if self._fetcher is not None:
            self._fetcher.tick()

    def close(self) -> None:
        """End all of it; what is half there stays, to be gone on with."""
        if self._fetcher is not None:
            self._fetcher.close()


def _ended(asset: Asset, on_end: OnEnd, end: Fetched | FetchFailed) -> None:
    if isinstance(end, FetchFailed):
        on_end(replace(asset, state=AssetState.FAILED, reason=end.reason))
        return
    media_type = end.media_type or ""
    on_end(replace(asset, state=AssetState.WHOLE, media_type=media_type, size=end.size, sha256=end.sha256))


def _key(task_id: str, number: int) -> str:
    """What the fetching process calls one asset."""
    return f"{task_id}:{number}"


def fetch_pool(house: House, settings: TaskSettings) -> FetchPool:
    """The fetching process, which is born when there is something to fetch."""
    from dragoman.sources.fetching.pool import FetchPool  # its libraries are large
    from dragoman.sources.fetching.settings import FetchPoolSettings

    own = FetchPoolSettings(
        policy=settings.policy, at_once=settings.downloads, min_free_disk=settings.min_free_disk
    )
    return FetchPool(house.forkserver, house.watch, own, mark=house.mark)
