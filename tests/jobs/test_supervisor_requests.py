"""Requests to the supervisor and its replies come over as they were said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobmaking import make_job

from dragoman.errors import NoSuchJob
from dragoman.jobs.supervisor_requests import (
    REPLIES,
    REQUESTS,
    Accepted,
    Changed,
    Dismiss,
    Facts,
    Health,
    Hello,
    JobIs,
    Ok,
    Refused,
    Remove,
    RemoveOutput,
    Reply,
    Request,
    Stop,
    Submit,
    Wait,
)

if TYPE_CHECKING:
    from dragoman.model.job import Job

SECONDS = st.none() | st.floats(0, 1e9)
JOBS: st.SearchStrategy[Job] = st.builds(make_job, process_id=st.text(), attempts=st.integers(0))
REQUEST = st.one_of(
    st.sampled_from([Hello(), Stop(), Health()]),
    st.builds(Submit, job=JOBS, wait=SECONDS),
    st.builds(Wait, job_id=st.text(), timeout=SECONDS),
    st.builds(Dismiss, job_id=st.text()),
    st.builds(Remove, job_id=st.text()),
    st.builds(RemoveOutput, job_id=st.text(), output_id=st.text(), item=st.none() | st.integers(0)),
)
REPLY = st.one_of(
    st.sampled_from([Ok(), Accepted()]),
    st.builds(Facts, build=st.text(), digest=st.text(), pid=st.integers(1)),
    st.builds(JobIs, job=JOBS),
    st.builds(Changed, changes=JOBS.map(lambda job: job.changing())),
)


@given(REQUEST)
def test_a_request(request: Request) -> None:
    assert REQUESTS.load(json.loads(json.dumps(REQUESTS.dump(request)))) == request


@given(REPLY)
def test_a_reply(reply: Reply) -> None:
    assert REPLIES.load(json.loads(json.dumps(REPLIES.dump(reply)))) == reply


def test_a_refusal() -> None:
    reply = REPLIES.load(
        json.loads(json.dumps(REPLIES.dump(Refused(error=NoSuchJob("there is no job 'x'")))))
    )
    assert isinstance(reply, Refused)
    assert isinstance(reply.error, NoSuchJob)
    assert reply.error.detail == "there is no job 'x'"


def test_what_tells_one_version_from_another_stays_as_it_is() -> None:
    assert REQUESTS.dump(Hello()) == {"verb": "hello"}
    assert REQUESTS.dump(Stop()) == {"verb": "stop"}
    facts = REPLIES.dump(Facts(build="b", digest="d", pid=7))
    assert facts.items() >= {"build": "b", "digest": "d", "pid": 7}.items()


@pytest.mark.parametrize(
    "data", [None, [], {}, {"verb": "sing"}, {"verb": "wait"}, {"verb": "stop", "now": True}]
)
def test_anything_else_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="not a message of ours"):
        REQUESTS.load(data)
