"""References to map services: what they say, what they are resolved to, and what is refused by name."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapmaking import VARIABLE, make_service
from memoryservices import MemoryServices

from dragoman.errors import InvalidInputs, InvalidRequest
from dragoman.jobs.json_codec import dump_inputs, load_inputs
from dragoman.jobs.service_inputs import with_service_steps
from dragoman.maps.catalogue import MapCatalogue
from dragoman.maps.held_steps import HeldSteps
from dragoman.maps.references import NoServices, Reference, nearest, parse_reference, resolve_reference
from dragoman.model.job import InputValue, JobRequest
from dragoman.model.principal import Principal
from dragoman.model.service_step import ServiceStep

if TYPE_CHECKING:
    from collections.abc import Callable

JOB = "10000000-0000-4000-8000-000000000000"
ALICE, BOB = Principal(id="alice"), Principal(id="bob")


@pytest.fixture
def catalogue(tmp_path: Path) -> MapCatalogue:
    """Alice's: one variable with two times; two variables without."""
    store = MemoryServices()
    still = replace(VARIABLE, times=(), drawn=VARIABLE.drawn[:1])
    several = (replace(still, name="red"), replace(still, name="nir", index=1, drawn=((Path("x.tif"), 7),)))
    store.replace("job", [make_service(), make_service(name="job/several", variables=several)])
    return MapCatalogue(home=tmp_path, open_store=lambda: store)


@pytest.mark.parametrize(
    ("href", "reference"),
    [
        ("service://a", Reference(name="a", variable=None, seconds=None)),
        ("SERVICE://a/b:c", Reference(name="a/b", variable="c", seconds=None)),
        ("service://a/b:c:d@-5", Reference(name="a/b", variable="c:d", seconds=-5)),
        ("service://a@1234567890", Reference(name="a", variable=None, seconds=1234567890)),
    ],
)
def test_the_parts_of_a_reference(href: str, reference: Reference) -> None:
    assert parse_reference(href) == reference


@pytest.mark.parametrize(
    ("href", "told"),
    [
        ("service:a", "service://name"),
        ("service://", "service://name"),
        ("service://:b", "service://name"),
        ("service://a:", "service://name"),
        ("service://a@", "whole number"),
        ("service://a@abc", "whole number"),
        ("service://a@1.5", "whole number"),
        ("service://a@1 ", "whole number"),
        ("service://a@1@2", "whole number"),
        ("service://a@1700000000000", "not milliseconds"),
        ("service://a@" + "9" * 400, "whole number"),
        ("service://" + "a" * 3000, "service://name"),
    ],
)
def test_what_is_no_reference_is_refused(href: str, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        parse_reference(href)


@pytest.mark.parametrize(
    ("href", "band", "step"),
    [
        ("service://job/map", 1, 0),
        ("service://job/map:data", 1, 0),
        ("service://job/map@-99999999", 1, 0),
        ("service://job/map@43200", 1, 0),
        ("service://job/map@43201", 2, 1),
        ("service://job/map@99999999", 2, 1),
    ],
)
def test_the_nearest_step_is_taken(
    catalogue: MapCatalogue, tmp_path: Path, href: str, band: int, step: int
) -> None:
    resolved = resolve_reference(href, catalogue, ALICE)
    path = str(tmp_path / "services/job/map.tif")
    assert resolved == ServiceStep(path=path, band=band, variable="data", step=step)


def test_a_variable_is_named_where_there_are_several(catalogue: MapCatalogue, tmp_path: Path) -> None:
    resolved = resolve_reference("service://job/several:nir", catalogue, ALICE)
    assert resolved == ServiceStep(path=str(tmp_path / "x.tif"), band=7, variable="nir")
    for href in ("service://job/several", "service://job/several:blue"):
        with pytest.raises(InvalidRequest, match="red, nir"):
            resolve_reference(href, catalogue, ALICE)
    with pytest.raises(InvalidRequest, match="has no time"):
        resolve_reference("service://job/several:nir@5", catalogue, ALICE)


@given(times=st.lists(st.integers(-100, 100), min_size=1, unique=True), seconds=st.integers(-150, 150))
def test_of_two_steps_as_near_it_is_the_earlier(times: list[int], seconds: int) -> None:
    ascending = tuple(map(float, sorted(times)))
    place = nearest(ascending, seconds)
    best = min(abs(time - seconds) for time in ascending)
    assert ascending[place] == min(time for time in ascending if abs(time - seconds) == best)


def _request(*hrefs: str) -> JobRequest:
    return JobRequest(inputs={f"in{n}": (InputValue(href=href),) for n, href in enumerate(hrefs)})


def test_inputs_are_pinned_and_stored_with_the_job(catalogue: MapCatalogue) -> None:
    request = with_service_steps(
        _request("service://job/map@0", "https://example.org/a.tif"), catalogue, ALICE, JOB
    )
    (first,), (second,) = request.inputs["in0"], request.inputs["in1"]
    assert first.href == "service://job/map@0"
    assert first.service is not None
    assert second.service is None
    assert load_inputs(dump_inputs(request.inputs)) == request.inputs
    assert with_service_steps(_request("https://example.org"), NoServices(), ALICE, JOB) == _request(
        "https://example.org"
    )


def test_every_wrong_one_is_named_and_somebody_elses_is_not_there(catalogue: MapCatalogue) -> None:
    with pytest.raises(InvalidInputs) as refusal:
        with_service_steps(_request("service://job/map:x", "service://nothing"), catalogue, ALICE, JOB)
    assert [problem.input_id for problem in refusal.value.problems] == ["in0", "in1"]
    told = []
    for name in ("job/map", "job/not"):
        with pytest.raises(InvalidInputs) as refusal:
            with_service_steps(_request(f"service://{name}"), catalogue, BOB, JOB)
        told.append(refusal.value.detail.replace(name, ""))
    assert told[0] == told[1]
    with pytest.raises(InvalidInputs, match="no map services"):
        with_service_steps(_request("service://job/map"), NoServices(), ALICE, JOB)


def test_what_a_job_is_to_read_is_kept_until_it_has_finished(catalogue: MapCatalogue, tmp_path: Path) -> None:
    file = tmp_path / "services/job/map.tif"
    file.parent.mkdir(parents=True)
    file.write_text("cells")
    request = with_service_steps(
        _request("service://job/map", "service://job/map@99999"), catalogue, ALICE, JOB
    )
    paths = [Path(values[0].service.path) for values in request.inputs.values() if values[0].service]
    file.unlink()  # the service ends
    held = HeldSteps(tmp_path)
    endings: tuple[Callable[[str], bool | None], ...] = (lambda _job_id: False, lambda _job_id: None)
    for finished in endings:
        held.sweep(finished)
        assert [path.read_text() for path in paths] == ["cells", "cells"]
    os.utime(paths[0].parent, (0, 0))
    held.sweep(lambda _job_id: False)
    assert all(path.exists() for path in paths)
    held.sweep(lambda job_id: job_id == JOB)
    assert list((tmp_path / "services/held").iterdir()) == []
