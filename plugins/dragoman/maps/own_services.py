"""The operator's map services, as a server process knows them: made by child processes, once for all server processes.

A thread sees to it at the start, and again where a file has changed. What is made of a file lies in
``HOME/services/own/{name}/{state}``, and is there as a whole or not at all. Until a changed file has been looked at,
the service stays as it was; a broken file is a line of the log, and costs the others nothing.
"""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
import shutil
import threading
import time
from typing import TYPE_CHECKING, Final

from dragoman.maps.declarations import DOCUMENT, dump_declaration, state_of
from dragoman.maps.own_files_process import problem_of
from dragoman.maps.placing import placed
from dragoman.maps.service_codec import load_service
from dragoman.maps.service_files import OWN, ROOT, safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from dragoman.maps.declarations import ServiceDeclaration
    from dragoman.model.map_service import MapService

LOGGER = logging.getLogger(__name__)
EVERY: Final = 5.0
"""Seconds between two looks at the files."""
LONGEST: Final = 3600.0
"""Seconds that may be spent on one file."""
RETRY: Final = 300.0
"""Seconds after which a file that could not be served is tried again though it has not changed: a full disk, say."""
SPARING: Final = 10.0
"""So many times as long as a try has taken is waited before the next, if that is longer."""


class OwnMaps:
    """See ``catalogue.OwnServices``."""

    def __init__(
        self,
        declarations: Sequence[ServiceDeclaration],
        *,
        home: Path,
        command: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``command`` runs ``answer`` of ``own_files_child`` in a new process; ``clock`` tells seconds."""
        self._declarations = declarations
        self._home = home
        self._command = command
        self._services: dict[str, MapService] = {}
        self._states: dict[str, str] = {}
        self._clock = clock
        self._again: dict[str, float] = {}
        """When a file that could not be served is tried again, by name, as ``clock`` tells it."""
        self._looked = threading.Event()
        self._process = 0
        self._starting = threading.Lock()

    def services(self) -> Mapping[str, MapService]:
        """Those that can be served now, by name, in the order of the configuration."""
        self.start()
        known = dict(self._services)  # the thread may take one away meanwhile
        return {each.name: known[each.name] for each in self._declarations if each.name in known}

    def start(self) -> None:
        """Begin to look at the files, if that has not begun in this process."""
        if not self._declarations or self._process == os.getpid():
            return
        with self._starting:
            if self._process != os.getpid():  # a forked server process has no thread of its own yet
                self._process = os.getpid()
                threading.Thread(target=self._watch, name="own-maps", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait until every file has been looked at once; whether that is so."""
        return not self._declarations or self._looked.wait(seconds)

    def _watch(self) -> None:
        while True:
            for declaration in self._declarations:
                try:
                    self._look_at(declaration)
                except (OSError, ValueError) as error:
                    self._tell(declaration, f"cannot be read: {error}")
            self._looked.set()
            time.sleep(EVERY)

    def _look_at(self, declaration: ServiceDeclaration) -> None:
        """Serve what was made of the file's present state; have it made, if nobody has."""
        try:
            state = state_of(declaration)
        except OSError as error:
            for known in (self._services, self._states, self._again):  # it may come back as it was
                known.pop(declaration.name, None)
            self._tell(declaration, f"{declaration.path}: {error.strerror}")
            return
        name, began = declaration.name, self._clock()
        if self._states.get(name) == state and began < self._again.get(name, math.inf):
            return
        self._states[name] = state
        try:
            problem = self._serve(declaration, state)
        finally:
            now = self._clock()
            self._again[name] = now + max(RETRY, SPARING * (now - began))
        if problem:
            self._tell(declaration, problem)
            return
        del self._again[name]
        self._states.pop(f"!{name}", None)  # what goes wrong from now on is told
        LOGGER.info("map service %s is served", name, extra={"action": "maps"})

    def _serve(self, declaration: ServiceDeclaration, state: str) -> str:
        """Serve what was or is made of the file; what is wrong, in one line, or nothing."""
        place = ROOT / OWN / safe_name(declaration.name) / state
        document = self._home / place / DOCUMENT
        problem = "" if document.exists() else self._make(declaration, place)
        if not problem:
            service = load_service(json.loads(document.read_text("utf-8")))
            self._services[declaration.name] = placed(service, self._home)
        return problem

    def _tell(self, declaration: ServiceDeclaration, problem: str) -> None:
        """Log it, once for each thing that is wrong."""
        line = f"!{problem}"
        if self._states.get(f"!{declaration.name}") != line:
            self._states[f"!{declaration.name}"] = line
            LOGGER.error("map service %s: %s", declaration.name, problem, extra={"action": "maps"})

    def _make(self, declaration: ServiceDeclaration, place: Path) -> str:
        """Have a process look at the file and write what is drawn of it; what is wrong, in one line, or nothing."""
        folder = self._home / place.parent
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one of all server processes makes it, the others wait
            if (self._home / place / DOCUMENT).exists():
                return ""
            for old in folder.glob("new-*"):  # of a process that was killed
                shutil.rmtree(old, ignore_errors=True)
            new = folder / f"new-{os.getpid()}"
            new.mkdir()
            problem = self._run(declaration, new, place)
            if problem:
                shutil.rmtree(new, ignore_errors=True)
                return problem
            _drop_but_latest(folder, new)
            new.rename(self._home / place)
            return ""

    def _run(self, declaration: ServiceDeclaration, folder: Path, place: Path) -> str:
        task = {"declaration": dump_declaration(declaration), "folder": str(folder), "place": str(place)}
        return problem_of(self._command, task, LONGEST)


def _drop_but_latest(folder: Path, new: Path) -> None:
    """Delete what was made of earlier states, but for the latest: jobs that wait may be going to read it."""
    earlier = sorted(
        (old for old in folder.iterdir() if old.is_dir() and old != new), key=lambda old: old.stat().st_mtime
    )
    for old in earlier[:-1]:
        shutil.rmtree(old, ignore_errors=True)
