"""What becomes of a job whose run ended without a report: run again, failed, dismissed. Pure; no store, no process.

    how the run ended                                  becomes
    ───────────────────────────────────────────────────────────────────────────────────────
    its worker was not given it yet                    waits on; nothing is counted
    ended here: dismissed                              dismissed
    ended here: the job is another run's by now        left alone
    ended here: its time was up                        failed, timed-out
    ended here: an input took too long to open         failed, the input is at fault
    ended here: its worker did not take the job        run again, a restart
    ended here: the supervisor stops                   run again, a restart
    from outside: see ``interrupted``                  run again, a restart
    its worker died by itself, runs left               run again
    its worker died by itself, that was the last run   failed, worker-lost

A restart is nobody's fault; MAX_RESTARTS of them are forgiven, and the next fails the job. All other runs are held
to ``max_attempts``.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.errors import InputError, TimedOut, WorkerLost
from dragoman.model.job import JobFailure

if TYPE_CHECKING:
    from dragoman.errors import DragomanError
    from dragoman.model.job import Job
    from dragoman.workers.worker import Death, Step

MAX_RESTARTS: Final = 10
"""Runs of one job that may be ended from outside: by the supervisor's death, or by a signal to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitOn:
    """The run had not begun: the job keeps its state and waits for another worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAgain:
    """The job waits for another run."""

    restarts: int
    """Of the job, from now on."""
    message: str
    """Of the job, while it waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """The job has failed."""

    failure: JobFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismiss:
    """The job was dismissed, and nothing of it runs any more."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disown:
    """Another run has the job, or nobody: nothing of this one counts."""


type Outcome = WaitOn | RunAgain | Fail | Dismiss | Disown


def outcome_of_death(job: Job, death: Death, *, begun: bool, max_attempts: int) -> Outcome:
    """What becomes of a job whose worker died while it had it; ``begun``: whether it had been told to run."""
    if not begun:
        return WaitOn()
    if death.ending == "dismissed":
        return Dismiss(message="dismissed while it ran")
    if death.ending == "disowned":
        return Disown()
    if death.ending == "timed-out":
        return _failed(TimedOut(f"the job ran longer than its timeout of {job.timeout or 0:g} s"))
    if death.ending == "stuck" and death.step is not None:
        return _unopened(death.step)
    if why := _cause_outside(death):
        return interrupted(job, why)
    how, runs = describe(death), job.attempts - job.restarts
    if runs >= max_attempts:
        return _failed(WorkerLost(f"the worker process {how} in run {runs} of {max_attempts}"))
    return RunAgain(
        restarts=job.restarts,
        message=f"waits to run again: its worker {how} in run {runs} of {max_attempts}",
    )


def interrupted(job: Job, why: str) -> RunAgain | Fail:
    """What becomes of a job whose run was ended from outside, through no fault of its own."""
    if job.restarts >= MAX_RESTARTS:
        times = job.restarts + 1
        return _failed(WorkerLost(f"its run was ended from outside {times} times, at last because {why}"))
    return RunAgain(restarts=job.restarts + 1, message=f"waits to run again: {why}")


def describe(death: Death) -> str:
    """How a worker ended that nobody is known to have ended."""
    code = death.exit_code
    return f"was killed by signal {-code}" if code and code < 0 else f"ended with exit code {code}"


def _cause_outside(death: Death) -> str:
    """Why the death is not the run's own doing; empty if it is."""
    if death.ending == "deaf":
        return "its worker did not take the job"
    if death.ending:
        return "the server was stopped"
    if death.exit_code == -signal.SIGTERM:  # somebody stops everything, as systemd does
        return "its worker was told to stop"
    if death.orphaned:
        return "the process that workers are forked from died"
    if death.unread:
        return "its worker was gone before it took the job"
    return ""


def _unopened(step: Step) -> Fail:
    """The fault of the file that an input came as: a hang in native code can be told by nothing but its time."""
    message = f"could not be opened within {step.seconds:g} s, which is the limit; the file may be damaged"
    error = InputError(step.name, message)
    problems = ((step.name, message),)
    return Fail(failure=JobFailure(code=error.code, detail=error.detail, problems=problems))


def _failed(error: DragomanError) -> Fail:
    return Fail(failure=JobFailure(code=error.code, detail=error.detail))
