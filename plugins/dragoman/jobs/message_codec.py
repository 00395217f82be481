"""Messages as JSON and back: dataclasses told apart by one member, with one way to write each kind of field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dragoman.jobs.engine_figures import dump_figures, load_figures
from dragoman.jobs.error_codec import dump_error, load_error
from dragoman.jobs.job_record import dump_record, dump_whole, load_record, load_whole
from dragoman.jobs.json_codec import (
    dump_failure,
    dump_services,
    load_failure,
    load_services,
    outputs_text,
    read_outputs,
    read_request,
    request_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dragoman.model.process import JSON

PARTS: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "job": (dump_whole, load_whole),
    "request": (request_text, read_request),
    "changes": (dump_record, load_record),
    "outputs": (outputs_text, read_outputs),
    "failure": (dump_failure, load_failure),
    "services": (dump_services, load_services),
    "error": (dump_error, load_error),
    "figures": (dump_figures, load_figures),
}
"""Fields of messages that are not JSON already, with their two directions."""


class MessageCodec[Message]:
    """For the messages of one conversation: dataclasses with slots, by the names that stand for them in JSON."""

    def __init__(self, tag: str, types: Mapping[str, type[Message]]) -> None:
        self._tag = tag
        self._types = types
        self._names = {cls: name for name, cls in types.items()}

    def dump(self, message: Message) -> dict[str, JSON]:
        """A message as JSON."""
        data: dict[str, JSON] = {self._tag: self._names[type(message)]}
        for name in type(message).__slots__:  # type: ignore[attr-defined]  # all of them have slots
            value = getattr(message, name)
            data[name] = PARTS[name][0](value) if name in PARTS else value
        return data

    def load(self, data: JSON) -> Message:
        """The inverse of ``dump``; raises ValueError for anything else."""
        try:
            members = dict(data)
            cls = self._types[members.pop(self._tag)]
            return cls(
                **{name: PARTS[name][1](value) if name in PARTS else value for name, value in members.items()}
            )
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a message of ours: {error!r}") from error
