"""The catalogue of a server: each process as one copy of its files says, and another one as soon as that is current.

    look ──► the files have changed, and stay as they are ──► copied and loaded ──► tried in a process ──► current

Any server process may look; what it makes current, all processes serve from their next request on. Jobs run from the
copy that they were accepted with.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from dragoman.errors import PackageError, Unavailable
from dragoman.packages.catalogue import Catalogue, PackageProblem, load
from dragoman.packages.digest import fingerprint
from dragoman.packages.serving.publishing import Publisher
from dragoman.packages.serving.records import Records
from dragoman.packages.serving.snapshots import Snapshots

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dragoman.model.principal import Principal
    from dragoman.model.process import Process
    from dragoman.packages.catalogue import Declaration
    from dragoman.packages.forms import Forms
    from dragoman.packages.serving.publishing import Probe
    from dragoman.packages.serving.records import Record

_log = logging.getLogger(__name__)

PAUSE: Final = 0.5
"""Seconds between two looks at the files of all packages; a change counts once two looks have found it."""
LEISURE: Final = 50
"""So many times as long as a look took is waited before the next one: folders of many files cost 2 % of a core."""
FIRST: Final = 10.0
"""Seconds that a package's first copy is waited for, which another process is making."""


@dataclass(kw_only=True)
class _Package:
    """A declared package as this process serves it."""

    declaration: Declaration
    process: Process | None = None
    record: Record | None = None
    problem: str = ""
    """Why it is not served, where no record says so."""
    seen: str = ""
    """The fingerprint at the last look."""
    looked: str = ""
    """That of the files which were made current, or refused, as far as this process knows."""

    @property
    def served(self) -> str:
        """Which copy is served."""
        return "" if self.process is None else self.process.runtime.folder


