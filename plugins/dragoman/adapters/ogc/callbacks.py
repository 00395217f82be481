"""What a subscriber is told, and where (conformance class callback). Pure; the engine sends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragoman.adapters.ogc.describe import status_info
from dragoman.adapters.ogc.documents import results_document, wanted
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from dragoman.adapters.ogc.documents import Load
    from dragoman.model.job import Job
    from dragoman.model.process import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One POST of a JSON body to a subscriber; its URL is the client's: mind the SSRF guard."""

    url: str
    body: JSON


def notification(job: Job, server_url: str, load: Load) -> Notification | None:
    """The message due for the job's present state; None if nobody asked for one.

    The results document when it is successful; else, accepted, running or failed, its statusInfo.
    """
    subscriber = job.request.subscriber
    if subscriber is None:
        return None
    urls = {
        JobStatus.ACCEPTED: subscriber.in_progress_uri,
        JobStatus.RUNNING: subscriber.in_progress_uri,
        JobStatus.SUCCESSFUL: subscriber.success_uri,
        JobStatus.FAILED: subscriber.failed_uri,
    }
    url = urls.get(job.status)
    if not url:
        return None
    if job.status is JobStatus.SUCCESSFUL:
        return Notification(url=url, body=results_document(job, wanted(job), server_url, load))
    return Notification(url=url, body=status_info(job, server_url))
