"""The supervisor process: one per HOME, the only writer, the parent of every worker.

It lives while a server process is connected to it, and a moment longer; see docs/architecture.md.
"""

from __future__ import annotations

import fcntl
import logging
import os
import selectors
import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from dragoman.errors import Unavailable
from dragoman.jobs.engine.connections import Connections
from dragoman.jobs.engine.counters import EngineCounters
from dragoman.jobs.engine.ending import ending
from dragoman.jobs.engine.guests import Guests, House, JobDesk
from dragoman.jobs.engine.home_lock import HomeLock
from dragoman.jobs.engine.housekeeping import Housekeeper, expire_services, sweep_services
from dragoman.jobs.engine.recovery import recover
from dragoman.jobs.engine.request_handler import RequestHandler
from dragoman.jobs.engine.run_files import RunFiles
from dragoman.jobs.engine.scheduling import Scheduler
from dragoman.jobs.engine.state import StateFile
from dragoman.jobs.engine.workforce import Workforce
from dragoman.jobs.host_id import host_id, known_host_id
from dragoman.jobs.rendezvous import LOCK, SupervisorSocket, home_hash
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.stores import open_store
from dragoman.jobs.supervisor_requests import Facts
from dragoman.workers import cage, process_tree
from dragoman.workers.guardian import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dragoman.jobs.engine_settings import EngineSettings
    from dragoman.jobs.ports import EngineStore
    from dragoman.model.job import Job
    from dragoman.model.worker import WorkerIdentity

LOGGER = logging.getLogger(__name__)

ALONE = 1.0
"""Seconds without a connected server process after which the supervisor ends."""
FIRST_CLIENT = 15.0
"""Seconds that it waits for the first server process, once one can connect."""
TICK = 0.05
"""Seconds at most between two checks of deadlines."""
RENEW = 10.0
"""Seconds between two renewals of the leases."""
HOLD = 2.0
"""Seconds between two checks that the database is still ours; shorter than the pause between another's two tries."""
LOOK = 1.0
"""Seconds between two looks whether the socket is still there."""
TAKEN = 4
"""The exit code if another host's supervisor holds the database."""


