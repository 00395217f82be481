"""What is changed of finished jobs: they or single outputs are removed, and digests of files are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.errors import IllegalTransition
from dragoman.maps.job_services import service_name

if TYPE_CHECKING:
    from dragoman.jobs.engine.run_files import RunFiles
    from dragoman.jobs.ports import EngineStore, JobStore


def remove(store: JobStore, results: RunFiles, job_id: str) -> None:
    """See Executor.remove: files first, so that a row never outlives a crash without being found again."""
    job = store.get(job_id)
    if not job.status.finished:
        raise IllegalTransition(f"job '{job_id}' is {job.status}; only a finished job can be removed")
    results.clear(job_id)
    store.remove(job_id)


def remove_output(
    store: EngineStore, results: RunFiles, job_id: str, output_id: str, item: int | None = None
) -> None:
    """See Executor.remove_output."""
    job = store.get(job_id)
    output = job.outputs.get(output_id)
    if output is None:
        return
    gone = (output, *output.items) if item is None else output.items[item : item + 1]
    for each in gone:
        if each.file is not None:
            results.remove_file(job_id, each.file)
    left = job.outputs_without(output_id, item)
    store.report(job_id, job.token, outputs=left)
    results.remove_derived(job_id)  # an archive would still hold it
    if item is None:
        _remove_service(store, results, job_id, output_id)


def _remove_service(store: EngineStore, results: RunFiles, job_id: str, output_id: str) -> None:
    """An output that was published is no map any more."""
    name = service_name(job_id, output_id)
    for service in store.services.of_job(job_id):
        if service.name == name:
            store.services.remove([name])
            results.services.remove(service)


def keep_sha256(store: JobStore, job_id: str, output_id: str, sha256: str, item: int | None = None) -> None:
    """See Executor.keep_sha256."""
    job = store.get(job_id)
    output = job.outputs.get(output_id)
    files = () if output is None else (output,) if item is None else output.items[item : item + 1]
    if any(each.file is not None for each in files):
        store.report(job_id, job.token, outputs=job.outputs_with_sha256(output_id, item, sha256))
