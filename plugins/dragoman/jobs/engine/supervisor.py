"""The supervisor process: one per HOME, the only writer, the parent of every worker.

It lives while a server process is connected to it, and a moment longer; see docs/architecture.md.
"""

from __future__ import annotations

import fcntl
import logging
import os
import selectors
import signal
import socket
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import IO, TYPE_CHECKING

from dragoman.errors import Unavailable
from dragoman.jobs.engine.connections import Client, RequestHandler
from dragoman.jobs.engine.host_id import host_id
from dragoman.jobs.engine.housekeeping import Housekeeper
from dragoman.jobs.engine.pool import TERM_TIMEOUT, Key, Pool, Worker
from dragoman.jobs.engine.recovery import recover
from dragoman.jobs.engine.scheduling import Engine
from dragoman.jobs.engine.worker import WorkerSetup
from dragoman.jobs.engine_settings import EngineLimits
from dragoman.jobs.rendezvous import LOCK, SupervisorSocket, home_hash
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.stores import open_store
from dragoman.workers import process_tree
from dragoman.workers.guardian import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.jobs.engine_settings import EngineSettings
    from dragoman.jobs.ports import EngineStore
    from dragoman.model.job import Job, WorkerIdentity

LOGGER = logging.getLogger(__name__)

ALONE = 1.0
"""Seconds without any server process after which the supervisor ends."""
FIRST_CLIENT = 15.0
"""Seconds that it waits for the first one."""
TICK = 0.05
"""Seconds at most between two looks at deadlines."""
RENEW = 10.0
"""Seconds between two renewals of the leases."""
HOLD = 2.0
"""Seconds between two looks at whether the database is still ours: shorter than another's between two tries."""
TAKEN = 4
"""The exit code of one that another's hold on the database keeps from working."""


