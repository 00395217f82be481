"""Names of files that are like no other's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from dragoman.jobs.engine import file_names
from dragoman.jobs.engine.file_names import MOST_BYTES, FileNames

if TYPE_CHECKING:
    import pytest

NAMES = st.sampled_from(
    ["a.tif", "A.TIF", "a-2.tif", "a-3.tif", "b", "B-2", ".x", "ß.png", "SS.png", "é" * 127]
)


def _by_trying(name: str, taken: set[str]) -> str:
    """The same, from 2 up for each."""
    if name.casefold() not in taken:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    number = 2
    while f"{stem}-{number}{dot}{ending}".casefold() in taken:
        number += 1
    return f"{stem}-{number}{dot}{ending}"


def test_a_number_stands_before_the_ending() -> None:
    names = FileNames()
    for name, expected in [
        ("a.tif", "a.tif"),
        ("A.TIF", "A-2.TIF"),
        ("a.tif", "a-3.tif"),
        ("a.tif-and-a-long-story-of-it", "a.tif-and-a-long-story-of-it"),
        ("a.tif-and-a-long-story-of-it", "a.tif-and-a-long-story-of-it-2"),
        (".x", ".x"),
        (".x", ".x-2"),
    ]:
        assert names.unlike(name) == expected
        names.add(expected)


@given(st.lists(st.tuples(st.lists(NAMES.filter(lambda name: len(name) < 100), max_size=8), st.booleans())))
def test_a_batch_gets_the_names_that_trying_all_numbers_finds_and_a_refused_one_none(
    batches: list[tuple[list[str], bool]],
) -> None:
    names, taken = FileNames(), set[str]()
    for batch, refused in batches:
        draft, tried, named = FileNames(names), set(taken), list[str]()
        for name in batch:
            named.append(draft.unlike(name))
            assert named[-1] == _by_trying(name, tried)
            tried.add(named[-1].casefold())
            draft.add(named[-1])
        if not refused:
            taken = tried
            for name in named:
                names.add(name)


@given(st.lists(NAMES, max_size=60))
def test_no_two_are_alike_and_none_is_too_long(sent: list[str]) -> None:
    names, found = FileNames(), []
    for name in sent:
        found.append(names.unlike(name))
        names.add(found[-1])
    assert len({name.casefold() for name in found}) == len(found)
    assert all(len(name.encode()) <= MOST_BYTES for name in found)


def test_a_thousand_that_are_alike_are_named_in_a_few_looks_each(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = list[int]()
    numbered = file_names._numbered

    def counted(stem: str, number: int, ending: str) -> str:
        tried.append(number)
        return numbered(stem, number, ending)

    monkeypatch.setattr(file_names, "_numbered", counted)
    names, found = FileNames(), list[str]()
    for _ in range(100):
        batch, named = FileNames(names), list[str]()
        for name in ("a.tif", *[f"{'x' * 249}{number}.tif" for number in range(10)]):
            named.append(batch.unlike(name))
            batch.add(named[-1])
        for name in named:
            names.add(name)
        found += named
    assert len(set(found)) == len(found) == 1100
    assert len(tried) < 10 * len(found)
