"""What becomes of a run, written to the store: its progress, its end, or that it is to run again.

A write that fails (a full disk, a database that is away) is kept and tried again at each tick, so that what a
worker has finished is not lost with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dragoman.errors import DragomanError, IllegalTransition, JobUnreadable, NoSuchJob
from dragoman.jobs.engine.messages import Done
from dragoman.jobs.engine.policy import Dismiss, Disown, Fail, RunAgain, WaitOn
from dragoman.maps.job_services import service_name
from dragoman.model.job import Job
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from dragoman.jobs.engine.messages import Failed, Progress
    from dragoman.jobs.engine.policy import Outcome
    from dragoman.jobs.engine.run_files import RunFiles
    from dragoman.jobs.ports import JobStore
    from dragoman.model.map_service import MapService

LOGGER = logging.getLogger(__name__)

type OnDismissed = Callable[[Job | DragomanError], None]
"""Called once with the dismissed job, or with the reason why it could not be dismissed."""


class Outcomes:
    """Writes what becomes of runs, and calls back those who dismissed them."""

    def __init__(
        self,
        *,
        store: JobStore,
        results: RunFiles,
        changed: Callable[[Job], None],
        enqueue: Callable[[Job], None],
        redirect: Callable[[str, OnDismissed], None],
    ) -> None:
        self._store = store
        self._results = results
        self._changed = changed
        self._enqueue = enqueue
        """Takes a job that is to run again."""
        self._redirect = redirect
        """Dismisses, by whoever runs it now, a job whose run here was not its own any more."""
        self._dismissing: dict[str, list[OnDismissed]] = {}

    def await_dismissal(self, job_id: str, on_dismissed: OnDismissed) -> None:
        """Have ``on_dismissed`` called when the job's end has been written."""
        self._dismissing.setdefault(job_id, []).append(on_dismissed)

    def note(self, job: Job, report: Progress) -> bool:
        """Write a run's progress; False if it has fallen, or the run is not the job's own any more."""
        return self._store.report(job.id, job.token, progress=report.percent, message=report.message)

    def ended(self, job: Job, report: Done | Failed) -> None:
        """Write what a worker has reported of a run's end."""
        if isinstance(report, Done):
            ending = {"progress": 100, "message": report.message, "outputs": report.outputs}
            services = [_owned(service, job) for service in report.services]
            self.finish(job, JobStatus.SUCCESSFUL, services=services, **ending)
        else:
            self.finish(job, JobStatus.FAILED, failure=report.failure, message=report.failure.detail)

    def finish(self, job: Job, target: JobStatus, **changes: Any) -> None:
        """Write a run's end and call ``changed``; if it is not the job's present run any more, only log it."""
        try:
            finished = self._move(job, target, **changes)
        except (IllegalTransition, NoSuchJob, JobUnreadable) as error:
            LOGGER.warning("a late report: %s", error.detail, extra={"action": "finish", "job_id": job.id})
            outcome: Job | DragomanError = error
        else:
            if target is JobStatus.FAILED:
                self._drop_request(job)
            if target.finished and (job.request.gathered or job.request.spooled):
                self._results.drop_gathered(job.id)
            self._changed(finished)
            late = IllegalTransition(f"the job is {target} already")
            outcome = finished if target is JobStatus.DISMISSED else late
        for on_dismissed in self._dismissing.pop(job.id, []):
            on_dismissed(outcome)

    def _drop_request(self, job: Job) -> None:
        """Free the room of a large request that nothing will run any more."""
        if job.request.spooled:
            with suppress(OSError):  # it goes with the job
                self._results.remove_request(job.id)

    def _move(self, job: Job, target: JobStatus, **changes: Any) -> Job:
        """Move a run's job; succeeds as well if an earlier try did so and only its answer was lost."""
        try:
            return self._store.transition(job.id, target, token=job.token, held=job, **changes)
        except IllegalTransition:
            now = self._store.get(job.id)
            if (now.status, now.token) != (target, job.token):
                raise
            return now

    def apply(self, job: Job, outcome: Outcome) -> None:
        """Write what becomes of a job whose run ended without a report."""
        match outcome:
            case WaitOn():
                self._enqueue(job)
            case RunAgain(restarts=restarts, message=message):
                self._run_again(job, restarts=restarts, message=message)
            case Fail(failure=failure):
                self.finish(job, JobStatus.FAILED, failure=failure, message=failure.detail)
            case Dismiss(message=message):
                self.finish(job, JobStatus.DISMISSED, message=message)
            case Disown():
                self._redirect_dismissals(job)

    def _run_again(self, job: Job, **changes: Any) -> None:
        changes |= {"progress": 0, "lease_until": None}
        try:
            again = self._move(job, JobStatus.ACCEPTED, **changes)
        except (
            IllegalTransition,
            NoSuchJob,
            JobUnreadable,
        ) as error:  # dismissed while the store was away, say
            LOGGER.warning("not run again: %s", error.detail, extra={"action": "requeue", "job_id": job.id})
        else:
            self._results.clear(job.id, keep_log=True)  # what its last run may have left
            self._enqueue(again)
        self._redirect_dismissals(job)  # it was dismissed when its run was being ended for another reason

    def _redirect_dismissals(self, job: Job) -> None:
        """Have those served who dismissed a run that did not end of that."""
        for on_dismissed in self._dismissing.pop(job.id, []):
            self._redirect(job.id, on_dismissed)


def _owned(service: MapService, job: Job) -> MapService:
    """A service that a run has made, as that of its job; a broken worker may have called it anything."""
    name = service_name(job.id, service.name.removeprefix(f"{job.id}/"))
    now = datetime.now(UTC)
    return replace(service, name=name, owner=job.principal.id, job_id=job.id, created=now, temporary=True)
