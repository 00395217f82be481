"""Versions of a package in the engine: which one a job runs, and what becomes of the workers of the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from enginekit import EngineKit, engine, process_job
from harness import gone, wait_for

from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

PROCESS = "version: '{version}'\ninputs: {{{inputs}}}\noutputs: {{number: {{schema: {{}}}}}}\n"


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineKit]:
    with engine(tmp_path_factory.mktemp("engine") / "home") as started:
        yield started


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Of which there is no copy, as of what is installed."""
    folder = tmp_path / "teller"
    folder.mkdir()
    _save(folder, 1)
    return folder


def _save(folder: Path, version: int, inputs: str = "") -> None:
    (folder / "process.yml").write_text(PROCESS.format(version=version, inputs=inputs))
    (folder / "algorithm.py").write_text(f"def run(**inputs):\n    return {version}\n")


def test_where_the_version_is_gone_the_present_one_runs_and_the_job_says_so(
    kit: EngineKit, package: Path
) -> None:
    job = process_job(package)
    _save(package, 2)
    done = kit.finished(kit.executor.submit(job))
    assert (done.status, done.outputs["number"].value) == (JobStatus.SUCCESSFUL, 2)
    digest = process_job(package).runtime.digest[:12]
    assert done.message == f"the package has changed since the job was accepted; 2 ({digest}) ran"
    assert kit.run(package).message == ""


def test_what_the_present_version_refuses_is_not_run(kit: EngineKit, package: Path) -> None:
    job = process_job(package)
    _save(package, 2, "needed: {schema: {type: integer}}")
    done = kit.finished(kit.executor.submit(job))
    assert done.failure is not None
    assert (done.status, done.failure.code) == (JobStatus.FAILED, "invalid-inputs")
    assert "needed" in done.failure.detail
    assert "the package has changed since the job was accepted; 2 (" in done.failure.detail


def test_workers_of_an_earlier_version_end_when_they_are_idle(kit: EngineKit, package: Path) -> None:
    earlier = kit.run(package).worker
    _save(package, 2)
    later = kit.run(package).worker
    assert earlier is not None
    assert later is not None
    wait_for(lambda: gone(earlier.pid), "the earlier one has ended")
    again = kit.run(package).worker
    assert again is not None
    assert again.pid == later.pid
