"""Which file is fetched next: in order, but no host has more than its places, and who has fewest comes first."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable


def host_of(url: str) -> str:
    """The host that a URL names, lower-case, with its port; empty where it names none."""
    with suppress(ValueError):
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    return ""


class Places[Item]:
    """A fixed number of places, and those who wait for one; ``host`` tells an item's host.

    A slow host holds its own places for long, and nobody else's.
    """

    def __init__(self, at_once: int, per_host: int, host: Callable[[Item], str]) -> None:
        self._at_once, self._per_host, self._host = at_once, per_host, host
        self._waiting: dict[str, list[Item]] = {}
        """By host; the hosts in the order in which they are looked at."""
        self._taken: Counter[str] = Counter()

    def wait(self, item: Item, *, first: bool = False) -> None:
        """Put an item at the end of its host's row, or at its head."""
        row = self._waiting.setdefault(self._host(item), [])
        row.insert(0 if first else len(row), item)

    def withdraw(self, item: Item) -> bool:
        """Take an item out of its row; whether it was in one."""
        host = self._host(item)
        row = self._waiting.get(host, [])
        if item not in row:
            return False
        row.remove(item)
        if not row:
            del self._waiting[host]
        return True

    def take(self) -> Item | None:
        """Give a place to the item whose turn it is; None: all places are taken, or nobody may have one."""
        if self._taken.total() >= self._at_once:
            return None
        free = [host for host in self._waiting if self._taken[host] < self._per_host]
        if not free:
            return None
        host = min(free, key=self._taken.__getitem__)
        row = self._waiting.pop(host)
        item = row.pop(0)
        if row:
            self._waiting[host] = row  # behind the others
        self._taken[host] += 1
        return item

    def leave(self, item: Item) -> None:
        """Give the place of an item back."""
        host = self._host(item)
        self._taken[host] -= 1
        if not self._taken[host]:
            del self._taken[host]
