"""Workers as jobs use them: each belongs to one process and one version of its code for life."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dragoman.jobs.engine import worker
from dragoman.jobs.engine.worker import WorkerSetup
from dragoman.model.job import Job
from dragoman.model.process import Runtime
from dragoman.workers.pool import Kind, Pool
from dragoman.workers.worker import TERM_TIMEOUT, Worker

if TYPE_CHECKING:
    from dragoman.jobs.engine_settings import EngineSettings

type Key = tuple[str, Runtime]
"""The process's id, and its code."""
type JobWorker = Worker[Key, Job]
type JobPool = Pool[Key, Job]


def job_kind(settings: EngineSettings, mark: str) -> Kind[Key]:
    """The workers that run jobs; ``mark`` tells this supervisor's offspring from another's."""
    return Kind(
        main=worker.main,
        setup=partial(_setup, settings, mark),
        preload=("dragoman.jobs.engine.preload",),
        warm=settings.warm_workers,
        grace=lambda key: key[1].stop_seconds or TERM_TIMEOUT,
    )


def _setup(settings: EngineSettings, mark: str, key: Key) -> WorkerSetup:
    process_id, runtime = key
    return WorkerSetup(
        process_id=process_id,
        runtime=runtime,
        home=settings.home,
        policy=settings.policy,
        forms=settings.forms,
        max_pixels=settings.max_pixels,
        mark=mark,
    )
