"""Places and who gets them."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dragoman.sources.fetching.places import Places, host_of


def _places(at_once: int, per_host: int) -> Places[str]:
    return Places[str](at_once, per_host, lambda item: item[0])


def _taken(places: Places[str]) -> list[str]:
    taken = []
    while (item := places.take()) is not None:
        taken.append(item)
    return taken


def test_one_host_has_no_more_than_its_places() -> None:
    places = _places(8, 4)
    for number in range(10):
        places.wait(f"a{number}")
    assert _taken(places) == ["a0", "a1", "a2", "a3"]
    places.wait("b0")
    assert _taken(places) == ["b0"], "there is room for another host"
    places.leave("a2")
    assert _taken(places) == ["a4"]


def test_hosts_take_turns_and_who_has_fewest_is_first() -> None:
    places = _places(5, 4)
    for item in ("a0", "a1", "a2", "b0", "b1", "c0"):
        places.wait(item)
    assert _taken(places) == ["a0", "b0", "c0", "a1", "b1"]
    places.leave("c0")
    assert _taken(places) == ["a2"]


def test_what_is_fetched_again_is_first_and_what_is_withdrawn_never() -> None:
    places = _places(2, 2)
    for item in ("a0", "a1"):
        places.wait(item)
    places.wait("a2", first=True)
    assert places.withdraw("a0")
    assert not places.withdraw("a0")
    assert _taken(places) == ["a2", "a1"]


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.lists(st.tuples(st.sampled_from("wtlx"), st.sampled_from("abc")), max_size=60),
)
def test_nobody_is_lost_and_no_bound_broken(
    at_once: int, per_host: int, steps: list[tuple[str, str]]
) -> None:
    places, waiting, placed = _places(at_once, per_host), list[str](), list[str]()
    for number, (step, host) in enumerate(steps):
        if step == "w":
            places.wait(f"{host}{number}")
            waiting.append(f"{host}{number}")
        elif step == "t":
            item = places.take()
            counts = Counter(each[0] for each in placed)
            free = [each for each in waiting if counts[each[0]] < per_host]
            assert (item is None) == (len(placed) >= at_once or not free)
            if item is not None:
                assert item == next(each for each in waiting if each[0] == item[0])
                waiting.remove(item)
                placed.append(item)
        elif step == "l" and placed:
            places.leave(placed.pop(0))
        elif step == "x" and waiting:
            assert places.withdraw(waiting.pop())


def test_the_host_of_a_url_is_its_netloc_without_credentials() -> None:
    assert host_of("https://u:p@Example.org:81/a") == "example.org:81"
    assert host_of("http://[") == ""
