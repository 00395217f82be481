"""What is changed of finished jobs: they or single outputs are removed, and digests of files are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.errors import IllegalTransition
from dragoman.maps.job_services import parts_of, service_name

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    parts = parts_of(output) if item is None else parts_of(output)[item : item + 1]
    _remove_services(store, results, job_id, [part for part, _ in parts])


def _remove_services(store: EngineStore, results: RunFiles, job_id: str, parts: Sequence[str]) -> None:
    """What was published of an output is no map any more."""
    names = {service_name(job_id, part) for part in parts}
    for service in store.services.of_job(job_id):
        if service.name in names:
            store.services.remove([service.name])
            results.services.remove(service)


def keep_sha256(store: JobStore, job_id: str, output_id: str, sha256: str, item: int | None = None) -> None:
    """See Executor.keep_sha256."""
    job = store.get(job_id)
    output = job.outputs.get(output_id)
    files = () if output is None else (output,) if item is None else output.items[item : item + 1]
    if any(each.file is not None for each in files):
        store.report(job_id, job.token, outputs=job.outputs_with_sha256(output_id, item, sha256))
