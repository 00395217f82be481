"""A form of package that only these tests know is run, checked and tried, with no change in dragoman."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import toyform
from enginekit import engine
from jobmaking import make_job
from toyform import FORMS, write_toy

from dragoman.config.settings import FetchSettings
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.run_context import ignore_progress
from dragoman.jobs.runner import load_program, run_job
from dragoman.jobs.trials.example_runs import LOADING, run_examples, try_package
from dragoman.jobs.trials.load_check import probe_all
from dragoman.model.job import InputValue, Job, JobRequest
from dragoman.model.status import JobStatus
from dragoman.packages.program import RunLimits
from dragoman.sources.policy import SourcePolicy

if TYPE_CHECKING:
    from dragoman.model.process import Process

CLI = [sys.executable, "-P", "-m", "dragoman.cli"]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are started can import the form, as they could one that is installed."""
    paths = [str(Path(toyform.__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))


def job_for(process: Process, name: str) -> Job:
    request = JobRequest(inputs={"name": (InputValue(value=name),)})
    return make_job(process_id=process.id, runtime=process.runtime, request=request)


def test_a_job_of_it_is_run(tmp_path: Path) -> None:
    process = FORMS.load(write_toy(tmp_path / "toy"), id="hello", options={"loud": True})
    job = job_for(process, "Ada")
    program = load_program(
        process.id, process.runtime, forms=FORMS, limits=RunLimits(), scratch=tmp_path / "setup"
    )
    policy = SourcePolicy(fetch=FetchSettings())
    results = FolderResults(tmp_path / "home")
    outputs = run_job(
        job, program, folder=tmp_path / "run", results=results, policy=policy, report=ignore_progress
    )
    assert outputs["out"].value == "HELLO ADA"


@pytest.mark.slow
def test_a_worker_of_the_engine_finds_it_by_its_name(tmp_path: Path) -> None:
    process = FORMS.load(write_toy(tmp_path / "toy"), id="hello")
    with engine(tmp_path / "home", forms=FORMS) as kit:
        ended = kit.finished(kit.executor.submit(job_for(process, "Ada")))
        assert (ended.status, ended.outputs["out"].value) == (JobStatus.SUCCESSFUL, "Hello Ada")


@pytest.mark.slow
def test_a_worker_that_does_not_know_a_form_fails_the_job_and_says_so(tmp_path: Path) -> None:
    process = FORMS.load(write_toy(tmp_path / "toy"), id="hello")
    with engine(tmp_path / "home") as kit:
        ended = kit.finished(kit.executor.submit(job_for(process, "Ada")))
        assert ended.failure is not None
        assert ended.failure.detail == "no package has the form 'toy'; known forms: pesto, native"


def test_it_is_checked(tmp_path: Path) -> None:
    good = FORMS.load(write_toy(tmp_path / "good"))
    broken = FORMS.load(write_toy(tmp_path / "broken", broken="no GPU"))
    problems = probe_all([good, broken], FORMS, [*CLI, "probe"])
    assert problems == {"broken": "its setup failed: RuntimeError: no GPU"}


def test_its_trials_are_run(tmp_path: Path) -> None:
    folder = write_toy(tmp_path / "toy", expected={"Ada": "Hello Ada", "Bob": "Bye Bob"})
    verdicts = [("greets Ada", []), ("greets Bob", ["is Hello Bob, expected Bye Bob"])]
    assert list(try_package(folder, {}, FORMS, [*CLI, "examples"])) == verdicts
    assert list(run_examples(folder, FORMS)) == verdicts
    loud = list(try_package(folder, {"loud": True}, FORMS, [*CLI, "examples"]))
    assert loud[0] == ("greets Ada", ["is HELLO ADA, expected Hello Ada"])
    (folder / "toy.json").write_text("{}")
    assert list(try_package(folder, {}, FORMS, [*CLI, "examples"])) == [
        (LOADING, ["toy/toy.json: has no greeting"])
    ]
