"""Every error of the tree survives the wire to a server process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman import errors
from dragoman.errors import DragomanError, InputError, InputProblem, InvalidInputs, QueueFull, Unavailable
from dragoman.jobs.error_codec import dump_error, load_error

if TYPE_CHECKING:
    from collections.abc import Iterator

CLASSES = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, DragomanError)]
SHARED = {
    errors.RequestError: errors.InvalidRequest,
    errors.NoSuchPage: errors.NotFound,
    errors.InputError: errors.InvalidInputs,
    errors.AlgorithmError: errors.ExecutionError,
}
"""Classes that have no code of their own, and what they come back as."""
PROBLEMS = st.builds(InputProblem, input_id=st.text(), message=st.text())


def _examples(cls: type[DragomanError]) -> Iterator[DragomanError]:
    if cls is InputError:
        yield InputError("red", "no overlap with nir")
    elif issubclass(cls, InvalidInputs):
        yield cls([InputProblem(input_id="red", message="no"), InputProblem(input_id="nir", message="nor")])
        yield cls([InputProblem(input_id=f"input {n}", message="no") for n in range(30)], more=5)
    elif issubclass(cls, Unavailable):
        yield cls()
        yield cls("the disk is full", retry_after=77)
    else:
        yield cls()
        yield cls("what is wrong; what is allowed")


def _wired(error: DragomanError) -> DragomanError:
    return load_error(json.loads(json.dumps(dump_error(error))))


@pytest.mark.parametrize("cls", CLASSES)
def test_it_comes_back_as_it_was(cls: type[DragomanError]) -> None:
    for error in _examples(cls):
        again = _wired(error)
        assert type(again) is SHARED.get(cls, cls)
        assert (again.code, again.detail, str(again)) == (error.code, error.detail, str(error))
        assert vars(again) == vars(error)


def test_no_two_classes_claim_one_code_unawares() -> None:
    own = [cls for cls in CLASSES if "code" in vars(cls)]
    assert len({cls.code for cls in own}) == len(own)
    others = {cls for cls in CLASSES if "code" not in vars(cls)}
    assert others == {*SHARED, errors.InvalidRequest} - {errors.RequestError}


@given(st.lists(PROBLEMS, max_size=30), st.integers(0, 1000))
def test_inputs_are_named_as_before(problems: list[InputProblem], more: int) -> None:
    error = InvalidInputs(problems, more=more)
    again = _wired(error)
    assert isinstance(again, InvalidInputs)
    assert (again.problems, again.more, again.detail) == (error.problems, error.more, error.detail)


@given(st.text(), st.integers(0))
def test_so_is_when_to_try_again(detail: str, seconds: int) -> None:
    again = _wired(QueueFull(detail, retry_after=seconds))
    assert isinstance(again, QueueFull)
    assert again.retry_after == seconds


def test_a_code_of_another_version_is_told_in_its_own_words() -> None:
    error = load_error({"code": "from-the-future", "detail": "what happened"})
    assert type(error) is DragomanError
    assert error.detail == "what happened"
