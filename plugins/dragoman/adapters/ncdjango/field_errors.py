"""What is wrong with single fields of a request for a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class FieldErrors(InvalidRequest):
    """One or more fields are wrong; ``fields`` has the messages of each."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self.fields = fields
        words = (f"{name}: {' '.join(messages)}" for name, messages in fields.items())
        super().__init__("; ".join(words))
