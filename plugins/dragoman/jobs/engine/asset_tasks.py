"""The supervisor's part in tasks: it takes assets, has them fetched, and starts the job once they are there.

    create ──► job `created`, row ──► assets announced ──► fetched, each to its end ──► quiet ──► job `accepted`
                                                                            └─ none could be had ──► job `failed`

All that counts is in the store before it is answered. A death at any moment costs nothing that was whole: the next
supervisor goes on with every task whose job is still `created`, and what lies whole in its folder is not fetched again.
When what is to be done with a task is decided in ``task_policy``.
"""

from __future__ import annotations

import heapq
import logging
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from dragoman.errors import (
    DiskFull,
    IllegalTransition,
    JobUnreadable,
    NoSuchJob,
    QueueFull,
    TaskConflict,
    Unavailable,
)
from dragoman.jobs.engine.asset_fetching import AssetFetching, fetch_pool
from dragoman.jobs.engine.live_task import LiveTask, new_assets, stored_name
from dragoman.jobs.engine.pending_writes import PendingWrites
from dragoman.jobs.engine.task_inputs import request_of, spooled
from dragoman.jobs.engine.task_policy import GiveUp, Start, Wait, decide
from dragoman.jobs.job_record import load_whole
from dragoman.jobs.stores.tasks import open_task_store
from dragoman.model.job import JobFailure
from dragoman.model.status import JobStatus
from dragoman.model.task import AssetState, Task, TaskPlan
from dragoman.sources.fetching.partial import is_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragoman.jobs.engine.asset_fetching import Fetcher
    from dragoman.jobs.engine.guests import Answer, House, JobDesk
    from dragoman.jobs.task_ports import TaskStore
    from dragoman.jobs.task_settings import TaskSettings
    from dragoman.model.job import Job
    from dragoman.model.process import JSON
    from dragoman.model.task import Asset

LOGGER = logging.getLogger(__name__)

NAMED: Final = 5
"""Failed assets that a job's failure names."""


