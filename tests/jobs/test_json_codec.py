"""Every value object as JSON and back, by property."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.jobs import job_record, json_codec
from dragoman.maps.renderers import MIN_MAX
from dragoman.model.job import (
    InputValue,
    Job,
    JobFailure,
    JobRequest,
    Output,
    OutputRequest,
    Replicas,
    Subscriber,
)
from dragoman.model.principal import Principal
from dragoman.model.process import Runtime
from dragoman.model.renderer import Renderer
from dragoman.model.service_step import ServiceStep
from dragoman.model.status import JobStatus
from dragoman.model.worker import WorkerIdentity

TEXT = st.text(max_size=12)
MAYBE = st.none() | TEXT
NUMBERS = st.integers() | st.floats(allow_nan=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
TIMES = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC))

STEPS = st.builds(
    ServiceStep, path=TEXT, band=st.integers(1, 9), variable=TEXT, step=st.none() | st.integers(0, 9)
)
RENDERERS = st.sampled_from(
    [
        MIN_MAX,
        Renderer(
            kind="unique", colors=((1.0, "#000"), (2.5, "#fff8ff00")), labels=("a", "größe"), fill_value=-1.0
        ),
        Renderer(kind="classified", colors=(("p2", "#123456"),)),
    ]
)
INPUTS = st.dictionaries(
    TEXT,
    st.lists(
        st.builds(
            InputValue,
            value=VALUES,
            href=MAYBE,
            media_type=MAYBE,
            encoding=MAYBE,
            schema=VALUES,
            service=st.none() | STEPS,
        ),
        max_size=3,
    ).map(tuple),
    max_size=3,
)
WANTED = st.builds(
    OutputRequest,
    media_type=MAYBE,
    transmission=st.sampled_from([None, "value", "reference"]),
    as_lists=st.booleans(),
)
REQUESTS = st.builds(
    JobRequest,
    inputs=INPUTS,
    outputs=st.none() | st.dictionaries(TEXT, WANTED, max_size=3),
    response=st.sampled_from(["raw", "document"]),
    publish=st.dictionaries(TEXT, RENDERERS, max_size=2),
    subscriber=st.none() | st.builds(Subscriber, success_uri=MAYBE, in_progress_uri=MAYBE, failed_uri=MAYBE),
    publish_rasters_alone=st.booleans(),
    notes=st.dictionaries(TEXT, TEXT, max_size=2),
    spooled=st.booleans(),
    reserved=st.dictionaries(TEXT, VALUES, max_size=2),
    replicas=st.none() | st.builds(Replicas, count=st.integers(1), variables=st.lists(TEXT).map(tuple)),
    repeats=st.none() | st.text(min_size=1, max_size=3),
)
OUTPUTS = st.lists(
    st.builds(
        Output,
        id=TEXT,
        media_type=TEXT,
        value=VALUES,
        file=MAYBE,
        size=st.none() | st.integers(0),
        sha256=MAYBE,
        lists=st.none() | st.lists(st.lists(st.none() | st.integers(0, 9), max_size=2), max_size=2),
    ),
    max_size=3,
    unique_by=lambda output: output.id,
).map(lambda outputs: {output.id: output for output in outputs})
FAILURES = st.builds(
    JobFailure, code=TEXT, detail=TEXT, problems=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple)
)
WORKERS = st.builds(WorkerIdentity, host=TEXT, boot_id=TEXT, pid=st.integers(1), start_time=st.integers(0))
NAMES = st.frozensets(TEXT, max_size=3)
PRINCIPALS = st.builds(Principal, id=TEXT, roles=NAMES, scopes=NAMES, admin=st.booleans())
RUNTIMES = st.builds(
    Runtime,
    form=TEXT,
    folder=TEXT,
    entry=TEXT,
    options=st.dictionaries(TEXT, VALUES, max_size=2),
    digest=TEXT,
    memory_limit=st.none() | st.integers(1),
)
JOBS = st.builds(
    Job,
    id=TEXT,
    process_id=TEXT,
    process_version=TEXT,
    runtime=RUNTIMES,
    dialect=TEXT,
    principal=PRINCIPALS,
    request=REQUESTS,
    mode=st.sampled_from(["sync", "async"]),
    priority=st.integers(),
    timeout=st.none() | st.floats(0, allow_nan=False),
    status=st.sampled_from(JobStatus),
    progress=st.integers(0, 100),
    message=TEXT,
    created=TIMES,
    started=st.none() | TIMES,
    finished=st.none() | TIMES,
    updated=TIMES,
    attempts=st.integers(0),
    restarts=st.integers(0),
    worker=st.none() | WORKERS,
    lease_until=st.none() | TIMES,
    outputs=OUTPUTS,
    failure=st.none() | FAILURES,
    idempotency_key=MAYBE,
    fingerprint=TEXT,
    token=TEXT,
    request_as_sent=MAYBE,
)


def _through_json(data: Any) -> Any:
    return json.loads(json.dumps(data, allow_nan=True).encode("utf-8"))


@given(JOBS)
def test_a_job(job: Job) -> None:
    again = json_codec.load_job(_through_json(json_codec.dump_job(job)))
    assert again == job
    assert list(again.outputs) == list(job.outputs)
    assert isinstance(again.status, JobStatus)


@given(JOBS)
def test_a_job_as_its_record(job: Job) -> None:
    record = _through_json(job_record.dump_whole(job))
    assert all(value is None or isinstance(value, str | int | float) for value in record.values())
    again = job_record.load_whole(record)
    assert again == job
    assert list(again.outputs) == list(job.outputs)
    assert job_record.dump_whole(again) == record


@given(REQUESTS)
def test_a_request_has_one_text_and_no_copy_keeps_it(request: JobRequest) -> None:
    plain = json.dumps(json_codec.dump_request(request))
    assert json_codec.request_text(request, json.dumps(json_codec.dump_inputs(request.inputs))) == plain
    again = json_codec.read_request(plain)
    assert again == request
    assert again.text is plain
    assert replace(again, inputs={}).text is None


@given(REQUESTS)
def test_a_request(request: JobRequest) -> None:
    assert json_codec.load_request(_through_json(json_codec.dump_request(request))) == request


@given(INPUTS)
def test_inputs(inputs: dict[str, tuple[InputValue, ...]]) -> None:
    assert json_codec.load_inputs(_through_json(json_codec.dump_inputs(inputs))) == inputs


@given(OUTPUTS)
def test_outputs(outputs: dict[str, Output]) -> None:
    assert json_codec.load_outputs(_through_json(json_codec.dump_outputs(outputs))) == outputs


@given(st.none() | FAILURES)
def test_a_failure(failure: JobFailure | None) -> None:
    assert json_codec.load_failure(_through_json(json_codec.dump_failure(failure))) == failure


@given(PRINCIPALS)
def test_a_principal(principal: Principal) -> None:
    assert json_codec.load_principal(_through_json(json_codec.dump_principal(principal))) == principal


def test_a_principal_of_a_version_before_scopes() -> None:
    stored = {"id": "anonymous", "roles": [], "admin": False}
    assert json_codec.load_principal(stored) == Principal(id="anonymous")
    assert json_codec.dump_principal(Principal(id="anonymous")) == stored


@given(RUNTIMES)
def test_a_runtime(runtime: Runtime) -> None:
    again = json_codec.load_runtime(_through_json(json_codec.dump_runtime(runtime)))
    assert again == runtime
    assert hash(again) == hash(runtime)


BEFORE_FORMS = {
    '{"kind":"package","location":"/packages/echo"}': Runtime(form="native", folder="/packages/echo"),
    '{"kind":"package","location":"/srv/ndvi","loader":"algorithm:run","digest":"d1","memory_limit":null}': (
        Runtime(form="native", folder="/srv/ndvi", entry="algorithm:run", digest="d1")
    ),
    '{"kind":"package","location":"/packages/echo","loader":"","digest":"","memory_limit":1073741824}': (
        Runtime(form="native", folder="/packages/echo", memory_limit=2**30)
    ),
    '{"kind":"pesto","location":"{\\"folder\\": \\"/srv/detector\\", \\"profiles\\": []}",'
    '"loader":"algorithm.process:Process","digest":"d2","memory_limit":null}': (
        Runtime(form="pesto", folder="/srv/detector", entry="algorithm.process:Process", digest="d2")
    ),
    '{"kind":"pesto","location":"{\\"folder\\": \\"/srv/d\\", \\"profiles\\": [\\"stateful\\", \\"gpu\\"]}",'
    '"loader":"algorithm.process:Process","digest":"d2","memory_limit":5}': (
        Runtime(
            form="pesto",
            folder="/srv/d",
            entry="algorithm.process:Process",
            options={"profiles": ["stateful", "gpu"]},
            digest="d2",
            memory_limit=5,
        )
    ),
    '{"kind":"processor","location":"{\\"name\\": \\"HelloWorld\\", \\"n\\": 1}",'
    '"loader":"dragoman.plugin:load_processor","digest":"","memory_limit":null}': (
        Runtime(form="processor", options={"name": "HelloWorld", "n": 1})
    ),
}
"""Runtimes as rows of jobs hold them that were written before there were forms of package."""


@pytest.mark.parametrize("text", BEFORE_FORMS)
def test_a_runtime_of_before_there_were_forms_is_read_as_what_it_is_now(text: str) -> None:
    runtime = BEFORE_FORMS[text]
    assert json_codec.load_runtime(json.loads(text)) == runtime
    current = json_codec.current_runtime(json.loads(text))
    assert json_codec.current_runtime(_through_json(current)) == current
    assert json_codec.load_runtime(current) == runtime


@given(st.none() | WORKERS)
def test_a_worker(worker: WorkerIdentity | None) -> None:
    assert json_codec.load_worker(_through_json(json_codec.dump_worker(worker))) == worker


@given(st.none() | TIMES)
def test_a_time_is_exact_to_the_microsecond(moment: datetime | None) -> None:
    micros = json_codec.to_micros(moment)
    assert json_codec.from_micros(_through_json(micros)) == moment
    assert (micros is None) == (moment is None)


def test_what_is_none_is_left_out_of_inputs_but_a_null_value() -> None:
    inputs = {"a": (InputValue(value=None), InputValue(href="data:,x"))}
    assert json_codec.dump_inputs(inputs) == {"a": [{"value": None}, {"href": "data:,x"}]}


def test_every_field_of_a_job_is_carried() -> None:
    fields = set(Job.__slots__)
    assert set(json_codec.PARTS) <= fields
