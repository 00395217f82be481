"""The value objects: frozen, without surprises in their defaults."""

from __future__ import annotations

import dataclasses

import pytest
from jobmaking import make_job

from dragoman.model import context, job, principal, process, resolved
from dragoman.model.job import InputValue, JobFailure
from dragoman.model.process import InputSpec

VALUES = [
    cls
    for module in (job, principal, process, resolved, context)
    for cls in vars(module).values()
    if isinstance(cls, type) and dataclasses.is_dataclass(cls) and cls.__module__ == module.__name__
]


@pytest.mark.parametrize("cls", VALUES, ids=lambda cls: cls.__name__)
def test_every_value_object_is_frozen_slotted_and_keyword_only(cls: type) -> None:
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]  # of a dataclass
    assert hasattr(cls, "__slots__")
    assert all(field.kw_only for field in dataclasses.fields(cls))
    assert cls.__doc__


def test_evolve_changes_a_copy() -> None:
    before = make_job()
    after = before.evolve(progress=5)
    assert (before.progress, after.progress) == (0, 5)
    assert after.evolve(progress=0) == before
    with pytest.raises(TypeError):
        before.evolve(colour="red")


@pytest.mark.parametrize(("value", "expected"), [(InputValue(href="data:,x"), True), (InputValue(), False)])
def test_an_input_by_reference_knows_it(value: InputValue, expected: bool) -> None:
    assert value.by_reference is expected


def test_the_caller_is_at_fault_where_an_input_is() -> None:
    assert JobFailure(code="c", detail="d", problems=(("a", "b"),)).callers_fault
    assert not JobFailure(code="c", detail="d").callers_fault


@pytest.mark.parametrize(("most", "expected"), [(1, False), (2, True), (None, True)])
def test_an_input_that_may_come_twice_is_repeatable(most: int | None, expected: bool) -> None:
    assert InputSpec(id="a", schema={}, max_occurs=most).repeatable is expected
