"""What becomes of a job whose run ended without a report, as a table; and that no job is run without end."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobmaking import make_job

from dragoman.jobs.engine.policy import (
    MAX_RESTARTS,
    Dismiss,
    Fail,
    Outcome,
    RunAgain,
    WaitOn,
    interrupted,
    outcome_of_death,
)
from dragoman.model.job import JobFailure
from dragoman.workers.worker import Death, Step

JOB = make_job(attempts=1, timeout=2.5)
UNOPENED = "could not be opened within 30 s, which is the limit; the file may be damaged"
KILLED = Death(exit_code=-signal.SIGKILL)


def _again(why: str, restarts: int = 0) -> RunAgain:
    return RunAgain(restarts=restarts, message=f"waits to run again: {why}")


def _fail(code: str, detail: str) -> Fail:
    return Fail(failure=JobFailure(code=code, detail=detail))


TABLE: list[tuple[str, dict[str, int], Death, Outcome]] = [
    ("dismissed", {}, Death(ending="dismissed", exit_code=-15), Dismiss(message="dismissed while it ran")),
    (
        "dismissed, though it died of something else",
        {"attempts": 3},
        Death(ending="dismissed", exit_code=1, unread=True),
        Dismiss(message="dismissed while it ran"),
    ),
    (
        "timed out",
        {},
        Death(ending="timed-out", exit_code=-9),
        _fail("timed-out", "the job ran longer than its timeout of 2.5 s"),
    ),
    (
        "it did not take its job",
        {"attempts": 3},
        Death(ending="deaf", exit_code=-9),
        _again("its worker did not take the job", 1),
    ),
    (
        "an input could not be opened",
        {},
        Death(ending="stuck", exit_code=-9, step=Step(name="red", seconds=30, deadline=0)),
        Fail(
            failure=JobFailure(
                code="invalid-inputs",
                detail=f"input 'red': {UNOPENED}",
                problems=(("red", UNOPENED),),
            )
        ),
    ),
    ("stopped", {}, Death(ending="stopped", exit_code=-9), _again("the server was stopped", 1)),
    ("retired", {}, Death(ending="retired", exit_code=-15), _again("the server was stopped", 1)),
    ("told to stop", {}, Death(exit_code=-15), _again("its worker was told to stop", 1)),
    (
        "forkserver died",
        {},
        Death(exit_code=255, orphaned=True),
        _again("the process that workers are forked from died", 1),
    ),
    (
        "gone before it took the job",
        {"attempts": 3},
        Death(exit_code=-9, unread=True),
        _again("its worker was gone before it took the job", 1),
    ),
    ("killed", {}, KILLED, _again("its worker was killed by signal 9 in run 1 of 3")),
    (
        "exit",
        {"attempts": 2},
        Death(exit_code=3),
        _again("its worker ended with exit code 3 in run 2 of 3"),
    ),
    ("exit 0", {}, Death(exit_code=0), _again("its worker ended with exit code 0 in run 1 of 3")),
    (
        "exit 255 of its own",
        {},
        Death(exit_code=255),
        _again("its worker ended with exit code 255 in run 1 of 3"),
    ),
    (
        "killed in the last run",
        {"attempts": 3},
        KILLED,
        _fail("worker-lost", "the worker process was killed by signal 9 in run 3 of 3"),
    ),
    (
        "restarts are no runs",
        {"attempts": 5, "restarts": 3},
        KILLED,
        _again("its worker was killed by signal 9 in run 2 of 3", 3),
    ),
    (
        "but the last run is the last",
        {"attempts": 6, "restarts": 3},
        KILLED,
        _fail("worker-lost", "the worker process was killed by signal 9 in run 3 of 3"),
    ),
    (
        "no restart is left",
        {"attempts": 11, "restarts": 10},
        Death(exit_code=-15),
        _fail(
            "worker-lost",
            "its run was ended from outside 11 times, at last because its worker was told to stop",
        ),
    ),
]


@pytest.mark.parametrize(
    ("changes", "death", "outcome"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_what_becomes_of_it(changes: dict[str, int], death: Death, outcome: Outcome) -> None:
    job = replace(JOB, **changes)  # type: ignore[arg-type]  # a dict
    assert outcome_of_death(job, death, begun=True, max_attempts=3) == outcome


DEATHS = st.builds(
    Death,
    ending=st.sampled_from(["", "dismissed", "timed-out", "stopped", "retired"]),
    exit_code=st.none() | st.integers(-64, 255),
    orphaned=st.booleans(),
    unread=st.booleans(),
)


@given(DEATHS, st.integers(0, 20))
def test_a_job_that_was_not_begun_waits_on_whatever_happened(death: Death, attempts: int) -> None:
    assert outcome_of_death(replace(JOB, attempts=attempts), death, begun=False, max_attempts=1) == WaitOn()


@given(st.data(), st.integers(1, 6))
def test_however_its_workers_die_no_job_is_run_without_end(data: st.DataObject, max_attempts: int) -> None:
    job, runs = make_job(timeout=1.0), 0
    while True:
        job, runs = replace(job, attempts=job.attempts + 1), runs + 1
        death = data.draw(DEATHS)
        outcome = (
            interrupted(job, "the server was stopped while it ran")
            if data.draw(st.booleans())
            else outcome_of_death(job, death, begun=True, max_attempts=max_attempts)
        )
        if not isinstance(outcome, RunAgain):
            break
        assert outcome.restarts in (job.restarts, job.restarts + 1)
        job = replace(job, restarts=outcome.restarts)
        assert job.restarts <= MAX_RESTARTS
        assert job.attempts - job.restarts < max_attempts
    assert runs <= max_attempts + MAX_RESTARTS
    assert isinstance(outcome, Fail | Dismiss)


@given(st.integers(0, MAX_RESTARTS), st.integers(1, 6))
def test_its_own_deaths_alone_end_it_after_max_attempts(restarts: int, max_attempts: int) -> None:
    job = replace(JOB, attempts=restarts, restarts=restarts)
    for run in range(1, max_attempts + 1):
        job = replace(job, attempts=job.attempts + 1)
        outcome = outcome_of_death(job, KILLED, begun=True, max_attempts=max_attempts)
        assert isinstance(outcome, RunAgain) == (run < max_attempts)
