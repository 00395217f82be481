"""The jobs of one process in Prometheus' exposition format."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import Metric

    from dragoman.model.status import JobStatus


def exposition(process_id: str, counts: Mapping[JobStatus, int]) -> tuple[bytes, str]:
    """How many jobs of the process are in each state, and the media type of that."""
    from prometheus_client import CollectorRegistry, generate_latest  # its import costs 50 ms
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    registry = CollectorRegistry()
    registry.register(_Jobs(process_id, counts))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Jobs:
    """Not a Gauge: under several processes that would be a file, which every page of the server reads."""

    def __init__(self, process_id: str, counts: Mapping[JobStatus, int]) -> None:
        self._process_id = process_id
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        jobs = GaugeMetricFamily(
            "dragoman_jobs", "Jobs that are kept, by state.", labels=["process", "state"]
        )
        for state, count in self._counts.items():
            jobs.add_metric([self._process_id, state.value], count)
        yield jobs
