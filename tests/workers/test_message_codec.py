"""Messages come over as they were said, and nothing else is taken for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from dragoman.workers.message_codec import MessageCodec


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message."""

    text: str
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A message with nothing in it."""


CODEC: MessageCodec[Said | Silence] = MessageCodec(
    "is", {"said": Said, "silence": Silence}, {"numbers": (sorted, frozenset)}
)


@pytest.mark.parametrize("message", [Said(text="a", numbers=frozenset({2, 1})), Silence()])
def test_what_is_written_is_read_again(message: Said | Silence) -> None:
    assert CODEC.load(CODEC.dump(message)) == message


def test_a_message_is_told_by_its_tag_and_its_parts_are_written_their_own_way() -> None:
    assert CODEC.dump(Said(text="a", numbers=frozenset({2, 1}))) == {
        "is": "said",
        "text": "a",
        "numbers": [1, 2],
    }


@pytest.mark.parametrize(
    "data",
    [None, 1, "said", [], {}, {"is": "nothing"}, {"is": []}, {"is": "said"}, {"is": "silence", "text": "a"}],
)
def test_anything_else_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="not a message of ours"):
        CODEC.load(data)
