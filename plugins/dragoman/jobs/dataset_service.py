"""What server processes do with dataset sessions: the one door for every adapter."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.datasets.taken_batch import BatchMaps
from dragoman.errors import NoSuchSession, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.datasets.ports import SessionStore
    from dragoman.datasets.taken_batch import TakenBatch
    from dragoman.jobs.ports import GuestDesk
    from dragoman.model.dataset_session import DatasetSession
    from dragoman.model.principal import Principal
    from dragoman.model.process import JSON

GUEST: Final = "datasets"
"""The name of the supervisor's part that is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyBatch:
    """A batch that has been handed out, to be taken at once."""

    path: str
    size: int
    """Bytes."""


class DatasetService:
    """Sessions of principals; somebody else's does not exist. Raises what the supervisor refuses, and Unavailable."""

    def __init__(self, desk: GuestDesk, open_store: Callable[[], SessionStore]) -> None:
        self._desk = desk
        self._open_store = open_store
        self._store: SessionStore | None = None
        self._maps = BatchMaps()

    def create(self, configuration: JSON, principal: Principal) -> str:
        """The id of a new session, whose first batch is ready; raises DatasetError for what cannot be served."""
        seed = secrets.randbelow(2**31 - 2) + 1
        answer = self._ask("create", principal, configuration=configuration, seed=seed, owner=principal.id)
        return str(answer["id"])

    def get(self, session_id: str, principal: Principal) -> DatasetSession:
        """The session; raises NoSuchSession."""
        if self._store is None:
            self._store = self._open_store()
        session = self._store.get(session_id)
        if not principal.admin and session.owner != principal.id:
            raise NoSuchSession
        return session

    def next(
        self, session_id: str, principal: Principal, abandoned: Callable[[], bool] = lambda: False
    ) -> ReadyBatch | None:
        """The session's next batch, when it is ready; None: the dataset is at its end.

        Raises DatasetError for a batch that cannot be made: it is not counted, and whoever asks again tries again.
        """
        answer = self._ask("next", principal, session=session_id, abandoned=abandoned)
        return None if "end" in answer else ReadyBatch(path=answer["path"], size=answer["size"])

    def take(self, batch: ReadyBatch) -> TakenBatch:
        """The batch's body, to be sent; raises OSError where it cannot be, FileNotFoundError where it is gone."""
        return self._maps.take(batch.path)

    def reset(self, session_id: str, principal: Principal) -> None:
        """Begin at the first batch again."""
        self._ask("reset", principal, session=session_id)

    def remove(self, session_id: str, principal: Principal) -> None:
        """End a session."""
        self._ask("remove", principal, session=session_id)

    def state(self, session_id: str, principal: Principal) -> JSON:
        """Where a session is, and what it waits for."""
        return self._ask("state", principal, session=session_id)

    def _ask(
        self,
        what: str,
        principal: Principal,
        *,
        abandoned: Callable[[], bool] = lambda: False,
        **members: JSON,
    ) -> JSON:
        body = {"what": what, "owner": None if principal.admin else principal.id, **members}
        answer = self._desk.ask_guest(GUEST, body, abandoned)
        if answer is None:
            raise Unavailable("nobody waits for this any more", retry_after=1)
        return answer
