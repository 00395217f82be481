"""All workers that run jobs, from the forkserver that forks them to their end with the supervisor."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from dragoman.errors import Unavailable
from dragoman.jobs.engine.job_workers import JobPool, Key, job_kind
from dragoman.jobs.rendezvous import forkserver_folder
from dragoman.workers.forkserver import Forkserver
from dragoman.workers.pool import Pool
from dragoman.workers.watch import WorkerWatch

if TYPE_CHECKING:
    import selectors

    from dragoman.jobs.engine.job_workers import JobWorker
    from dragoman.jobs.engine_settings import EngineSettings
    from dragoman.model.job import Job
    from dragoman.workers.watch import Owner


class Workforce:
    """The forkserver, the jobs' pool, and the watch over both; to be made in the main thread (see ``Forkserver``)."""

    def __init__(self, settings: EngineSettings, mark: str, selector: selectors.BaseSelector) -> None:
        kind = job_kind(settings, mark)
        self._sockets = forkserver_folder(settings.home)
        self.forkserver = Forkserver(kind.preload, self._sockets)
        self.watch = WorkerWatch(selector, self.forkserver)
        self.pool: JobPool = Pool(kind, self.forkserver, self.watch.announce)

    def end(self, owner: Owner[Key, Job]) -> None:
        """Kill all workers, and tell the owner of the pool so: what they ran waits for the next supervisor."""
        workers: list[JobWorker] = [worker for worker in self.pool.workers if worker.process is not None]
        for worker in workers:
            worker.ending = worker.ending or "stopped"
            worker.kill()
        for worker in workers:
            assert worker.process is not None
            worker.process.join(1)
            with suppress(Unavailable):
                owner.died(worker)
        self.pool.close()
        self.forkserver.close()
        self.forkserver.reap_orphans()
        shutil.rmtree(self._sockets, ignore_errors=True)
