"""Messages as JSON and back: dataclasses told apart by one member, with one way to write each kind of field."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    type Parts = Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]
    """Fields of messages that are not JSON already, with their two directions."""

NO_PARTS: Final[Parts] = MappingProxyType({})


class MessageCodec[Message]:
    """For the messages of one conversation: dataclasses with slots, by the names that stand for them in JSON."""

    def __init__(self, tag: str, types: Mapping[str, type[Message]], parts: Parts = NO_PARTS) -> None:
        self._tag = tag
        self._types = types
        self._parts = parts
        self._names = {cls: name for name, cls in types.items()}

    def dump(self, message: Message) -> dict[str, Any]:
        """A message as JSON."""
        parts = self._parts
        data: dict[str, Any] = {self._tag: self._names[type(message)]}
        for name in type(message).__slots__:  # type: ignore[attr-defined]  # all of them have slots
            value = getattr(message, name)
            data[name] = parts[name][0](value) if name in parts else value
        return data

    def load(self, data: Any) -> Message:
        """The inverse of ``dump``; raises ValueError for anything else."""
        parts = self._parts
        try:
            members = dict(data)
            cls = self._types[members.pop(self._tag)]
            return cls(
                **{name: parts[name][1](value) if name in parts else value for name, value in members.items()}
            )
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a message of ours: {error!r}") from error
