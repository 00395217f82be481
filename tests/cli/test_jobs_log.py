"""``dragoman jobs log``: once, or until the job has finished."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from jobmaking import make_job
from typer.testing import CliRunner

from dragoman.cli import jobs
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragoman.model.job import Job


class Service:
    """A job whose run prints a piece at each look, and then ends."""

    def __init__(self, *pieces: bytes) -> None:
        self.log_now = pieces[0]
        self.later = list(pieces[1:])
        self.looks = 0

    def status(self, _job_id: str, _principal: Any) -> Job:
        return make_job(status=JobStatus.RUNNING if self.later else JobStatus.SUCCESSFUL)

    def log(self, _job_id: str, _principal: Any, offset: int) -> bytes:
        return self.log_now[offset : offset + 4]

    def go_on(self, _seconds: float) -> None:
        self.looks += 1
        self.log_now += self.later.pop(0)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service("first ä".encode()[:7], "ä".encode()[1:] + b" second\n", b"third\n")

    @contextmanager
    def opened() -> Iterator[Service]:
        yield service

    monkeypatch.setattr(jobs, "_service", opened)
    monkeypatch.setattr(time, "sleep", service.go_on)
    return service


def test_it_shows_what_there_is(service: Service) -> None:
    result = CliRunner().invoke(jobs.app, ["log", "an id"])
    assert (result.exit_code, result.output) == (0, "first \ufffd")
    assert service.looks == 0


@pytest.mark.parametrize("option", ["--follow", "-f"])
def test_it_follows_until_the_job_has_finished(service: Service, option: str) -> None:
    result = CliRunner().invoke(jobs.app, ["log", "an id", option])
    assert (result.exit_code, result.output) == (0, "first ä second\nthird\n")
    assert service.looks == 2