def supervise(settings: EngineSettings, notify: Callable[[Job], None] | None = None) -> int:
    """Run the supervisor until nobody needs it; 0, or 3 at once if another holds the lock."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 3
        starter = process_tree.identity(os.getppid())
        lock = HomeLock(settings.home, file)
        code = guarded(lambda: _Supervisor(settings, notify, starter, lock).run())
        cage.end_left(lock.cage_name(known_host_id(settings.home)), lock.cgroup_note)
        return code


class _Supervisor:
    def __init__(
        self,
        settings: EngineSettings,
        notify: Callable[[Job], None] | None,
        starter: WorkerIdentity,
        lock: HomeLock,
    ) -> None:
        self._settings = settings
        self._lock = lock
        self._notify = notify
        self._mark = f"{home_hash(settings.home)}:{os.getpid()}"
        os.environ[process_tree.MARK] = self._mark
        process_tree.become_subreaper()
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._starter = starter
        self._renewed = self._held = time.monotonic()
        self._complaint = ""
        self._looked = time.monotonic()
        self._code = 0
        self._counters = EngineCounters()

    def run(self) -> int:
        """Supervise until nobody needs it; the exit code."""
        self._listen_to_signals()
        self._state = StateFile(self._settings.home)
        name = self._lock.cage_name(host_id(self._settings.home))
        if not cage.enter(name, self._lock.cgroup_note):
            LOGGER.info(cage.UNCAGED, extra={"action": "cgroup"})
        self._workforce = Workforce(self._settings, self._mark, self._selector)
        self._store: EngineStore = open_store(self._settings.database_url)
        if not self._store.lock_engine():
            LOGGER.error("another host's supervisor holds this database", extra={"action": "lock"})
            return TAKEN
        results = RunFiles(self._settings.home, FolderResults(self._settings.home))
        self._make_guests(results)
        self._make_scheduler(results)
        self._workforce.watch.tell(self._scheduler, self._workforce.pool)
        self._take_over(results)
        self._guests.open_early()
        housekeeper = self._housekeeper(results)
        housekeeper.start()
        self._endpoint = SupervisorSocket(self._settings.home)
        self._connections = Connections(self._selector, self._endpoint.listen(), self._handler)
        # Not before: on a busy machine it may have taken longer than that to come so far.
        self._alone_since = time.monotonic() + FIRST_CLIENT
        try:
            self._loop()
        finally:
            if self._lock.at_home():  # or it is another engine's
                self._endpoint.leave()
            housekeeper.stop()
            self._end()
        self._lock.flush()
        return self._code

    # -- the beginning ---------------------------------------------------------------------------------

    def _make_guests(self, results: RunFiles) -> None:
        desk = JobDesk(
            store=self._store,
            files=results,
            enqueue=lambda job: self._scheduler.enqueue(job),
            changed=self._changed,
        )
        house = House(
            home=self._settings.home,
            database_url=self._settings.database_url,
            forkserver=self._workforce.forkserver,
            watch=self._workforce.watch,
            mark=self._mark,
            jobs=desk,
        )
        self._guests = Guests(self._settings.guests, house)

    def _make_scheduler(self, results: RunFiles) -> None:
        settings = self._settings
        self._scheduler = Scheduler(
            store=self._store,
            results=results,
            pool=self._workforce.pool,
            limits=settings.limits,
            changed=self._changed,
            host=host_id(settings.home),
            counters=self._counters,
        )
        self._handler = RequestHandler(
            scheduler=self._scheduler,
            store=self._store,
            results=results,
            facts=Facts(build=settings.build, digest=settings.digest, pid=os.getpid()),
            stop=self._stop,
            check_home=self._lock.check,
            guests=self._guests,
        )

    def _take_over(self, results: RunFiles) -> None:
        """Put in order what the supervisor before left, and queue what still waits."""
        home = self._settings.home
        recover(
            self._store,
            results,
            self._scheduler,
            home_hash(home),
            host=host_id(home),
            shared=self._store.shared,
        )
        results.sweep()
        sweep_services(self._store.services, results.services)
        self._scheduler.load()

    def _housekeeper(self, results: RunFiles) -> Housekeeper:
        """On connections of its own."""
        settings, store = self._settings, open_store(self._settings.database_url)
        expire_maps = partial(
            expire_services, store.services, results.services, settings.max_temporary_service_age
        )
        return Housekeeper(store, results, settings.keep_results, settings.home, expire_maps)

    # -- the loop --------------------------------------------------------------------------------------

    def _loop(self) -> None:
        due = now = time.monotonic()
        while not self._stopping:
            for key, events in self._selector.select(max(0.0, due - now)):
                if self._selector.get_map().get(key.fd) is key:  # an earlier event may have closed it
                    key.data(events)
            self._scheduler.dispatch()
            self._connections.flush()
            now = time.monotonic()
            if now >= due:
                due = now + TICK
                self._tick(now)

    def _tick(self, now: float) -> None:
        try:
            self._scheduler.tick()
            self._guests.tick()
            self._check_hold(now)
            self._check_endpoint(now)
        except Unavailable as error:
            self._complain(error)
        self._connections.tick()
        self._handler.tick()
        self._state.tick(self._present_state)
        if self._connections:
            self._alone_since = now
        elif self._alone_since > now and not process_tree.lives(self._starter):
            self._alone_since = now  # whoever started it died before it came: nobody else is waited for
        elif now - self._alone_since >= ALONE:
            self._stop()

    def _check_hold(self, now: float) -> None:
        """Renew the leases; or end, if another host has taken the database: it runs again what runs here."""
        if now - self._held >= HOLD:
            self._held = now
            if not self._store.lock_engine():
                LOGGER.error("another host's supervisor has taken this database", extra={"action": "hold"})
                self._code = TAKEN
                self._stop()
                return
            self._complaint = ""
        if now - self._renewed >= RENEW:
            self._renewed = now
            self._scheduler.renew()

    def _check_endpoint(self, now: float) -> None:
        """Listen anew where nobody would find us: the socket, or the note of it, was deleted or replaced."""
        if now - self._looked < LOOK:
            return
        self._looked = now
        if not self._lock.at_home() or self._endpoint.intact():
            return
        try:
            self._connections.listen(self._endpoint.listen())
        except OSError as error:
            raise Unavailable(f"the engine cannot be reached: {error.strerror}") from error
        LOGGER.warning("the engine's socket was gone; it listens anew", extra={"action": "listen"})

    def _complain(self, error: Unavailable) -> None:
        """Log an outage of the store, once."""
        if not self._complaint:
            self._complaint = error.detail
            LOGGER.error("%s (%s)", error.detail, error.__cause__, extra={"action": "tick"})

    def _present_state(self) -> Mapping[str, Any]:
        forkserver = self._workforce.forkserver
        births = {"births that wait": forkserver.waiting, "forkserver": forkserver.pid}
        return {**self._scheduler.state(), **births, "connections": len(self._connections)}

    def _stop(self) -> None:
        self._stopping = True

    def _changed(self, job: Job) -> None:
        self._handler.changed(job)
        self._counters.job_changed(job)
        if job.status.finished and LOGGER.isEnabledFor(logging.INFO):
            members = {"action": "end", "job_id": job.id, "process_id": job.process_id}
            LOGGER.info("%s", ending(job), extra=members)
        if self._notify is not None and job.request.subscriber is not None:
            self._notify(job)

    # -- the end ---------------------------------------------------------------------------------------

    def _listen_to_signals(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server; its end is ours
        signal.signal(signal.SIGTERM, lambda _signum, _frame: self._stop())

    def _end(self) -> None:
        """Kill all workers, and leave what they ran to the next supervisor's queue."""
        self._scheduler.closing = True
        self._guests.close()
        self._workforce.end(self._scheduler)
