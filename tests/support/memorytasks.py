"""Tasks in memory: what the supervisor's part in them is to a web process. Nothing is fetched unless a test says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dragoman.errors import NoSuchTask, QueueFull, TaskConflict
from dragoman.jobs.engine.live_task import LiveTask, new_assets
from dragoman.jobs.engine.task_inputs import request_of
from dragoman.jobs.job_record import load_whole
from dragoman.model.status import JobStatus
from dragoman.model.task import Asset, AssetState, Tally, Task, TaskPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from memoryengine import MemoryEngine, Run

    from dragoman.model.job import Job
    from dragoman.model.process import JSON


class MemoryTasks:
    """A GuestDesk, and the TaskStore that goes with it; the jobs are an engine's."""

    def __init__(self, engine: MemoryEngine) -> None:
        self.engine = engine
        self.live: dict[str, LiveTask] = {}
        self.all: dict[str, list[Asset]] = {}
        self.full = False
        """Whether nothing more is taken."""

    # -- GuestDesk

    def ask_guest(self, _guest: str, body: JSON, _abandoned: Callable[[], bool] = lambda: False) -> JSON:
        if body["what"] == "create":
            return self._create(load_whole(body["job"]), TaskPlan(**body["plan"]))
        live = self.live[body["task"]]
        if body["what"] == "remove":
            return {"removed": self._remove(live)}
        if self.engine.get(live.id).status is not JobStatus.CREATED:
            raise TaskConflict("the task takes no further assets")
        assets = new_assets(live, body["assets"], lambda number: self.asset(live.id, number))
        for asset in assets:
            live.know(asset)
        self.feed(live.id, assets, datetime.now(UTC), short=False)
        live.tally = replace(live.tally, announced=live.tally.announced + len(assets))
        return {}

    def _create(self, job: Job, plan: TaskPlan) -> JSON:
        if self.full:
            raise QueueFull(retry_after=7)
        self.engine.jobs[job.id] = job
        self.live[job.id] = LiveTask(task=Task(id=job.id, plan=plan, created=job.created))
        self.all[job.id] = []
        return {}

    def _remove(self, live: LiveTask) -> bool:
        if self.engine.get(live.id).status is not JobStatus.CREATED:
            return False
        del self.engine.jobs[live.id]
        return True

    # -- what a test has happen

    def end_assets(self, task_id: str, reason: str = "") -> None:
        """Every asset has come; or none could be had, for that reason."""
        state = AssetState.FAILED if reason else AssetState.WHOLE
        self.all[task_id] = [replace(asset, state=state, reason=reason) for asset in self.all[task_id]]
        for _ in self.all[task_id]:
            self.live[task_id].settle(datetime.now(UTC), whole=not reason)

    def start(self, task_id: str, run: Run | None) -> None:
        """The task is accepted and, unless ``run`` is None, runs to its end."""
        job = self.engine.get(task_id)
        request = request_of(job, self.live[task_id].task.plan, self.all[task_id])
        self.engine.transition(task_id, JobStatus.ACCEPTED, request=request)
        if run is not None:
            self.engine.finish(task_id, run)

    # -- TaskStore

    def add(self, task: Task) -> None:
        raise NotImplementedError

    def get(self, task_id: str) -> Task:
        if task_id not in self.live or task_id not in self.engine.jobs:
            raise NoSuchTask
        return self.live[task_id].task

    def tally(self, task_id: str) -> Tally:
        return self.live[task_id].tally

    def growing(self) -> list[Task]:
        raise NotImplementedError

    def unfinished(self, application: str | None = None) -> int:
        jobs = [self.engine.jobs[task_id] for task_id in self.live if task_id in self.engine.jobs]
        return sum(
            not job.status.finished and application in (None, self.live[job.id].task.plan.application)
            for job in jobs
        )

    def feed(self, task_id: str, assets: Sequence[Asset], moment: datetime, *, short: bool) -> None:
        self.all[task_id] += assets

    def assets(self, task_id: str, *states: AssetState, limit: int | None = None) -> list[Asset]:
        return [asset for asset in self.all[task_id] if not states or asset.state in states][:limit]

    def asset(self, task_id: str, number: int) -> Asset:
        return self.all[task_id][number]

    def settle(self, task_id: str, asset: Asset, moment: datetime) -> bool:
        raise NotImplementedError

    def reopen(self, task_id: str, number: int) -> None:
        raise NotImplementedError

    def sweep(self) -> int:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is open."""
