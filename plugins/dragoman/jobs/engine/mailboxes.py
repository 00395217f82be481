"""Letters to subscribers, in one box for each host: who fills a box, or never answers, delays and drops its own.

A host is the same in every spelling of its name, and has all its ports in one box. No locks, no threads, no network:
the notifier has them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dragoman.sources.addresses import literal_address

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITING = 1000
"""Letters that may be under way."""
WAITING_PER_HOST = 200
"""Of them, those to one host."""
THREADS = 8
"""Letters that may be sent at once."""
PER_HOST = 2
"""Of them, those to one host and port."""
PER_NAME = 4
"""Of them, those to one host, whatever its ports."""


@dataclass(eq=False)
class Letter:
    """What one job's subscriber is to be told."""

    job_id: str
    url: str
    body: Any
    tries: int = 0
    due: float = 0.0
    """When it may be sent, by the monotonic clock."""


def host_of(url: str) -> tuple[str, int]:
    """The host of a checked URL, and its port: one name for all spellings of one host.

    Case, the dot at the end, Unicode and its punycode, and every form of an address are made one.
    """
    parts = urlsplit(url)
    name = (parts.hostname or "").rstrip(".")
    address = literal_address(name)
    if address is not None:
        name = str(getattr(address, "ipv4_mapped", None) or address)
    else:
        try:
            name = name.encode("idna").decode("ascii").lower().rstrip(".")
        except UnicodeError:  # a name that no host has: it will be refused when it is resolved
            name = name.lower()
    return name, parts.port or (443 if parts.scheme == "https" else 80)


@dataclass
class _Box:
    waiting: list[Letter] = field(default_factory=list)
    sending: Counter[int] = field(default_factory=Counter)
    """By port, how many are being sent."""

    def __len__(self) -> int:
        return len(self.waiting) + self.sending.total()

    def take(self, now: float) -> Letter | None:
        """The first letter that may be sent, which counts as being sent from now on."""
        if self.sending.total() >= PER_NAME:
            return None
        for letter in self.waiting:
            port = host_of(letter.url)[1]
            if letter.due <= now and self.sending[port] < PER_HOST:
                self.waiting.remove(letter)
                self.sending[port] += 1
                return letter
        return None


class Mailboxes:
    """Every letter under way. Hosts take turns; where there is no more room, the fullest box loses its newest."""

    def __init__(self) -> None:
        self._boxes: dict[str, _Box] = {}
        """In the order of their turns."""

    def __len__(self) -> int:
        """Letters that wait or are being sent."""
        return sum(map(len, self._boxes.values()))

    def put(self, letter: Letter) -> Letter | None:
        """Have a letter wait; the one that is dropped for it, itself maybe."""
        box = self._boxes.setdefault(host_of(letter.url)[0], _Box())
        box.waiting.append(letter)
        if len(box) > WAITING_PER_HOST:
            return box.waiting.pop()
        if len(self) > WAITING:
            fullest = max(self._boxes.values(), key=lambda each: len(each) if each.waiting else 0)
            return fullest.waiting.pop()
        return None

    def take(self, now: float) -> Iterator[Letter]:
        """The letters that are to be sent now, as far as threads are free, each host in its turn."""
        free = THREADS - sum(box.sending.total() for box in self._boxes.values())
        idle = 0
        while free > 0 and idle < len(self._boxes):
            name = next(iter(self._boxes))
            box = self._boxes[name] = self._boxes.pop(name)  # its next turn is after all others
            letter = box.take(now)
            idle += 1
            if letter is not None:
                free, idle = free - 1, 0
                yield letter

    def sent(self, letter: Letter, *, again_at: float | None) -> None:
        """A letter is no longer being sent: it is done with, or waits until that time."""
        name, port = host_of(letter.url)
        box = self._boxes[name]
        box.sending[port] -= 1
        box.sending = +box.sending
        if again_at is not None:
            letter.due = again_at
            box.waiting.append(letter)
        if not len(box):
            del self._boxes[name]