class AssetTasks:
    """See ``engine.guests.Guest``. What is asked is JSON with one member ``what``; who may ask was seen to before."""

    def __init__(
        self,
        house: House,
        settings: TaskSettings,
        make_fetcher: Callable[[House, TaskSettings], Fetcher] = fetch_pool,
    ) -> None:
        assert house.jobs is not None
        self._settings = settings
        self._jobs: JobDesk = house.jobs
        self._tasks: TaskStore = open_task_store(house.database_url)
        self._fetching = AssetFetching(partial(make_fetcher, house, settings))
        self._live: dict[str, LiveTask] = {}
        self._due: list[tuple[datetime, str]] = []
        self._writes = PendingWrites()
        try:
            self._load()
        except BaseException:  # whoever asks next makes another one
            self.close()
            raise

    def ask(self, body: JSON, answer: Answer, gone: Callable[[], bool]) -> None:
        """See ``Guest``."""
        what = body["what"]
        if what == "create":
            self._create(load_whole(body["job"]), TaskPlan(**body["plan"]), gone)
            answer({})
        elif what == "add":
            self._add(body["task"], body["assets"])
            answer({})
        else:
            answer({"removed": self._remove(body["task"])})

    def tick(self) -> None:
        """See ``Guest``."""
        self._writes.retry()
        self._fetching.tick()
        now = datetime.now(UTC)
        while self._due and self._due[0][0] <= now:
            due, task_id = heapq.heappop(self._due)
            live = self._live.get(task_id)
            if live is not None and live.due == due:
                live.due = None
                self._look(live)

    def close(self) -> None:
        """See ``Guest``."""
        self._fetching.close()
        self._tasks.close()

    # -- what is asked -------------------------------------------------------------------------------------

    def _create(self, job: Job, plan: TaskPlan, gone: Callable[[], bool]) -> None:
        if gone():  # whoever asked was refused already
            raise Unavailable("nobody waits for this any more")
        unfinished = self._tasks.unfinished()
        if unfinished >= self._settings.queue_limit:
            raise QueueFull(f"{unfinished} tasks are unfinished already; try again later", retry_after=60)
        self._check_disk()
        task = Task(id=job.id, plan=plan, created=job.created, owner=job.principal.id)
        self._tasks.add(task)
        live = self._live[task.id] = LiveTask(task=task)
        try:
            self._jobs.store.add(job)
        except (
            Unavailable
        ):  # if only the answer was lost, it is a task like any other, and is given up in time
            self._look(live)
            raise
        except BaseException:  # whatever it was goes on; the task was not made
            del self._live[task.id]
            raise
        self._look(live)

    def _add(self, task_id: str, batch: Sequence[JSON]) -> None:
        live = self._live.get(task_id)
        if live is None:
            status = self._jobs.store.get(task_id).status
            state = "has ended" if status.finished else "is being processed already"
            raise TaskConflict(f"the task {state}; it takes no further assets")
        assets = new_assets(live, batch, partial(self._tasks.asset, task_id))
        if not assets:
            return
        self._check_disk()
        folder = self._jobs.files.gathered(task_id)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"the assets cannot be kept: {error.strerror}") from error
        now = datetime.now(UTC)
        short = len(batch) < live.task.plan.batch
        self._tasks.feed(task_id, assets, now, short=short)
        live.task = replace(live.task, fed=now, short=live.task.short or short)
        live.tally = replace(live.tally, announced=live.tally.announced + len(assets))
        for asset in assets:
            live.know(asset)
        self._fetch(live, assets)
        self._look(live)

    def _remove(self, task_id: str) -> bool:
        """Whether the task was still being put together, and is gone with all its files."""
        live = self._live.get(task_id)
        if live is None:
            return False
        try:
            self._jobs.store.transition(task_id, JobStatus.DISMISSED, message="removed before it ran")
        except IllegalTransition:
            return False
        self._drop(live)
        self._jobs.files.clear(task_id)
        self._jobs.store.remove(task_id)
        return True

    def _check_disk(self) -> None:
        """Raise DiskFull where what is fetched would only fail."""
        try:
            free = self._jobs.files.results.free_bytes()
        except OSError as error:
            raise Unavailable(f"the folder of assets cannot be used: {error.strerror}") from error
        if free < self._settings.min_free_disk:
            raise DiskFull(retry_after=60)

    # -- what becomes of a task ----------------------------------------------------------------------------

    def _load(self) -> None:
        """Go on with all that an earlier supervisor has left."""
        self._tasks.sweep()
        for task in self._tasks.growing():
            self._reopen_lost(task.id)
            live = self._live[task.id] = LiveTask(task=task, tally=self._tasks.tally(task.id))
            assets = self._tasks.assets(task.id)
            for asset in assets:
                live.know(asset)
            awaited = [asset for asset in assets if asset.state is AssetState.AWAITED]
            if awaited:
                self._jobs.files.gathered(task.id).mkdir(parents=True, exist_ok=True)
                self._fetch(live, awaited)
            self._look(live)
        if self._live:
            LOGGER.info("%d tasks go on", len(self._live), extra={"action": "tasks"})

    def _reopen_lost(self, task_id: str) -> None:
        """Fetch again what was whole and is not here: it lies on another host, or the power was cut since."""
        folder = self._jobs.files.gathered(task_id)
        for asset in self._tasks.assets(task_id, AssetState.WHOLE):
            if not is_whole(folder / stored_name(asset)):
                self._tasks.reopen(task_id, asset.number)

    def _look(self, live: LiveTask) -> None:
        """Do what is due with a task, or note when it is to be looked at again."""
        decision = decide(live.task, live.tally, datetime.now(UTC))
        if not isinstance(decision, Wait):
            self._writes.write(partial(self._act, live))
        elif live.due is None or decision.until < live.due:
            live.due = decision.until
            heapq.heappush(self._due, (decision.until, live.id))

    def _act(self, live: LiveTask) -> None:
        """Start a task, or give it up, if that is still what is due; raises Unavailable."""
        if self._live.get(live.id) is not live:
            return
        decision = decide(live.task, live.tally, datetime.now(UTC))
        try:
            if isinstance(decision, Start):
                self._start(live)
            elif isinstance(decision, GiveUp):
                self._give_up(live, decision.reason)
            else:
                self._look(live)
        except (IllegalTransition, NoSuchJob, JobUnreadable) as error:  # the operator has dismissed it, say
            LOGGER.warning("a task is left: %s", error.detail, extra={"action": "task", "job_id": live.id})
            self._leave(live)
        except Unavailable:
            raise
        except Exception:  # a fault of ours must not leave a task that nobody looks at again
            LOGGER.exception("a task cannot be started", extra={"action": "task", "job_id": live.id})
            self._give_up(live, "the server failed at putting the task together")

    def _leave(self, live: LiveTask) -> None:
        """Forget a task whose job has changed its state meanwhile, with its files unless they are to be run on.

        That is so where an earlier try has started it and only its answer was lost; the lease's look at the table
        finds the job then. Raises Unavailable.
        """
        try:
            needed = not self._jobs.store.get(live.id).status.finished
        except (NoSuchJob, JobUnreadable):
            needed = False
        self._drop(live)
        if not needed:
            self._jobs.files.drop_gathered(live.id)

    def _start(self, live: LiveTask) -> None:
        assets = self._tasks.assets(live.id, AssetState.WHOLE)
        job = self._jobs.store.get(live.id)
        try:
            request = spooled(live.id, request_of(job, live.task.plan, assets), self._jobs.files)
        except OSError as error:
            raise Unavailable(f"the request cannot be kept: {error.strerror}") from error
        accepted = self._jobs.store.transition(live.id, JobStatus.ACCEPTED, request=request)
        self._drop(live)
        self._jobs.enqueue(accepted)

    def _give_up(self, live: LiveTask, reason: str) -> None:
        failed = self._tasks.assets(live.id, AssetState.FAILED, limit=NAMED)
        why = "; ".join(f"{asset.file_name}: {asset.reason}" for asset in failed)
        detail = f"{reason} ({why})" if why else reason
        failure = JobFailure(code="execution-failed", detail=detail)
        ended = self._jobs.store.transition(live.id, JobStatus.FAILED, failure=failure, message=detail)
        self._drop(live)
        self._jobs.files.drop_gathered(live.id)
        self._jobs.changed(ended)

    def _drop(self, live: LiveTask) -> None:
        """Forget a task, and fetch nothing more of it."""
        self._live.pop(live.id, None)
        self._fetching.cancel(live.id, live.awaited)
        live.awaited.clear()

    # -- assets --------------------------------------------------------------------------------------------

    def _fetch(self, live: LiveTask, assets: Sequence[Asset]) -> None:
        """Have assets fetched; what an earlier supervisor had fetched whole is found so, and only written down."""
        live.awaited |= {asset.number: asset for asset in assets}
        folder = self._jobs.files.gathered(live.id)
        self._fetching.fetch(live.task, folder, assets, partial(self._ended, live))

    def _ended(self, live: LiveTask, asset: Asset) -> None:
        """An asset has come to its end."""
        self._writes.write(partial(self._write_end, live, asset))

    def _write_end(self, live: LiveTask, asset: Asset) -> None:
        if self._live.get(live.id) is not live or live.awaited.pop(asset.number, None) is None:
            return  # the task is over
        now = datetime.now(UTC)
        try:
            self._tasks.settle(live.id, asset, now)
        except Unavailable:
            live.awaited[asset.number] = asset
            raise
        live.settle(now, whole=asset.state is AssetState.WHOLE)
        self._look(live)


def open_tasks(house: House, settings: TaskSettings) -> AssetTasks:
    """The guest; see ``engine_settings.GuestRoom``."""
    return AssetTasks(house, settings)
