"""``/metrics``: the whole server in Prometheus' exposition format, whichever of its processes is asked.

What the engine knows is asked over its socket; how many jobs are stored comes from the store's tally. Nothing is
labelled with a job, an owner or a path.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from dragoman.errors import Unavailable
from dragoman.jobs.engine_figures import BOUNDS
from dragoman.web import latency, metrics_files, wording
from dragoman.web.dispatch import add_rule, dispatcher
from dragoman.web.responses import data_response, problem_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client import Metric

    from dragoman.jobs.engine_figures import Durations, EngineFigures
    from dragoman.jobs.service import JobService
    from dragoman.web.latency import Latency
    from dragoman.web.services import Services

LOGGER = logging.getLogger(__name__)

PATH = "/metrics"


def blueprint(services: Services) -> Blueprint:
    """The page, and the clock that measures every request to the server."""
    times = latency.Latency()
    metrics = Blueprint("dragoman_metrics", __name__)
    add_rule(
        metrics, PATH, "metrics", dispatcher({"GET": lambda: _page(services.jobs, times)}), public="metrics"
    )
    refuse = wording.refusal(lambda error: problem_response(error, pages_too=False))
    wording.claim(metrics, (PATH,), refuse)
    metrics.register_error_handler(Exception, refuse)
    latency.install(metrics, times)
    return metrics


def _page(jobs: JobService, times: Latency) -> Response:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    registry = CollectorRegistry()
    registry.register(ServerCollector(jobs))
    folder = times.register(registry)
    with metrics_files.reading(folder) if folder is not None else nullcontext():
        return data_response(generate_latest(registry), CONTENT_TYPE_LATEST)


class ServerCollector:
    """What the store and the engine tell; where one of them is away the rest is told, and that it is."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs

    def describe(self) -> list[Metric]:
        """Nothing in advance: that would ask the engine."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        from prometheus_client.core import GaugeMetricFamily

        stored = _known(self._jobs.stored)
        yield GaugeMetricFamily(
            "dragoman_store_up", "Whether the job store answers.", int(stored is not None)
        )
        if stored is not None:
            family = GaugeMetricFamily("dragoman_jobs", "Jobs that are kept.", labels=["process", "state"])
            for process, states in sorted(stored.items()):
                for state, count in states.items():
                    family.add_metric([process, state.value], count)
            yield family
        figures = _known(self._jobs.figures)
        yield GaugeMetricFamily("dragoman_engine_up", "Whether the engine answers.", int(figures is not None))
        if figures is not None:
            yield from _queue_and_workers(figures)
            yield from _runs(figures)


def _known[Answer](ask: Callable[[], Answer]) -> Answer | None:
    try:
        return ask()
    except Unavailable as error:
        LOGGER.debug("metrics are incomplete: %s", error.detail, extra={"action": "metrics"})
        return None


def _queue_and_workers(figures: EngineFigures) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    yield GaugeMetricFamily("dragoman_queue_length", "Jobs that wait for a worker.", figures.queued)
    yield GaugeMetricFamily(
        "dragoman_queue_oldest_seconds", "How long the oldest of them has waited.", figures.oldest
    )
    workers = GaugeMetricFamily("dragoman_workers", "Worker processes.", labels=["state"])
    workers.add_metric(["busy"], figures.busy)
    workers.add_metric(["idle"], figures.idle)
    yield workers
    yield CounterMetricFamily("dragoman_workers_started", "Workers that were started.", figures.started)
    ended = CounterMetricFamily("dragoman_workers_ended", "Workers that have ended.", labels=["reason"])
    for reason, count in sorted(figures.ended.items()):
        ended.add_metric([reason], count)
    yield ended


def _runs(figures: EngineFigures) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily

    yield CounterMetricFamily("dragoman_fetched_bytes", "Bytes that jobs have downloaded.", figures.fetched)
    finished = CounterMetricFamily(
        "dragoman_jobs_finished", "Jobs that have finished.", labels=["process", "dialect", "status"]
    )
    for (process, dialect, status), count in sorted(figures.finished.items()):
        finished.add_metric([process, dialect or "none", status], count)
    yield finished
    yield _histogram("dragoman_job_waiting_seconds", "How long jobs waited until they ran.", figures.waiting)
    yield _histogram("dragoman_job_running_seconds", "How long finished jobs ran.", figures.running)


def _histogram(name: str, text: str, durations: Mapping[str, Durations]) -> Metric:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(name, text, labels=["process"])
    for process, each in sorted(durations.items()):
        buckets, sum_so_far = [], 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), each.counts, strict=True):
            sum_so_far += count
            buckets.append((bound, float(sum_so_far)))
        family.add_metric([process], buckets, each.total)
    return family
