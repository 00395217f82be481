"""Places and who gets them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.sources.fetching.places import Claim, Places, host_of

if TYPE_CHECKING:
    import random


def claim_of(item: str) -> Claim:
    """Of ``owner.group.host.number``."""
    owner, group, host, _ = item.split(".")
    return Claim(owner=owner, group=f"{owner}.{group}", host=host)


def _places(at_once: int, per_host: int) -> Places[str]:
    return Places[str](at_once, per_host, claim_of)


def _row(start: str, count: int) -> list[str]:
    return [f"{start}.{number}" for number in range(count)]


def _wait(places: Places[str], *items: str) -> None:
    for item in items:
        places.wait(item)


def _taken(places: Places[str]) -> list[str]:
    taken = []
    while (item := places.take()) is not None:
        taken.append(item)
    return taken


def test_one_host_has_no_more_than_its_places() -> None:
    places = _places(8, 4)
    _wait(places, *_row("o.g.a", 10))
    assert _taken(places) == _row("o.g.a", 4)
    places.wait("o.g.b.0")
    assert _taken(places) == ["o.g.b.0"], "there is room for another host"
    places.leave("o.g.a.2")
    assert _taken(places) == ["o.g.a.4"]


def test_hosts_take_turns_and_who_has_fewest_is_first() -> None:
    places = _places(5, 4)
    _wait(places, *_row("o.g.a", 3), *_row("o.g.b", 2), "o.g.c.0")
    assert _taken(places) == ["o.g.a.0", "o.g.b.0", "o.g.c.0", "o.g.a.1", "o.g.b.1"]
    places.leave("o.g.c.0")
    assert _taken(places) == ["o.g.a.2"]


def test_what_is_fetched_again_is_first_and_what_is_withdrawn_never() -> None:
    places = _places(2, 2)
    _wait(places, *_row("o.g.a", 2))
    places.wait("o.g.a.2", first=True)
    assert places.withdraw("o.g.a.0")
    assert not places.withdraw("o.g.a.0")
    assert not places.withdraw("o.g.never.0")
    assert _taken(places) == ["o.g.a.2", "o.g.a.1"]


@pytest.mark.parametrize("few", ["bob.small", "alice.small"], ids=["another owner", "another task"])
@pytest.mark.parametrize("spread", [1, 500], ids=["one host", "a host each"])
def test_a_few_files_do_not_wait_for_hundreds_of_others(few: str, spread: int) -> None:
    places = _places(8, 4)
    _wait(places, *(f"alice.large.h{number % spread}.{number}" for number in range(500)))
    fetched = _taken(places)
    small = [f"{few}.h0.0", f"{few}.other.1"]
    _wait(places, *small)
    for _ in small:
        places.leave(fetched.pop(0))
        fetched += _taken(places)
    assert set(small) <= set(fetched), "each came with the next place that was given back"


def test_an_owner_gets_no_more_by_making_many_tasks() -> None:
    places = _places(4, 4)
    _wait(places, *(f"alice.g{number}.h.0" for number in range(50)), *_row("bob.g.h", 50))
    assert Counter(item[0] for item in _taken(places)) == {"a": 2, "b": 2}


@dataclass
class _Naive:
    """The same by looking at all that waits, each time."""

    at_once: int
    per_host: int
    waiting: list[str] = field(default_factory=list)
    placed: list[str] = field(default_factory=list)
    since: dict[tuple[str, ...], int] = field(default_factory=dict)
    """When each owner, group of an owner and host of a group began to wait, or was last given a place."""
    now: int = 0

    def wait(self, item: str, *, first: bool) -> None:
        self.waiting.insert(0 if first else len(self.waiting), item)
        for key in _keys(item):
            self.now += 1
            self.since.setdefault(key, self.now)

    def take(self) -> str | None:
        hosts = Counter(claim_of(item).host for item in self.placed)
        free = [item for item in self.waiting if hosts[claim_of(item).host] < self.per_host]
        if len(self.placed) >= self.at_once or not free:
            return None
        item = min(free, key=lambda each: self._turn(each, hosts))
        self.waiting.remove(item)
        self.placed.append(item)
        for key in _keys(item):
            self.now += 1
            self.since[key] = self.now
        self.tidy()
        return item

    def _turn(self, item: str, hosts: Counter[str]) -> list[tuple[int, int]]:
        owner, group, host = _keys(item)
        taken = [
            sum(each.startswith(f"{owner[0]}.") for each in self.placed),
            sum(each.startswith(f"{owner[0]}.{group[1]}.") for each in self.placed),
            hosts[host[2]],
        ]
        return [(count, self.since[key]) for count, key in zip(taken, (owner, group, host), strict=True)]

    def tidy(self) -> None:
        left = {key for item in self.waiting for key in _keys(item)}
        self.since = {key: moment for key, moment in self.since.items() if key in left}


def _keys(item: str) -> list[tuple[str, ...]]:
    parts = tuple(item.split("."))
    return [parts[:1], parts[:2], parts[:3]]


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.lists(
        st.tuples(st.sampled_from("wwftlx"), *(st.sampled_from("ab"),) * 2, st.sampled_from("abc")),
        max_size=60,
    ),
    st.randoms(use_true_random=False),
)
def test_every_place_goes_to_whom_a_look_at_all_of_them_would_give_it(
    at_once: int, per_host: int, steps: list[tuple[str, str, str, str]], chance: random.Random
) -> None:
    places, naive = _places(at_once, per_host), _Naive(at_once, per_host)
    for number, (step, owner, group, host) in enumerate(steps):
        item = f"{owner}.{group}.{host}.{number}"
        if step in "wf":
            places.wait(item, first=step == "f")
            naive.wait(item, first=step == "f")
        elif step == "t":
            assert places.take() == naive.take()
        elif step == "l" and naive.placed:
            places.leave(naive.placed.pop(chance.randrange(len(naive.placed))))
        elif step == "x" and naive.waiting:
            withdrawn = naive.waiting.pop(chance.randrange(len(naive.waiting)))
            naive.tidy()
            assert places.withdraw(withdrawn)
            assert not places.withdraw(withdrawn)
    while (item_ := naive.take()) is not None:
        assert places.take() == item_
    assert places.take() is None


class _Compared:
    """Counts how often one is compared with another."""

    times = 0

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        type(self).times += 1
        return self is other

    def __hash__(self) -> int:
        return self.number


def test_one_of_many_is_withdrawn_without_a_look_at_the_others() -> None:
    claim = Claim(owner="o", group="g", host="h")
    places = Places[_Compared](1, 1, lambda _item: claim)
    items = [_Compared(number) for number in range(3000)]
    for item in items:
        places.wait(item)
    assert all(places.withdraw(item) for item in reversed(items))
    assert _Compared.times <= len(items)
    assert places.take() is None


def test_the_host_of_a_url_is_its_netloc_without_credentials() -> None:
    assert host_of("https://u:p@Example.org:81/a") == "example.org:81"
    assert host_of("http://[") == ""