class ServedCatalogue:
    """See ``packages.catalogue.Offer``. Safe for threads, and across a fork."""

    def __init__(self, declarations: Iterable[Declaration], *, forms: Forms, home: Path) -> None:
        self._forms = forms
        self._records = Records(home)
        self._publisher = Publisher(records=self._records, snapshots=Snapshots(home), forms=forms)
        self._packages = [_Package(declaration=each) for each in declarations]
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._probe: Probe | None = None
        self._born = time.time()
        try:
            self._generation = self._records.generation()
        except OSError as error:
            raise Unavailable(f"the packages cannot be copied to HOME: {error.strerror}") from error
        self._known = b""
        self._catalogue = Catalogue()

    # -- what is served ----------------------------------------------------------------------------------

    def start(self, *, retry: bool) -> None:
        """Load every package; with ``retry`` also what was refused before, and has not changed since."""
        for package in self._packages:
            self._begin(package, retry=retry)
        self._refresh()
        for problem in self._catalogue.problems:
            told = {"action": "load", "process_id": problem.id}
            _log.error("process %s is not served: %s", problem.id, problem.detail, extra=told)

    @property
    def current(self) -> Catalogue:
        """The processes as they are now; asked several times for each request."""
        if self._generation.now != self._known:
            self._refresh()
        return self._catalogue

    def get(self, id: str) -> Process:
        """See Catalogue."""
        return self.current.get(id)

    def visible_to(self, principal: Principal) -> Catalogue:
        """See Catalogue; what is returned stays as it is."""
        return self.current.visible_to(principal)

    def __iter__(self) -> Iterator[Process]:
        return iter(self.current)

    def __len__(self) -> int:
        return len(self.current)

    def __contains__(self, id: object) -> bool:
        return id in self.current

    def _refresh(self) -> None:
        """Take over what the records say; requests wait for it, so that none meets what was current before."""
        with self._lock:
            now = self._generation.now
            if now == self._known:
                return
            for package in self._packages:
                self._take_over(package)
            processes = {p.declaration.id: p.process for p in self._packages if p.process is not None}
            self._catalogue = Catalogue(
                processes=processes,
                problems=tuple(_problems(self._packages, served=False)),
                kept=tuple(_problems(self._packages, served=True)),
            )
            self._known = now

    def _take_over(self, package: _Package) -> None:
        if package.declaration.form is not None:  # it has no folder
            return
        package.record = record = self._records.read(package.declaration) or package.record
        if record is not None and record.snapshot and record.snapshot != package.served:
            process = self._publisher.served(package.declaration, record)
            package.process = process or package.process

    def _begin(self, package: _Package, *, retry: bool) -> None:
        declaration = package.declaration
        if declaration.form is not None:
            self._serve_files(package)
            return
        package.record = record = self._records.read(declaration)
        package.process = self._publisher.served(declaration, record)
        stamp = self._fingerprint(package)
        try:
            if record is None or record.fingerprint != stamp or package.process is None:
                self._publish_first(package, stamp)
            elif record.problem and retry:
                self._publish(package, stamp)
            elif not record.problem:
                package.looked = stamp
        except OSError as error:
            _log.warning(
                "process %s is not copied (%s): it runs from its folder, as that is at the time",
                declaration.id,
                error.strerror,
                extra={"action": "load", "process_id": declaration.id},
            )
            if package.process is None:
                self._serve_files(package)

    def _publish_first(self, package: _Package, stamp: str) -> None:
        """Make the files current now; or wait for whoever does, if there is nothing to serve till then."""
        deadline = time.monotonic() + FIRST
        while not self._publish(package, stamp) and package.process is None:
            if self._records.read(package.declaration) is not None or time.monotonic() > deadline:
                return
            time.sleep(0.02)

    def _serve_files(self, package: _Package) -> None:
        """Serve it without a copy."""
        try:
            package.process = load(package.declaration, self._forms)
        except PackageError as error:
            package.problem = error.detail

    def _publish(self, package: _Package, stamp: str, probe: Probe | None = None) -> bool:
        """Make the files current if nobody else does just now; raises OSError."""
        with self._records.locked(package.declaration) as ours:
            if not ours:
                return False
            record = self._records.read(package.declaration)
            done = record is not None and record.fingerprint == stamp and record.looked > self._born
            if not done and self._publisher.publish(package.declaration, stamp, probe):
                self._generation.advance()
            package.looked = stamp
        return True

    # -- looking at the files ----------------------------------------------------------------------------

    def watch(self, probe: Probe) -> None:
        """From now on look at the files again and again; ``probe`` tries what has changed."""
        self._probe = probe
        self._start_watching()
        os.register_at_fork(after_in_child=partial(_forked, weakref.ref(self)))

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    def _start_watching(self) -> None:
        threading.Thread(target=self._watch, name="packages", daemon=True).start()

    def _watch(self) -> None:
        pause = PAUSE
        while not self._stopped.wait(pause):
            begun = time.thread_time()
            for package in self._packages:
                try:
                    self._look(package)
                except Exception:  # whatever one package is at fault for, the others are still looked at
                    _log.exception("process %s cannot be looked at", package.declaration.id)
            pause = max(PAUSE, LEISURE * (time.thread_time() - begun))

    def _look(self, package: _Package) -> None:
        if package.declaration.form is not None:
            return
        stamp = self._fingerprint(package)
        if stamp == package.seen and stamp != package.looked:
            try:
                self._publish(package, stamp, self._probe)
            except OSError as error:  # a full disk, or HOME is gone: at the next look
                told = {"action": "reload", "process_id": package.declaration.id}
                _log.warning("process %s: %s", package.declaration.id, error, extra=told)
                package.seen = ""
                return
            with suppress(OSError):
                self._refresh()
        package.seen = stamp

    def _fingerprint(self, package: _Package) -> str:
        """Of its folder, and of the installed code that it names as its entry."""
        process = package.process
        elsewhere = () if process is None else self._forms[process.runtime.form].elsewhere(process)
        return fingerprint(package.declaration.folder, *elsewhere)

    def _after_fork(self) -> None:
        """In the child: threads have stayed with the parent."""
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._start_watching()


def _problems(packages: Iterable[_Package], *, served: bool) -> Iterator[PackageProblem]:
    for package in packages:
        problem = package.problem if package.record is None else package.record.problem
        if problem and (package.process is not None) == served:
            yield PackageProblem(id=package.declaration.id, detail=problem)


def _forked(reference: weakref.ref[ServedCatalogue]) -> None:
    catalogue = reference()
    if catalogue is not None:
        catalogue._after_fork()