def supervise(settings: EngineSettings, notify: Callable[[Job], None] | None = None) -> int:
    """Run the supervisor until nobody needs it; 0, or 3 at once if another holds the lock."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 3
        starter = process_tree.identity(os.getppid())
        return guarded(lambda: _Supervisor(settings, notify, starter).run(lock))


class _Supervisor:
    def __init__(
        self, settings: EngineSettings, notify: Callable[[Job], None] | None, starter: WorkerIdentity
    ) -> None:
        self._settings = settings
        self._notify = notify
        self._mark = f"{home_hash(settings.home)}:{os.getpid()}"
        os.environ[process_tree.MARK] = self._mark
        process_tree.become_subreaper()
        self._selector = selectors.DefaultSelector()
        self._births: deque[Worker] = deque()
        self._wake_in, self._wake_out = socket.socketpair()
        self._stopping = False
        self._clients: set[Client] = set()
        self._alone_since = time.monotonic() + FIRST_CLIENT
        self._starter = starter
        self._renewed = self._held = time.monotonic()
        self._complaint = ""
        self._code = 0

    def run(self, lock: IO[str]) -> int:
        self._listen_to_signals()
        settings = self._settings
        self._pool = Pool(warm=settings.warm_workers, setup=self._worker_setup, born=self._announce_birth)
        self._store: EngineStore = open_store(settings.database_url)
        if not self._store.lock_engine():
            LOGGER.error("another host's supervisor holds this database", extra={"action": "elect"})
            return TAKEN
        host = host_id(settings.home)
        results = FolderResults(settings.home)
        limits = EngineLimits(
            slots=settings.slots, queue_limit=settings.queue_limit, max_attempts=settings.max_attempts
        )
        self._engine = Engine(
            store=self._store,
            results=results,
            pool=self._pool,
            limits=limits,
            changed=self._changed,
            host=host,
        )
        facts = {"build": settings.build, "digest": settings.digest, "pid": os.getpid()}
        self._desk = RequestHandler(self._engine, self._store, facts, self._stop)
        shared = self._store.shared
        recover(self._store, results, self._engine, home_hash(settings.home), host=host, shared=shared)
        results.sweep_spools()
        self._engine.load()
        keeper = Housekeeper(open_store(settings.database_url), results, settings.keep_results)
        keeper.start()
        meeting = SupervisorSocket(settings.home)
        self._listener = meeting.listen()
        try:
            self._loop()
        finally:
            meeting.leave()
            keeper.stop()
            self._end()
        lock.flush()
        return self._code

    # -- the loop --------------------------------------------------------------------------------------

    def _loop(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._woken)
        while not self._stopping:
            for key, events in self._selector.select(TICK):
                if self._selector.get_map().get(key.fd) is key:  # an earlier event may have closed it
                    key.data(events)
            self._tick()

    def _tick(self) -> None:
        now = time.monotonic()
        try:
            self._engine.tick()
            self._keep_hold(now)
        except Unavailable as error:
            self._complain(error)
        self._desk.tick()
        for client in self._clients:
            if client.unsent:
                client.flush()
        if self._clients:
            self._alone_since = now
        elif self._alone_since > now and not process_tree.lives(self._starter):
            self._alone_since = now  # whoever started it died before it came: nobody else is waited for
        elif now - self._alone_since >= ALONE:
            self._stop()

    def _keep_hold(self, now: float) -> None:
        """Where the database is another's now, end: what runs here is run there, and would be run twice."""
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
            self._engine.renew()

    def _complain(self, error: Unavailable) -> None:
        """Once for each outage."""
        if not self._complaint:
            self._complaint = error.detail
            LOGGER.error("%s (%s)", error.detail, error.__cause__, extra={"action": "tick"})

    def _stop(self) -> None:
        self._stopping = True

    # -- server processes ------------------------------------------------------------------------------

    def _accept(self, _events: int) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError as error:  # too many open files, or the client has gone already: the others are served
            LOGGER.warning("a connection is lost: %s", error, extra={"action": "accept"})
            return
        client = Client(sock)
        self._clients.add(client)
        self._selector.register(sock, selectors.EVENT_READ, partial(self._client_ready, client))

    def _client_ready(self, client: Client, _events: int) -> None:
        try:
            data = client.socket.recv(262_144)
            messages = client.reader.feed(data)
        except (OSError, ValueError):  # Disconnected is an OSError
            data, messages = b"", []
        if not data:
            self._selector.unregister(client.socket)
            client.socket.close()
            self._clients.discard(client)
            self._desk.forget(client)
        for message in messages:
            self._desk.handle(client, message)

    def _changed(self, job: Job) -> None:
        self._desk.changed(job)
        if self._notify is not None and job.request.subscriber is not None:
            self._notify(job)

    # -- workers ---------------------------------------------------------------------------------------

    def _worker_setup(self, key: Key) -> WorkerSetup:
        process_id, runtime = key
        return WorkerSetup(
            process_id=process_id,
            runtime=runtime,
            home=self._settings.home,
            policy=self._settings.policy,
            max_pixels=self._settings.max_pixels,
            mark=self._mark,
        )

    def _announce_birth(self, worker: Worker) -> None:
        """Called in the birth thread."""
        self._births.append(worker)
        self._wake_out.send(b"b")

    def _woken(self, _events: int) -> None:
        self._wake_in.recv(4096)
        while self._births:
            worker = self._births.popleft()
            assert worker.process is not None
            self._selector.register(worker.socket, selectors.EVENT_READ, partial(self._worker_ready, worker))
            self._selector.register(
                worker.process.sentinel, selectors.EVENT_READ, partial(self._worker_died, worker)
            )
            self._engine.born(worker)

    def _worker_ready(self, worker: Worker, _events: int) -> None:
        messages = worker.heard()
        if messages is None:
            self._selector.unregister(worker.socket)
            if worker.kill_at is None:  # it has died; if not, it cannot be of use any more
                worker.kill_at = time.monotonic() + TERM_TIMEOUT
            return
        for message in messages:
            self._engine.heard(worker, message)

    def _worker_died(self, worker: Worker, _events: int) -> None:
        assert worker.process is not None
        while worker.socket in self._selector.get_map():  # its last words first
            self._worker_ready(worker, 0)
        self._selector.unregister(worker.process.sentinel)
        worker.process.join(1)
        worker.kill_rest()
        self._pool.reap_orphans()  # nothing of it is left when its end is told
        self._engine.died(worker)

    # -- the end ---------------------------------------------------------------------------------------

    def _listen_to_signals(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server; its end is ours
        signal.signal(signal.SIGTERM, lambda _signum, _frame: self._stop())

    def _end(self) -> None:
        """Kill all workers, and leave what they ran to the next supervisor's queue."""
        self._engine.closing = True
        workers = [worker for worker in self._pool.workers if worker.process is not None]
        for worker in workers:
            worker.ending = worker.ending or "stopped"
            worker.kill()
        for worker in workers:
            assert worker.process is not None
            worker.process.join(1)
            with suppress(Unavailable):
                self._engine.died(worker)
        self._pool.close()
        self._pool.reap_orphans()
