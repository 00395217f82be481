"""What a task is told and asked, without a server: names, bodies, plans, states and kinds of result."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobmaking import make_job
from tests.sources.test_precheck import PRIVATE_HOSTS

from dragoman.adapters.appstore import outcomes, plans
from dragoman.adapters.appstore.assets import MOST_BYTES, read_batch, safe_name
from dragoman.adapters.appstore.settings import Application
from dragoman.adapters.appstore.tasks import status_word
from dragoman.config.settings import FetchSettings
from dragoman.errors import InputError, InvalidRequest, PackageError
from dragoman.jobs.engine.file_names import FileNames
from dragoman.jobs.task_service import TaskView
from dragoman.model.job import InputValue, JobFailure, Output
from dragoman.model.process import InputSpec, Process, Runtime
from dragoman.model.status import JobStatus
from dragoman.model.task import Asset, Tally, Task, TaskPlan
from dragoman.sources.policy import SourcePolicy

BINARY = {"type": "string", "contentEncoding": "binary"}
APPLICATION = Application(name="a", process="p")
POLICY = SourcePolicy(fetch=FetchSettings())


def make_process(**inputs: InputSpec) -> Process:
    return Process(id="p", version="1", inputs=inputs, outputs={}, runtime=Runtime(form="native"))


def several(name: str, most: int | None = None, schema: dict[str, Any] | None = None) -> InputSpec:
    return InputSpec(id=name, schema=schema or BINARY, max_occurs=most)


def make_view(
    status: JobStatus = JobStatus.SUCCESSFUL, tally: Tally | None = None, **members: Any
) -> TaskView:
    plan = TaskPlan(application="a", assets_input="files", result_type=members.pop("result_type", "auto"))
    job = make_job(status=status, **members)
    return TaskView(
        task=Task(id=job.id, plan=plan, created=datetime.now(UTC)), job=job, tally=tally or Tally()
    )


# -- names


@pytest.mark.parametrize(
    ("sent", "safe"),
    [
        ("a.png", "a.png"),
        ("größe 漢字.tif", "größe 漢字.tif"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\y.tif", "y.tif"),
        ("a\0b\r\n.png", "ab.png"),
        ('"<script>.png', '"<script>.png'),
        (" a . ", "a"),
        (".hidden", ".hidden"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("..", ""),
        (".", ""),
        ("", ""),
        ("a/", ""),
        ("\0", ""),
        ("\ud800", ""),
        ("l" * 400 + ".tif", "l" * 251 + ".tif"),
        ("漢" * 100, "漢" * 85),
    ],
)
def test_a_name_is_held_to_what_can_name_a_file(sent: str, safe: str) -> None:
    assert safe_name(sent) == safe


@given(st.text(max_size=300), st.sets(st.text(min_size=1, max_size=5).map(str.casefold), max_size=5))
def test_whatever_is_sent_a_file_can_be_called_so(sent: str, taken: set[str]) -> None:
    name = safe_name(sent)
    if not name:
        return
    names = FileNames()
    for other in (name, *taken):
        names.add(other)
    for each in (name, names.unlike(name)):
        assert 0 < len(each.encode()) <= MOST_BYTES
        assert each not in (".", "..")
        assert not set(each) & {"/", "\\", "\0", "\n"}
    assert names.unlike(name) not in names


@pytest.mark.parametrize("host", PRIVATE_HOSTS)
def test_an_address_that_is_not_public_is_refused_when_it_is_announced(host: str) -> None:
    sent = [{"file_name": "a", "download_url": f"http://{host}/x"}]
    with pytest.raises(
        InvalidRequest, match=r"data\[0\]\.download_url: the host .* is not on the public network"
    ):
        read_batch(sent, 10, (), POLICY)


def test_a_batch_is_read_with_attributes_as_they_are() -> None:
    about = {"longitude": None, "more": [1, {"x": "y"}]}
    sent = {
        "file_name": "x/a.png",
        "download_url": "https://example.org/a",
        "attributes": about,
        "ignored": 1,
    }
    (asset,) = read_batch([sent], 1, ("longitude",), POLICY)
    assert (asset.file_name, asset.safe_name, asset.url) == ("x/a.png", "a.png", "https://example.org/a")
    assert asset.attributes == about
    with pytest.raises(InvalidRequest, match="more than 65536 characters"):
        read_batch([{**sent, "attributes": {"longitude": "x" * 70_000}}], 1, (), POLICY)


# -- plans


def test_the_files_go_to_the_only_input_that_takes_several() -> None:
    process = make_process(
        images=several("images", 7), crs=InputSpec(id="crs", schema={"type": "string"}),
        attributes=several("attributes", None, {"type": "object"}),
    )  # fmt: skip
    plan = plans.plan_of(APPLICATION, process, total=7)
    assert (plan.assets_input, plan.attributes_input, plan.attributes_listed) == (
        "images",
        "attributes",
        False,
    )
    assert (plan.most, plan.total) == (7, 7)
    listed = make_process(images=several("images"), about=InputSpec(id="about", schema={"type": "array"}))
    named = replace(APPLICATION, attributes_input="about")
    plan = plans.plan_of(named, listed, total=None)
    assert (plan.attributes_input, plan.attributes_listed, plan.most) == ("about", True, None)
    assert plans.plan_of(replace(APPLICATION, assets_input="about"), listed, None).assets_input == "about"


@pytest.mark.parametrize(
    ("application", "inputs", "words"),
    [
        (APPLICATION, ["a", "b"], r"several take more than one value \(a, b\)"),
        (APPLICATION, [], "none takes more than one value"),
        (replace(APPLICATION, assets_input="x"), ["a"], r"no input 'x' \(assets_input\)"),
        (replace(APPLICATION, attributes_input="x"), ["a"], r"no input 'x' \(attributes_input\)"),
    ],
)
def test_an_application_that_does_not_fit_its_process_is_the_operators_mistake(
    application: Application, inputs: list[str], words: str
) -> None:
    with pytest.raises(PackageError, match=f"application 'a': .*{words}"):
        plans.plan_of(application, make_process(**{name: several(name) for name in inputs}), None)


def test_parameters_are_inputs_and_fixed_ones_nobodys() -> None:
    process = make_process(
        files=several("files"), words=several("words", 3, {"type": "string"}),
        box=InputSpec(id="box", schema={"type": "array"}), reach=InputSpec(id="reach", schema={"type": "number"}),
    )  # fmt: skip
    fixed = replace(APPLICATION, assets_input="files", parameters={"reach": 2})
    plan = plans.plan_of(fixed, process, None)
    request = plans.request_of(fixed, process, plan, {"words": ["a", "b"], "box": [1, 2]})
    assert request.inputs == {
        "words": (InputValue(value="a"), InputValue(value="b")),
        "box": (InputValue(value=[1, 2]),),
        "reach": (InputValue(value=2),),
    }
    for name, words in (("files", "is made of the assets"), ("reach", "is fixed")):
        with pytest.raises(InputError, match=words):
            plans.request_of(fixed, process, plan, {name: 1})


# -- states and results


@pytest.mark.parametrize(
    ("status", "tally", "word"),
    [
        (JobStatus.CREATED, Tally(), "CREATED"),
        (JobStatus.CREATED, Tally(announced=2, whole=1), "DOWNLOADING"),
        (JobStatus.CREATED, Tally(announced=2, whole=1, failed=1), "WAITING"),
        (JobStatus.ACCEPTED, Tally(announced=2, whole=2), "WAITING"),
        (JobStatus.RUNNING, Tally(announced=2, whole=2), "PROCESSING"),
        (JobStatus.SUCCESSFUL, Tally(announced=2, whole=2), "COMPLETED"),
        (JobStatus.FAILED, Tally(), "COMPLETED"),
        (JobStatus.DISMISSED, Tally(), "COMPLETED"),
    ],
)
def test_every_state_has_its_word(status: JobStatus, tally: Tally, word: str) -> None:
    assert status_word(make_view(status, tally)) == word


VALUE = Output(id="v", media_type="application/json", value=1)
FILE = Output(id="f", media_type="image/tiff", file="f.tif")
PAGE = Output(id="p", media_type="text/html; charset=utf-8", file="p.html")
LIST = Output(id="l", media_type="application/json", items=(FILE, replace(FILE, file=None)))


@pytest.mark.parametrize(
    ("outputs", "wanted", "kind"),
    [
        ([VALUE], "auto", "JSON"),
        ([FILE], "auto", "STREAM"),
        ([LIST], "auto", "STREAM"),
        ([FILE, VALUE], "auto", "STREAM"),
        ([PAGE, FILE], "auto", "STREAM"),
        ([PAGE, FILE], "WEBSITE", "WEBSITE"),
        ([FILE], "WEBSITE", "STREAM"),
        ([FILE], "JSON", "JSON"),
        ([VALUE], "STREAM", "STREAM"),
    ],
)
def test_the_kind_of_result_follows_the_outputs(outputs: list[Output], wanted: str, kind: str) -> None:
    view = make_view(outputs={output.id: output for output in outputs}, result_type=wanted)
    assert outcomes.result_type(view) == kind


def test_a_task_without_a_result_says_why() -> None:
    failure = JobFailure(code="execution-failed", detail="the sky fell")
    failed, dismissed = make_view(JobStatus.FAILED, failure=failure), make_view(JobStatus.DISMISSED)
    for view, words in ((failed, "the sky fell"), (dismissed, "the task was cancelled")):
        assert (outcomes.result_type(view), outcomes.message_of(view, [])) == ("JSON", words)
    good = make_view(tally=Tally(announced=30, whole=5, failed=25))
    lost = [Asset(number=n, file_name=f"{n}", sent_name="", url="", reason="gone") for n in range(20)]
    message = outcomes.message_of(good, lost)
    assert message is not None
    assert message.startswith("25 of 30 assets could not be had: 0: gone; 1: gone")
    assert message.endswith("; and 5 more")
    assert outcomes.message_of(make_view(), []) is None


def test_the_operator_is_told_of_applications_that_do_not_fit_their_process() -> None:
    process = make_process(files=several("files"), more=several("more"))
    applications = {
        "good": Application(name="good", process="p", assets_input="files"),
        "unnamed": Application(name="unnamed", process="p"),
        "odd": Application(name="odd", process="p", assets_input="nothing"),
        "fixed": Application(name="fixed", process="p", assets_input="files", parameters={"x": 1}),
        "away": Application(name="away", process="not served"),
    }
    assert list(plans.misfits(applications, [process])) == [
        "application 'unnamed': assets_input is to name an input of its process, "
        "of which several take more than one value (files, more)",
        "application 'odd': its process has no input 'nothing' (assets_input)",
        "application 'fixed': its process has no input 'x' (parameters)",
    ]
