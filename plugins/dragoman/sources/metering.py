"""How many bytes are downloaded while a block runs, however deep within it.

Between whoever wants to know and whoever downloads lie the signatures of every form of package; hence a context
variable.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Meter:
    """Counts what is downloaded."""

    size: int = 0
    """Bytes so far."""


_METER: Final[ContextVar[Meter | None]] = ContextVar("dragoman_downloads", default=None)


@contextmanager
def metered() -> Iterator[Meter]:
    """A meter of what this thread downloads until the end of the block."""
    meter = Meter()
    token = _METER.set(meter)
    try:
        yield meter
    finally:
        _METER.reset(token)


def count(size: int) -> None:
    """Tell the meter, if there is one, of so many bytes."""
    meter = _METER.get()
    if meter is not None:
        meter.size += size
