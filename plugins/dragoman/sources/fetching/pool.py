"""The supervisor's end of fetching: which files are fetched now, by which process, and who waits for them.

           ┌─► the one process, a thread for each file ── dies ──┐
    waits ─┤                                                     ▼
           └─► a process of its own ◄────────── was on its way when the other died
                     └── dies: the file has killed two, and has failed

All of it is called in the thread of the supervisor's loop, and waits for nothing.
"""

from __future__ import annotations

import itertools
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from dragoman.sources.fetching import fetcher
from dragoman.sources.fetching.messages import Dropped, Failed, Fetched, FetchFailed, Whole, load
from dragoman.sources.fetching.places import Claim, Places, host_of
from dragoman.sources.fetching.process_link import Errand, ProcessLink
from dragoman.workers.pool import Kind, Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.sources.fetching.messages import FetchTask
    from dragoman.sources.fetching.process_link import FetcherWorker
    from dragoman.sources.fetching.settings import FetchPoolSettings
    from dragoman.workers.forkserver import Forkserver
    from dragoman.workers.watch import WorkerWatch

LOGGER = logging.getLogger(__name__)

REST: Final = 0.2
"""Seconds from the death of a process to the birth of the next."""
IDLE: Final = 60.0
"""Seconds that a process without anything to fetch is kept."""
GRACE: Final = 60.0
"""Seconds beyond the time of one file after which its process is taken for hung, and killed."""
CANCEL: Final = 1.0
"""Seconds after which a cancelled file counts as ended, though its thread may still wait for a name or a disk."""
DEATHS: Final = 2
COMMON: Final = "all"
ALONE: Final = "alone"


