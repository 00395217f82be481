"""What is told of an execution beside its outputs: request, method, infrastructure, state."""

from __future__ import annotations

import os
import platform
from functools import cache
from typing import TYPE_CHECKING

from dragoman import __version__
from dragoman.adapters.ogc import describe
from dragoman.adapters.ogc.surface import without_pages
from dragoman.errors import NotFound
from dragoman.packages.digest import short

if TYPE_CHECKING:
    from dragoman.adapters.ogc.surface import Surface
    from dragoman.model.job import Job
    from dragoman.model.process import JSON
    from dragoman.web.call import Call


def metadata(api: Surface, call: Call, job: Job) -> dict[str, JSON]:
    """The documents by name; null in place of a request that was not kept."""
    return {name: one(api, call, job, name) for name in ("request", "method", "infrastructure", "jobStatus")}


def one(api: Surface, call: Call, job: Job, name: str) -> JSON:
    """One of them; ``jobStatus`` says of a cancelled job what it is."""
    if name == "request":
        try:
            return api.jobs.request(job.id, call.principal)
        except NotFound:
            return None
    if name == "method":
        return without_pages(method(api, call, job))
    if name == "infrastructure":
        return infrastructure(api.services.title)
    return without_pages(describe.status_info(job, call.base))


def method(api: Surface, call: Call, job: Job) -> JSON:
    """The description of the process as it is now; if that is another, or gone, which one ran."""
    try:
        process = api.services.catalogue.visible_to(call.principal).get(job.process_id)
    except NotFound:
        process = None
    if process is None or process.runtime.digest != job.runtime.digest:
        ran = {"id": job.process_id, "version": job.process_version, "digest": short(job.runtime.digest)}
        return {name: value for name, value in ran.items() if value}
    return describe.description(process, call.base, reserved=api.services.reserved)


def infrastructure(title: str) -> JSON:
    """Where jobs run: neither the host's name nor a path."""
    cpus, memory = _machine()
    software = [
        {"name": "dragoman", "version": __version__},
        {"name": platform.python_implementation(), "version": platform.python_version()},
        {"name": platform.system(), "version": platform.machine()},
    ]
    return {
        "id": "local",
        "name": title,
        "type": "local",
        "cpu": cpus,
        "memory": memory,
        "software": software,
    }


@cache
def _machine() -> tuple[int, int]:
    """Cores, and bytes of memory."""
    import psutil

    return os.cpu_count() or 1, psutil.virtual_memory().total
