"""The jobs of one process in Prometheus' exposition format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.status import JobStatus

CONTENT_TYPE = CONTENT_TYPE_LATEST


def exposition(process_id: str, counts: Mapping[JobStatus, int]) -> bytes:
    """How many jobs of the process are in each state."""
    registry = CollectorRegistry()
    jobs = Gauge("dragoman_jobs", "Jobs that are kept, by state.", ["process", "state"], registry=registry)
    for state, count in counts.items():
        jobs.labels(process=process_id, state=state.value).set(count)
    return generate_latest(registry)
