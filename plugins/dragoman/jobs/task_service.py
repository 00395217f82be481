"""What server processes do with tasks: the one door for every adapter."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from dragoman.errors import IllegalTransition, NoSuchJob, NoSuchTask, ResultNotReady, Unavailable
from dragoman.jobs.job_record import dump_whole
from dragoman.model.job_id import is_job_id
from dragoman.model.status import JobStatus
from dragoman.model.task import AssetState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dragoman.jobs.ports import GuestDesk, JobStore
    from dragoman.jobs.service import JobService
    from dragoman.jobs.submission import Submission
    from dragoman.jobs.task_ports import TaskStore
    from dragoman.model.job import Job, JobRequest
    from dragoman.model.principal import Principal
    from dragoman.model.process import JSON
    from dragoman.model.task import Asset, Tally, Task, TaskPlan

GUEST: Final = "tasks"
"""The name of the supervisor's part that is asked."""
MOST_OF_AN_ID: Final = 100
"""Characters of what was taken for a task's id that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """A task as it is now."""

    task: Task
    job: Job
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAsset:
    """An asset as it is announced, looked at already."""

    file_name: str
    """What its client calls it."""
    safe_name: str
    """The same as it may name a file."""
    url: str
    attributes: Mapping[str, JSON]


class TaskService:
    """Tasks of principals; somebody else's does not exist. Raises what the supervisor refuses, and Unavailable."""

    def __init__(
        self, *, jobs: JobService, store: JobStore, desk: GuestDesk, open_store: Callable[[], TaskStore]
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._desk = desk
        self._open_store = open_store
        self._opened: TaskStore | None = None

    def create(
        self,
        process_id: str,
        request: JobRequest,
        principal: Principal,
        submission: Submission,
        plan: TaskPlan,
    ) -> str:
        """The id of a new task; raises as ``JobService.draft``, and QueueFull, DiskFull."""
        later = (plan.assets_input, plan.attributes_input)
        job = self._jobs.draft(
            process_id, request, principal, submission, later=[each for each in later if each]
        )
        self._ask("create", job=dump_whole(job), plan=asdict(plan))
        return job.id

    def get(self, task_id: str, principal: Principal) -> TaskView:
        """The task; raises NoSuchTask."""
        unknown = NoSuchTask(f"there is no task '{task_id[:MOST_OF_AN_ID]}'")
        if not is_job_id(task_id):
            raise unknown
        try:
            task, tally = self._tasks.get(task_id), self._tasks.tally(task_id)
            job = self._store.get(task_id)
        except (NoSuchTask, NoSuchJob):
            raise unknown from None
        if not principal.admin and job.principal.id != principal.id:
            raise unknown
        return TaskView(task=task, job=job, tally=tally)

    def failures(self, task_id: str, limit: int) -> list[Asset]:
        """The assets of a task that could not be had, ``limit`` of them at most."""
        return self._tasks.assets(task_id, AssetState.FAILED, limit=limit)

    def unfinished(self, application: str | None = None) -> int:
        """How many tasks there are that have not come to their end, whoever's."""
        return self._tasks.unfinished(application)

    def feed(self, task_id: str, assets: Sequence[NewAsset]) -> None:
        """Announce assets of a task that the caller has been given, all or none.

        Raises TaskConflict where the task takes none any more, or a name is another asset's; InvalidRequest for too
        many; DiskFull.
        """
        self._ask("add", task=task_id, assets=[asdict(asset) for asset in assets])

    def remove(self, view: TaskView, principal: Principal) -> None:
        """End a task, whatever it is doing, and delete all that there is of it."""
        task_id = view.task.id
        if view.job.status is JobStatus.CREATED and self._ask("remove", task=task_id)["removed"]:
            return
        with suppress(IllegalTransition):  # it has ended
            self._jobs.dismiss(task_id, principal)
        self._jobs.remove(task_id, principal)

    def result(self, view: TaskView, principal: Principal) -> Job:
        """The job of a task that has ended well; raises ResultNotReady, and as ``JobService.results``."""
        if not view.job.status.finished:
            raise ResultNotReady(f"task '{view.task.id}' has not ended; its result is not ready")
        return self._jobs.results(view.task.id, principal)

    @property
    def _tasks(self) -> TaskStore:
        if self._opened is None:
            self._opened = self._open_store()
        return self._opened

    def _ask(self, what: str, **members: JSON) -> JSON:
        answer = self._desk.ask_guest(GUEST, {"what": what, **members})
        if answer is None:
            raise Unavailable("nobody waits for this any more", retry_after=1)
        return answer
