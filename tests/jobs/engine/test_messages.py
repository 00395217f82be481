"""What supervisor and worker tell each other comes over as it was said, and nothing else is taken for it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobmaking import make_job

from dragoman.jobs.engine.messages import (
    ORDERS,
    REPORTS,
    Done,
    Failed,
    Opening,
    Progress,
    Report,
    Run,
    load_report,
)
from dragoman.model.job import Job, JobFailure, Output

FAILURES = st.builds(
    JobFailure,
    code=st.text(),
    detail=st.text(),
    problems=st.lists(st.tuples(st.text(), st.text())).map(tuple),
)
FILES = st.builds(Output, id=st.just("a"), media_type=st.text(), file=st.text(), size=st.integers(0))
OUTPUTS = st.builds(
    Output,
    id=st.just("a"),
    media_type=st.text(),
    value=st.recursive(st.none() | st.text() | st.integers(), st.lists),
    items=st.lists(FILES).map(tuple),
).map(lambda output: {"a": output})
JOBS: st.SearchStrategy[Job] = st.builds(
    make_job, process_id=st.text(), attempts=st.integers(0), timeout=st.none() | st.floats(0, 1e6)
)
REPORT = st.one_of(
    st.builds(Progress, attempt=st.integers(), percent=st.integers(0, 100), message=st.text()),
    st.builds(Opening, attempt=st.integers(), input_id=st.text()),
    st.builds(Done, attempt=st.integers(), outputs=OUTPUTS, leaving=st.booleans()),
    st.builds(Failed, attempt=st.integers(), failure=FAILURES, leaving=st.booleans()),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(REPORT)
def test_a_report(report: Report) -> None:
    assert load_report(json.loads(json.dumps(REPORTS.dump(report)))) == report


@given(JOBS)
def test_an_order(job: Job) -> None:
    order = Run(id=job.id, attempts=job.attempts, request=job.request)
    assert ORDERS.load(json.loads(json.dumps(ORDERS.dump(order)))) == order


@given(st.sampled_from(["run", "progress", "done", "failed"]), st.dictionaries(st.text(), JSON))
def test_members_that_are_not_ours_are_refused(name: str, members: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a message of ours"):
        load_report({**members, "type": name, "surplus": 1})


@given(JSON)
def test_so_is_whatever_else_a_worker_sends(data: object) -> None:
    with pytest.raises(ValueError, match="not a message of ours"):
        load_report(data)


@pytest.mark.parametrize(("percent", "message"), [("10", "ten"), (True, "yes"), (10, None), (10.0, "ten")])
def test_progress_is_a_whole_number_and_a_text(percent: object, message: object) -> None:
    with pytest.raises(ValueError, match="not a message of ours"):
        load_report({"type": "progress", "attempt": 1, "percent": percent, "message": message})
