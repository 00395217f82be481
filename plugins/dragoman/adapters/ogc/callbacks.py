"""What a subscriber is told, and where (conformance class callback). Pure; the engine sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.adapters.dialect import Notification
from dragoman.adapters.ogc.describe import status_info
from dragoman.adapters.ogc.results_documents import results_document, wanted
from dragoman.model.status import JobStatus
from dragoman.web.responses import finite
from dragoman.web.result_values import load_content

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.model.job import Job, Output
    from dragoman.model.process import JSON


def notification(job: Job, server_url: str, read: Callable[[Output], bytes]) -> Notification | None:
    """The message due for the job's present state; None if nobody asked for one.

    The results document when it is successful (``read`` gives the bytes of an output that is a file); else,
    accepted, running or failed, its statusInfo.
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

        def load(output: Output) -> JSON:
            return load_content(read(output), output.media_type)

        return Notification(url=url, body=finite(results_document(job, wanted(job), server_url, load)))
    return Notification(url=url, body=status_info(job, server_url))
