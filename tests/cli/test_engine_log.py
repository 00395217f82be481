"""The engine's log: UTC, one line on each job's end, JSON if the operator wants it."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from jobmaking import ALICE, make_job

from dragoman.cli.engine_log import JsonFormatter, UtcFormatter
from dragoman.jobs.engine.ending import ending
from dragoman.model.job import JobFailure
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

CREATED = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def _record(**extra: str) -> logging.LogRecord:
    record = logging.LogRecord("a.logger", logging.INFO, "file.py", 1, "it %s", ("\nends",), None)
    record.created = CREATED.timestamp()
    record.__dict__.update(extra)
    return record


def test_times_are_utc_and_say_so() -> None:
    assert UtcFormatter().format(_record()) == "[2026-07-01T12:00:00Z] INFO a.logger - it \nends"


def test_json_is_an_object_a_line() -> None:
    text = JsonFormatter().format(_record(action="end", job_id="j"))
    assert "\n" not in text
    assert json.loads(text) == {
        "time": "2026-07-01T12:00:00Z",
        "level": "INFO",
        "logger": "a.logger",
        "message": "it \nends",
        "action": "end",
        "job_id": "j",
    }


def test_a_jobs_end_is_one_line_with_all_that_one_looks_for() -> None:
    job = make_job(
        id="x",
        principal=ALICE,
        status=JobStatus.FAILED,
        created=CREATED,
        started=CREATED + timedelta(seconds=2),
        finished=CREATED + timedelta(seconds=5.5),
        attempts=1,
        failure=JobFailure(code="timed-out", detail="too\nlong " + "x" * 1000),
    )
    line = ending(job)
    assert line.startswith(
        "job x failed: echo 1.0.0 (d1), async for alice, waited 2.0 s, ran 3.5 s, run 1, timed-out: too long xxx"
    )
    assert "\n" not in line
    assert len(line) < 400
