"""The log of server and engine: UTC, one line on each job's end, JSON if the operator wants it."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from gunicorn.config import Config
from jobmaking import ALICE, make_job

from dragoman.host import gunicorn_log
from dragoman.host.log_lines import GUNICORN, JsonFormatter, UtcFormatter, formatter, log_as_server
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


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> dict[str, logging.StreamHandler[Any]]:
    """What pygeoapi and gunicorn have set up: one handler of each."""
    standing = {
        "": logging.StreamHandler(sys.stdout),
        "gunicorn.error": logging.StreamHandler(),
        "gunicorn.access": logging.StreamHandler(),
    }
    for name, handler in standing.items():
        handler.setFormatter(logging.Formatter("{%(pathname)s} %(message)s"))
        monkeypatch.setattr(logging.getLogger(name), "handlers", [handler])
    return standing


def _settings(log_format: str, **logging_section: str) -> Any:
    return SimpleNamespace(log_format=log_format, raw={"logging": {"level": "INFO", **logging_section}})


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_server_logs_as_the_engine_does_and_to_standard_error(
    handlers: dict[str, logging.StreamHandler[Any]], log_format: str
) -> None:
    log_as_server(_settings(log_format))
    lines = {handler.format(_record(action="request")) for handler in handlers.values()}
    assert lines == {formatter(log_format).format(_record(action="request"))}
    assert handlers[""].stream is sys.stderr


def test_the_operators_own_form_of_text_stays(handlers: dict[str, logging.StreamHandler[Any]]) -> None:
    own = handlers[""].formatter
    log_as_server(_settings("text", logformat="%(message)s"))
    assert handlers[""].formatter is own
    log_as_server(_settings("json", logformat="%(message)s"))
    assert isinstance(handlers[""].formatter, JsonFormatter)


def test_gunicorn_logs_as_we_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(gunicorn_log, "read_settings", lambda: _settings("json"))
    for name in GUNICORN:
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])
    config = Config()
    config.set("accesslog", "-")
    log = gunicorn_log.Logger(config)
    log.info("Booting")
    log.access(
        SimpleNamespace(status="200 OK", sent=7, headers=[]),
        SimpleNamespace(headers=[]),
        {"REQUEST_METHOD": "GET", "RAW_URI": "/x", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "::1"},
        timedelta(seconds=2),
    )
    printed = capsys.readouterr()
    lines = [json.loads(line) for line in (printed.err + printed.out).splitlines()]
    assert [line["message"] for line in lines] == ["Booting", '::1 "GET /x HTTP/1.1" 200 7 2.000000']
    assert all(line["time"].endswith("Z") for line in lines)
