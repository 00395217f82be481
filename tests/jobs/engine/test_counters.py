"""What the engine counts, and how that comes over the socket."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from jobmaking import make_job

from dragoman.jobs.engine.counters import EngineCounters
from dragoman.jobs.engine_figures import BOUNDS, dump_figures, load_figures
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from dragoman.model.job import Job


def _job(waited: float, ran: float, **changes: object) -> tuple[Job, Job]:
    """A job as it began, and as it ended."""
    job = make_job(process_id="ndvi", dialect="pesto")
    started = job.created + timedelta(seconds=waited)
    begun = replace(job, status=JobStatus.RUNNING, started=started, attempts=1)
    ended = replace(begun, status=JobStatus.SUCCESSFUL, finished=started + timedelta(seconds=ran))
    return begun, replace(ended, **changes)  # type: ignore[arg-type]


def test_jobs_are_counted_by_process_dialect_and_status() -> None:
    counters = EngineCounters()
    for each in _job(0.05, 7.0):
        counters.job_changed(each)
    for each in _job(2.0, 1e6, status=JobStatus.FAILED):
        counters.job_changed(each)
    figures = counters.figures(queued=3, oldest=1.5, busy=1, idle=2)
    assert figures.finished == {("ndvi", "pesto", "successful"): 1, ("ndvi", "pesto", "failed"): 1}
    waiting, running = figures.waiting["ndvi"], figures.running["ndvi"]
    assert waiting.total == pytest.approx(2.05)
    assert (waiting.counts[0], waiting.counts[BOUNDS.index(5.0)], sum(waiting.counts)) == (1, 1, 2)
    assert (running.counts[BOUNDS.index(10.0)], running.counts[-1]) == (1, 1)


def test_a_bound_is_inclusive_and_a_clock_that_steps_back_costs_nothing() -> None:
    counters = EngineCounters()
    counters.job_changed(_job(BOUNDS[0], 0)[0])
    counters.job_changed(_job(-5.0, 0)[0])
    waiting = counters.figures(queued=0, oldest=0, busy=0, idle=0).waiting["ndvi"]
    assert waiting.counts[0] == 2
    assert waiting.total == pytest.approx(0.1)


def test_a_second_run_has_not_waited_and_a_job_that_never_ran_has_no_run() -> None:
    counters = EngineCounters()
    begun, _ = _job(1.0, 1.0)
    counters.job_changed(replace(begun, attempts=2))
    counters.job_changed(replace(make_job(), status=JobStatus.DISMISSED))
    figures = counters.figures(queued=0, oldest=0, busy=0, idle=0)
    assert (figures.waiting, figures.running) == ({}, {})
    assert sum(figures.finished.values()) == 1


def test_a_worker_that_nobody_ended_is_lost() -> None:
    counters = EngineCounters()
    for reason in ("", "retired", ""):
        counters.worker_started()
        counters.worker_ended(reason)
    figures = counters.figures(queued=0, oldest=0, busy=0, idle=0)
    assert (figures.started, figures.ended) == (3, {"lost": 2, "retired": 1})


def test_figures_are_the_same_at_the_other_end_of_the_socket() -> None:
    counters = EngineCounters()
    counters.worker_ended("retired")
    counters.fetched(10**12)
    for each in _job(0.05, 7.0):
        counters.job_changed(each)
    figures = counters.figures(queued=3, oldest=1.5, busy=1, idle=2)
    assert load_figures(json.loads(json.dumps(dump_figures(figures)))) == figures