class FetchPool:
    """Fetches files for a supervisor, which calls ``tick`` some 20 times a second; an Owner of its workers.

    The process is started when it is first needed, and ended when it has been idle. ``mark`` is the supervisor's own.
    """

    def __init__(
        self, forkserver: Forkserver, watch: WorkerWatch, settings: FetchPoolSettings, *, mark: str
    ) -> None:
        self._settings = settings
        self._setup = fetcher.FetcherSetup(settings=settings, mark=mark)
        kind: Kind[str] = Kind(main=fetcher.main, setup=self._setup_for, warm=0)
        self._pool = Pool[str, str](kind, forkserver, watch.announce)
        watch.tell(self, self._pool)
        self._places = Places[Errand](settings.at_once, settings.host_places, _claim)
        self._links: dict[FetcherWorker, ProcessLink] = {}
        self._errands: dict[str, Errand] = {}
        """Those that somebody waits for, by the caller's id."""
        self._tickets = itertools.count(1)
        self._not_before = 0.0
        """Monotonic time of the next birth at the earliest."""

    @property
    def pids(self) -> list[int]:
        """The processes that are there."""
        return [pid for link in self._links.values() if (pid := link.worker.pid) is not None]

    def fetch(self, task: FetchTask, on_done: Callable[[Fetched | FetchFailed], None]) -> None:
        """Fetch a file when it is its turn; ``on_done`` is told once, unless it is cancelled before.

        Raises ValueError where an errand of that id is not over.
        """
        if task.id in self._errands:
            raise ValueError(f"'{task.id}' is being fetched")
        errand = Errand(ticket=next(self._tickets), task=task, on_done=on_done)
        self._errands[task.id] = errand
        self._places.wait(errand)
        self._fill()

    def cancel(self, task_id: str, on_ended: Callable[[], None] | None = None) -> None:
        """End an errand; of one that is over nothing happens but that ``on_ended`` is called.

        That is called, within about a second, when no file of it is written any more; the caller may delete them then.
        """
        errand = self._errands.pop(task_id, None)
        if errand is None or self._places.withdraw(errand):
            _call(on_ended)
            return
        errand.on_ended, errand.cancelled_at = on_ended, time.monotonic()
        for link in self._links.values():
            if errand.ticket in link.errands:
                link.drop(errand)

    def tick(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        self._pool.tick()
        for link in list(self._links.values()):
            link.flush()
            for errand in list(link.errands.values()):
                if errand.cancelled_at is not None and now >= errand.cancelled_at + CANCEL:
                    self._ended(errand)
                if now >= errand.overdue_at and not link.worker.ending:
                    LOGGER.warning("a fetching process hangs, and is ended", extra={"action": "fetch"})
                    link.worker.begin_end("stuck")
            if not link.errands and now >= link.idle_since + IDLE and not link.worker.ending:
                link.worker.begin_end("retired")
        self._fill()

    def close(self) -> None:
        """Kill the processes; what they have fetched of a file stays, to be resumed."""
        self._pool.close()

    # -- the processes; see ``workers.watch.Owner`` ---------------------------------------------------------

    def born(self, worker: FetcherWorker) -> None:
        """Tell it what has been kept for it."""
        self._links[worker].flush()

    def heard(self, worker: FetcherWorker, message: Any) -> None:
        """Tell who waits for the file; a fault there is logged, and costs no job."""
        try:
            report = load(message)
        except ValueError:
            LOGGER.exception("a report of a fetching process is lost", extra={"action": "fetch"})
            return
        link = self._links.get(worker)
        errand = None if link is None else link.errands.pop(report.ticket, None)
        if link is None or errand is None:
            return
        self._left(link, errand)
        match report:
            case Whole():
                self._done(
                    errand,
                    Fetched(
                        id=errand.task.id,
                        size=report.size,
                        media_type=report.media_type,
                        sha256=report.sha256,
                    ),
                )
            case Failed():
                self._done(errand, FetchFailed(id=errand.task.id, reason=report.reason))
            case Dropped():
                self._ended(errand)
        self._fill()

    def died(self, worker: FetcherWorker) -> None:
        """Have what it was fetching fetched by others, each by a process of its own; unless it has killed two."""
        death = worker.death()
        self._pool.forget(worker)
        link = self._links.pop(worker, None)
        if link is None:
            return
        if death.ending != "retired":
            LOGGER.warning("a fetching process died (%s)", death.exit_code, extra={"action": "fetch"})
            self._not_before = time.monotonic() + REST
        for errand in reversed(link.errands.values()):
            self._places.leave(errand)
            if errand.cancelled_at is not None:
                self._ended(errand)
                continue
            errand.deaths += not (death.orphaned or death.ending == "retired")
            if errand.deaths >= DEATHS:
                reason = f"{_host(errand)}: this server failed twice while it fetched the file"
                self._done(errand, FetchFailed(id=errand.task.id, reason=reason))
            else:
                self._places.wait(errand, first=True)
        link.errands.clear()

    # -- errands ---------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Have as much fetched as there are places for."""
        if time.monotonic() < self._not_before:
            return
        while (errand := self._places.take()) is not None:
            errand.overdue_at = time.monotonic() + self._settings.policy.fetch.timeout + GRACE
            link = self._link_for(errand)
            if link is None:
                self._not_before = time.monotonic() + REST
                self._places.leave(errand)
                self._places.wait(errand, first=True)
                return
            link.begin(errand)

    def _link_for(self, errand: Errand) -> ProcessLink | None:
        """The common process, or one of its own for what was on its way when that died; None if none can be had now."""
        key = ALONE if errand.deaths else COMMON
        for link in self._links.values():
            usable = link.worker.key == key and not link.worker.ending and link.worker.kill_at is None
            if usable and (key == COMMON or not link.errands):
                return link
        worker = self._pool.order(key, key)
        if worker is None:
            return None
        link = self._links[worker] = ProcessLink(worker=worker)
        return link

    def _left(self, link: ProcessLink, errand: Errand) -> None:
        self._places.leave(errand)
        link.idle_since = time.monotonic()

    def _done(self, errand: Errand, outcome: Fetched | FetchFailed) -> None:
        if errand.cancelled_at is not None:
            self._ended(errand)
            return
        del self._errands[errand.task.id]
        _call(partial(errand.on_done, outcome))

    def _ended(self, errand: Errand) -> None:
        """Of one that was cancelled."""
        on_ended, errand.on_ended = errand.on_ended, None
        _call(on_ended)

    def _setup_for(self, _key: str) -> fetcher.FetcherSetup:
        return self._setup


def _claim(errand: Errand) -> Claim:
    return Claim(owner=errand.task.owner, group=errand.task.group, host=_host(errand))


def _host(errand: Errand) -> str:
    return host_of(errand.task.url)


def _call(function: Callable[[], object] | None) -> None:
    """Call what was handed in; its fault is logged, and costs neither a job nor another's file."""
    if function is None:
        return
    try:
        function()
    except Exception:  # in the loop: it must not end of what it calls
        LOGGER.exception("who waited for a file failed", extra={"action": "fetch"})
