"""Parts of the supervisor that are not about jobs: each has workers of its own, and answers server processes.

A guest is imported and made when it is first asked for: a server whose clients never open a dataset loads nothing
of datasets. One that may have to go on with what an earlier supervisor left is made at the start (``GuestRoom.early``).
All of it is called in the thread of the supervisor's loop, and must not wait there.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dragoman.errors import DragomanError, NotFound, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.jobs.engine.run_files import RunFiles
    from dragoman.jobs.engine_settings import GuestRoom
    from dragoman.jobs.ports import JobStore
    from dragoman.model.job import Job
    from dragoman.model.process import JSON
    from dragoman.workers.forkserver import Forkserver
    from dragoman.workers.watch import WorkerWatch

LOGGER = logging.getLogger(__name__)

type Answer = Callable[[JSON | DragomanError], None]
"""Gives the answer to one question, now or later, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDesk:
    """What a guest may do with jobs that it puts together itself."""

    store: JobStore
    files: RunFiles
    enqueue: Callable[[Job], None]
    """Takes a job that has just been accepted, to be run."""
    changed: Callable[[Job], None]
    """Is told of a job that has finished without ever having waited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the supervisor lends its guests."""

    home: Path
    database_url: str
    forkserver: Forkserver
    watch: WorkerWatch
    mark: str
    """Tells this supervisor's offspring from another's."""
    jobs: JobDesk | None = None
    """None: of a house without jobs, a test's say."""


class Guest(Protocol):
    """One part of the supervisor."""

    def ask(self, body: JSON, answer: Answer, gone: Callable[[], bool]) -> None:
        """Take a question; raises DragomanError for one that is refused at once.

        ``gone`` says whether whoever asked has hung up: then nothing is handed out to them.
        """

    def tick(self) -> None:
        """Called some 20 times a second."""

    def close(self) -> None:
        """Kill the guest's workers; the supervisor ends."""


class Guests:
    """The guests of one supervisor, by name."""

    def __init__(self, rooms: Mapping[str, GuestRoom], house: House | None = None) -> None:
        self._rooms = rooms
        self._house = house
        self._guests: dict[str, Guest] = {}

    def ask(self, name: str, body: JSON, answer: Answer, gone: Callable[[], bool]) -> None:
        """Hand a question to the guest of that name; raises NotFound where there is none, and as ``Guest.ask``.

        A fault in the guest is logged, and refused as Unavailable: it costs no job.
        """
        try:
            self._guest(name).ask(body, answer, gone)
        except DragomanError:
            raise
        except Exception as error:  # a fault of a guest must not end the supervisor, and with it all jobs
            LOGGER.exception("a fault in '%s'", name, extra={"action": "guest"})
            raise Unavailable("the server has failed at this; its log says more", retry_after=5) from error

    def _guest(self, name: str) -> Guest:
        if name not in self._guests:
            if name not in self._rooms or self._house is None:
                raise NotFound(f"the engine has no part of the name '{name}'")
            room = self._rooms[name]
            module, _, function = room.place.partition(":")
            opened: Guest = getattr(importlib.import_module(module), function)(self._house, room.settings)
            self._guests[name] = opened
        return self._guests[name]

    def open_early(self) -> None:
        """Make those that have something to do before anybody asks; a fault in one is logged. Raises Unavailable."""
        for name, room in self._rooms.items():
            if room.early:
                try:
                    self._guest(name)
                except Unavailable:
                    raise
                except Exception:  # as above
                    LOGGER.exception("'%s' cannot be opened", name, extra={"action": "guest"})

    def tick(self) -> None:
        """Let each of them do what is due; a fault in one is logged, and costs no job. Raises Unavailable."""
        for name, guest in self._guests.items():
            try:
                guest.tick()
            except Unavailable:
                raise
            except Exception:  # as above
                LOGGER.exception("a fault in '%s'", name, extra={"action": "guest"})

    def close(self) -> None:
        """End all of them."""
        for guest in self._guests.values():
            guest.close()
