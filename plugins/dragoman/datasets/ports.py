"""Where sessions are kept; the docstrings are the contract that its suite tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from dragoman.model.dataset_session import DatasetSession


class SessionStore(Protocol):
    """The truth about sessions. Safe for many readers, in threads and processes, and for one writer.

    A write outlasts the death of any process when the call returns.
    """

    def add(self, session: DatasetSession) -> None:
        """Keep a new session; raises ValueError if its id is taken."""

    def get(self, session_id: str) -> DatasetSession:
        """The session; raises NoSuchSession."""

    def advance(self, session_id: str, generation: int, position: int) -> bool:
        """Move the position on by one and note the use; False, and nothing is done, where it is another.

        So each batch of a generation is handed out once, whoever asks.
        """

    def rewind(self, session_id: str) -> DatasetSession:
        """Begin a new generation at position 0; raises NoSuchSession."""

    def remove(self, session_id: str) -> None:
        """Forget a session; raises NoSuchSession."""

    def count(self, owner: str) -> int:
        """How many sessions an owner has."""

    def idle(self, before: datetime) -> list[str]:
        """The ids of the sessions that were used last before that moment."""

    def close(self) -> None:
        """Let go of the store."""
