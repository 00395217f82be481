"""The table of legal transitions, and the one place that enforces it."""

from __future__ import annotations

import itertools

import pytest

from dragoman.errors import IllegalTransition
from dragoman.model import status
from dragoman.model.status import FINISHED, TRANSITIONS, JobStatus, check_transition, sources

PAIRS = list(itertools.product(JobStatus, JobStatus))

DRAWN = {
    ("created", "accepted"),
    ("created", "failed"),
    ("created", "dismissed"),
    ("accepted", "running"),
    ("accepted", "failed"),
    ("accepted", "dismissed"),
    ("running", "accepted"),
    ("running", "successful"),
    ("running", "failed"),
    ("running", "dismissed"),
}
"""As the module's drawing has them."""


def test_the_states_are_those_of_ogc() -> None:
    part_1 = ["accepted", "running", "successful", "failed", "dismissed"]
    assert [str(each) for each in JobStatus] == ["created", *part_1]


@pytest.mark.parametrize(("current", "target"), PAIRS)
def test_what_is_not_drawn_is_refused(current: JobStatus, target: JobStatus) -> None:
    if (current, target) in DRAWN:
        check_transition(current, target)
    else:
        with pytest.raises(IllegalTransition, match=f"{current}.*{target}"):
            check_transition(current, target)


@pytest.mark.parametrize("target", list(JobStatus))
def test_sources_are_the_table_read_backwards(target: JobStatus) -> None:
    assert sources(target) == {
        current for current, aim in PAIRS if aim is target and aim in TRANSITIONS[current]
    }


def test_every_state_has_its_row_and_an_end_has_no_way_on() -> None:
    assert set(TRANSITIONS) == set(JobStatus)
    assert {each for each in JobStatus if not TRANSITIONS[each]} == FINISHED
    assert {each for each in JobStatus if each.finished} == FINISHED


def test_the_drawing_names_every_state() -> None:
    assert all(each in (status.__doc__ or "") for each in JobStatus)
