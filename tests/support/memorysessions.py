"""Dataset sessions in memory: what the supervisor's part in them is to a web process. Each batch is one label."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dragoman.datasets.configuration import read_configuration
from dragoman.errors import NoSuchSession, Unavailable
from dragoman.model.dataset_session import DatasetSession

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragoman.model.process import JSON

LABEL = {
    "name": "label",
    "byte_size": 4,
    "names": [],
    "otype": {"cv_type": 4, "name": "uint32_t", "np_type": 6, "size": 4},
    "shape": [1],
}
BODY = b'1,5,label,{"byte_size":4,"names":[],"otype":{"cv_type":4},"shape":[1]}1,0,\0\0\0\0'
BATCHES = 3


class MemorySessions:
    """A GuestDesk, and the SessionStore that goes with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sessions: dict[str, DatasetSession] = {}
        self.full = False
        """Whether nothing more is taken."""

    # -- GuestDesk

    def ask_guest(self, _guest: str, body: JSON, _abandoned: Callable[[], bool] = lambda: False) -> JSON:
        if self.full:
            raise Unavailable("the queue of the loader is full", retry_after=7)
        if body["what"] == "create":
            return {"id": self._create(body)}
        session = self.get(body["session"])
        if body["owner"] not in (None, session.owner):
            raise NoSuchSession
        answers: dict[str, Callable[[DatasetSession], Any]] = {
            "next": self._next,
            "reset": lambda session: self.rewind(session.id) and {},
            "remove": lambda session: self.sessions.pop(session.id) and {},
            "state": self._state,
        }
        return answers[body["what"]](session)

    def _create(self, body: JSON) -> str:
        read = read_configuration(body["configuration"], lambda: body["seed"])
        now = datetime.now(UTC)
        session = DatasetSession(
            id=str(10**17 + len(self.sessions)),
            owner=body["owner"],
            configuration=read.document,
            description={
                "buffers": [LABEL],
                "batch_size": read.batch_size,
                "batch_count": BATCHES,
                "record_count": BATCHES * read.batch_size,
            },
            manifest_size=1,
            manifest_modified=1,
            created=now,
            used=now,
        )
        self.sessions[session.id] = session
        return session.id

    def _next(self, session: DatasetSession) -> JSON:
        if session.position == BATCHES:
            return {"end": True}
        self.sessions[session.id] = replace(session, position=session.position + 1)
        path = self.folder / f"{session.id}-{session.position}"
        path.write_bytes(BODY)
        return {"path": str(path), "size": len(BODY)}

    def _state(self, session: DatasetSession) -> JSON:
        return {
            "position": session.position,
            "epoch": 0,
            "batch_count": BATCHES,
            "batches_per_second": 0.0,
            "waiting_for": "the client: batches are ready",
            "manifest_records": BATCHES,
        }

    # -- SessionStore

    def get(self, session_id: str) -> DatasetSession:
        if session_id not in self.sessions:
            raise NoSuchSession
        return self.sessions[session_id]

    def rewind(self, session_id: str) -> DatasetSession:
        session = self.get(session_id)
        self.sessions[session_id] = replace(session, position=0, generation=session.generation + 1)
        return self.sessions[session_id]

    def add(self, session: DatasetSession) -> None:
        raise NotImplementedError

    def advance(self, session_id: str, generation: int, position: int) -> bool:
        raise NotImplementedError

    def remove(self, session_id: str) -> None:
        raise NotImplementedError

    def count(self, owner: str) -> int:
        raise NotImplementedError

    def idle(self, before: datetime) -> list[str]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is open."""
