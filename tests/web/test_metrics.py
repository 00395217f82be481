"""The page of metrics: its names, what is missing while something is away, and what may never become a label."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from flask import Blueprint, Flask
from harness import REPOSITORY
from prometheus_client.parser import text_string_to_metric_families

from dragoman.errors import Unavailable
from dragoman.jobs.engine_figures import BOUNDS, Durations, EngineFigures
from dragoman.model.status import JobStatus
from dragoman.web import metrics
from dragoman.web.latency import Latency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.web.services import Services

FIGURES = EngineFigures(
    queued=2,
    oldest=1.5,
    busy=1,
    idle=3,
    started=9,
    ended={"lost": 1, "retired": 4},
    fetched=10**12,
    finished={("ndvi", "ogc", "successful"): 5, ("echo", "", "failed"): 1},
    waiting={"ndvi": Durations(counts=(3, 2, *[0] * (len(BOUNDS) - 1)), total=1.25)},
    running={"ndvi": Durations(counts=(0, *[0] * (len(BOUNDS) - 1), 5), total=1e5)},
)


class Jobs:
    """A job service that tells, or does not."""

    away = False

    def stored(self) -> Mapping[str, Mapping[JobStatus, int]]:
        if self.away:
            raise Unavailable
        return {"ndvi": dict.fromkeys(JobStatus, 0) | {JobStatus.RUNNING: 1}}

    def figures(self) -> EngineFigures:
        if self.away:
            raise Unavailable
        return FIGURES


class Page:
    """An application with the page, and some others."""

    def __init__(self) -> None:
        self.jobs = Jobs()
        app = Flask("host")
        app.register_blueprint(metrics.blueprint(cast("Services", SimpleNamespace(jobs=self.jobs))))
        dialect = Blueprint("dragoman_pesto", __name__)
        dialect.add_url_rule("/pesto/<name>", "one", lambda name: name)
        app.register_blueprint(dialect)
        app.add_url_rule("/broken", view_func=lambda: str(1 // 0))
        self.client = app.test_client()
        self.samples()  # the first page is measured, and so on the second

    def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        answer = self.client.get("/metrics")
        assert answer.status_code == 200
        assert answer.content_type.startswith("text/plain; version=")
        families = list(text_string_to_metric_families(answer.text))
        assert all(family.documentation for family in families)
        return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}

    def value(self, name: str, **labels: str) -> float | None:
        return self.samples().get((name, frozenset(labels.items())))


@pytest.fixture
def page() -> Page:
    return Page()


def test_it_tells_what_store_and_engine_know(page: Page) -> None:
    told: list[tuple[str, dict[str, str], float]] = [
        ("dragoman_jobs", {"process": "ndvi", "state": "running"}, 1),
        ("dragoman_jobs_finished_total", {"process": "ndvi", "dialect": "ogc", "status": "successful"}, 5),
        ("dragoman_jobs_finished_total", {"process": "echo", "dialect": "none", "status": "failed"}, 1),
        ("dragoman_queue_length", {}, 2),
        ("dragoman_queue_oldest_seconds", {}, 1.5),
        ("dragoman_workers", {"state": "busy"}, 1),
        ("dragoman_workers", {"state": "idle"}, 3),
        ("dragoman_workers_started_total", {}, 9),
        ("dragoman_workers_ended_total", {"reason": "lost"}, 1),
        ("dragoman_fetched_bytes_total", {}, 1e12),
        ("dragoman_job_waiting_seconds_bucket", {"process": "ndvi", "le": "0.1"}, 3),
        ("dragoman_job_waiting_seconds_bucket", {"process": "ndvi", "le": "0.5"}, 5),
        ("dragoman_job_waiting_seconds_bucket", {"process": "ndvi", "le": "+Inf"}, 5),
        ("dragoman_job_running_seconds_bucket", {"process": "ndvi", "le": "3600.0"}, 0),
        ("dragoman_job_running_seconds_count", {"process": "ndvi"}, 5),
        ("dragoman_job_running_seconds_sum", {"process": "ndvi"}, 1e5),
        ("dragoman_store_up", {}, 1),
        ("dragoman_engine_up", {}, 1),
    ]
    samples = page.samples()
    for name, labels, value in told:
        assert samples[name, frozenset(labels.items())] == value, name


def test_while_store_and_engine_are_away_it_says_so_and_goes_on(page: Page) -> None:
    page.jobs.away = True
    assert page.value("dragoman_store_up") == page.value("dragoman_engine_up") == 0
    names = {name for name, _ in page.samples()}
    assert not {"dragoman_jobs", "dragoman_queue_length", "dragoman_jobs_finished_total"} & names
    assert "dragoman_http_request_duration_seconds_count" in names


def test_requests_are_measured_by_dialect_and_status_alone(page: Page) -> None:
    page.samples()
    series = len(page.samples())
    for number in range(20):
        assert page.client.get(f"/pesto/{number}").status_code == 200
        assert page.client.get(f"/nobody/{number}").status_code == 404
        assert page.client.open("/nobody", method=f"M{number}").status_code in (404, 405)
    assert page.client.get("/broken").status_code == 500
    count = "dragoman_http_request_duration_seconds_count"
    assert page.value(count, dialect="pesto", status="200") == 20
    assert (page.value(count, dialect="other", status="404") or 0) >= 20
    assert page.value(count, dialect="other", status="500") == 1
    assert (page.value(count, dialect="server", status="200") or 0) > 1
    kinds = {labels for name, labels in page.samples() if name == count}
    assert len(page.samples()) - series <= 17 * len(kinds)
    assert len(kinds) <= 5


def test_what_is_measured_before_the_library_is_there_is_not_lost() -> None:
    latency = Latency()
    for _ in range(100):
        latency.observe("ogc", "200", 0.003)
    latency.wait()
    assert latency._histogram is not None
    sample = {
        s.name: s.value for f in latency._histogram.collect() for s in f.samples if not s.labels.get("le")
    }
    assert sample["dragoman_http_request_duration_seconds_count"] == 100


def test_it_answers_get_alone(page: Page) -> None:
    answer = page.client.post("/metrics")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def _named(text: str) -> set[str]:
    return {
        re.sub(r"_(bucket|count|sum|created)$", "", name)
        for name in re.findall(r"\bdragoman_[a-z_]+\b", text)
    }


def test_dashboard_and_documents_name_every_metric_and_invent_none(page: Page) -> None:
    served = _named(" ".join(name for name, _ in page.samples()))
    dashboard: dict[str, Any] = json.loads(
        (REPOSITORY / "docs" / "grafana-dashboard.json").read_text("utf-8")
    )
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert _named(" ".join(expressions)) == served
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    section = (REPOSITORY / "docs" / "operating.md").read_text("utf-8").partition("### Metrics")[2]
    assert _named(" ".join(re.findall(r"^\| (.+?) \|", section, re.MULTILINE))) == served


def test_the_labels_of_the_dashboard_are_those_that_are_served(page: Page) -> None:
    labels: dict[str, set[str]] = {}
    for name, having in page.samples():
        labels.setdefault(_named(name).pop(), set()).update(label for label, _ in having)
    dashboard = json.loads((REPOSITORY / "docs" / "grafana-dashboard.json").read_text("utf-8"))
    for target in (target for panel in dashboard["panels"] for target in panel["targets"]):
        used = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        used |= {
            label.strip() for by in re.findall(r"by \(([^)]+)\)", target["expr"]) for label in by.split(",")
        }
        (name,) = _named(target["expr"])
        assert used <= labels[name], target["expr"]
