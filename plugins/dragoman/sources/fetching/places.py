"""Which file is fetched next: in order, but no host has more than its places, and who has fewest comes first.

owner with the fewest places ──► of its groups the one with the fewest ──► of the group's hosts the one with the fewest
                                                                                      └──► its items in order

Who has as few as another comes after it if it was given a place later. So whoever comes anew, with however little,
gets the next place that its host has room for, and waits for nobody's whole row.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

type _Row[Item] = OrderedDict[Item, None]
type _Hosts[Item] = dict[str, _Row[Item]]
type _Groups[Item] = dict[str, _Hosts[Item]]


def host_of(url: str) -> str:
    """The host that a URL names, lower-case, with its port; empty where it names none."""
    with suppress(ValueError):
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """By what an item gets its place; of one item it is always the same."""

    owner: str
    group: str
    """Of its owner; no two owners have one of the same name."""
    host: str


class Places[Item]:
    """A fixed number of places, and those who wait for one; ``claim`` tells an item's claim.

    A slow host holds its own places for long, and nobody else's. ``wait``, ``withdraw`` and ``leave`` take the same
    time however many wait; ``take`` looks at waiting groups until it finds one that has none of the places.
    """

    def __init__(self, at_once: int, per_host: int, claim: Callable[[Item], Claim]) -> None:
        self._at_once, self._per_host, self._claim = at_once, per_host, claim
        self._waiting: dict[str, _Groups[Item]] = {}
        """By owner, group and host, each in the order in which it is looked at; none is empty."""
        self._rows: Counter[str] = Counter()
        """How many rows there are of each host, in all groups."""
        self._owners: Counter[str] = Counter()
        """Places that each has taken, as below; none has 0."""
        self._groups: Counter[str] = Counter()
        self._hosts: Counter[str] = Counter()

    def wait(self, item: Item, *, first: bool = False) -> None:
        """Put an item at the end of its group's row for its host, or at the row's head."""
        claim = self._claim(item)
        hosts = self._waiting.setdefault(claim.owner, {}).setdefault(claim.group, {})
        if claim.host not in hosts:
            hosts[claim.host] = OrderedDict()
            self._rows[claim.host] += 1
        hosts[claim.host][item] = None
        if first:
            hosts[claim.host].move_to_end(item, last=False)

    def withdraw(self, item: Item) -> bool:
        """Take an item out of its row; whether it was in one."""
        claim = self._claim(item)
        row = self._waiting.get(claim.owner, {}).get(claim.group, {}).get(claim.host)
        if row is None or item not in row:
            return False
        del row[item]
        self._tidy(claim)
        return True

    def take(self) -> Item | None:
        """Give a place to the item whose turn it is; None: all places are taken, or nobody may have one."""
        if self._owners.total() >= self._at_once or not any(map(self._has_room, self._rows)):
            return None
        owner = _fewest(self._waiting, self._owners, lambda each: self._may(self._waiting[each].values()))
        groups = self._waiting[owner]
        group = _fewest(groups, self._groups, lambda each: self._may((groups[each],)))
        host = _fewest(groups[group], self._hosts, self._has_room)
        item, _ = groups[group][host].popitem(last=False)
        claim = Claim(owner=owner, group=group, host=host)
        self._put_last(claim)
        self._tidy(claim)
        self._owners[owner] += 1
        self._groups[group] += 1
        self._hosts[host] += 1
        return item

    def leave(self, item: Item) -> None:
        """Give the place of an item back."""
        claim = self._claim(item)
        for taken, key in (
            (self._owners, claim.owner),
            (self._groups, claim.group),
            (self._hosts, claim.host),
        ):
            taken[key] -= 1
            if not taken[key]:
                del taken[key]

    def _has_room(self, host: str) -> bool:
        return self._hosts[host] < self._per_host

    def _may(self, groups: Iterable[_Hosts[Item]]) -> bool:
        """Whether one of these groups waits for a host that has room; the hosts that have none are few."""
        return any(self._has_room(host) for hosts in groups for host in hosts)

    def _put_last(self, claim: Claim) -> None:
        """Have those who were given a place looked at after all others."""
        groups = self._waiting[claim.owner]
        self._waiting[claim.owner] = self._waiting.pop(claim.owner)
        groups[claim.group] = groups.pop(claim.group)
        groups[claim.group][claim.host] = groups[claim.group].pop(claim.host)

    def _tidy(self, claim: Claim) -> None:
        """Forget who waits no more."""
        groups = self._waiting[claim.owner]
        hosts = groups[claim.group]
        if hosts[claim.host]:
            return
        del hosts[claim.host]
        self._rows[claim.host] -= 1
        if not self._rows[claim.host]:
            del self._rows[claim.host]
        if not hosts:
            del groups[claim.group]
        if not groups:
            del self._waiting[claim.owner]


def _fewest(keys: Iterable[str], taken: Counter[str], may: Callable[[str], bool]) -> str:
    """The first of the keys that has the fewest places of those that may have one; there is one that may.

    It looks no further than the first that has none: as many as there are places may have some.
    """
    best = None
    for key in keys:
        if (best is None or taken[key] < taken[best]) and may(key):
            best = key
            if not taken[key]:
                break
    assert best is not None
    return best
