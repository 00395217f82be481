"""``dragoman jobs``: look at jobs, and cancel them."""

from __future__ import annotations

import json
import time
from codecs import getincrementaldecoder
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from sqlalchemy import make_url

from dragoman.composition import executor, services
from dragoman.errors import Unavailable
from dragoman.host.bootstrap import read_settings
from dragoman.jobs.json_codec import dump_job
from dragoman.jobs.stores import open_store
from dragoman.model.job import JobQuery
from dragoman.model.principal import ANONYMOUS, Principal
from dragoman.model.status import JobStatus
from dragoman.packages.catalogue import Catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragoman.config.settings import Settings
    from dragoman.jobs.service import JobService
    from dragoman.jobs.stores.sql import SqlStore
    from dragoman.model.job_event import JobEvent

app = typer.Typer(no_args_is_help=True, help="Look at jobs, and cancel them.")

JobId = Annotated[str, typer.Argument(help="The job's id.")]

OPERATOR = Principal(id=ANONYMOUS.id, admin=True)
"""Who may see the configuration sees every job."""
FOLLOW_EVERY = 0.5
"""Seconds between two looks at a log that is followed."""
SHOWN = 200
"""Characters of a text that ``show`` prints; base64 rasters are longer."""


def existing_store(settings: Settings) -> SqlStore:
    """The job store; raises Unavailable where none has been made, rather than make an empty one."""
    require_store(settings)
    return open_store(settings.database_url)


def require_store(settings: Settings) -> None:
    """Raise Unavailable where no job store has been made yet."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        raise Unavailable(f"there is no job store at {url.database}; is DRAGOMAN_HOME set as for the server?")


@app.command("list")
def list_jobs(
    status: Annotated[
        str | None, typer.Option(help="created, accepted, running, successful, failed or dismissed.")
    ] = None,
    process: Annotated[str | None, typer.Option(help="Only jobs of this process.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 20,
) -> None:
    """The newest jobs, a line each."""
    if status is not None and status not in list(JobStatus):
        raise typer.BadParameter(f"{status!r}; allowed: {', '.join(JobStatus)}", param_hint="--status")
    statuses = () if status is None else (JobStatus(status),)
    processes = () if process is None else (process,)
    query = JobQuery(statuses=statuses, process_ids=processes, limit=limit)
    page = existing_store(read_settings()).find(query)
    for job in page.jobs:
        when = job.created.isoformat(timespec="seconds")
        typer.echo(
            f"{job.id}  {when}  {job.status:<10}  {job.progress:3d} %  {job.process_id}  {job.message}"
        )
    typer.echo(f"{len(page.jobs)} of {page.matched}")


@app.command("show")
def show_job(job_id: JobId) -> None:
    """All that is known of a job, its request and what happened to it included; long texts are cut."""
    store = existing_store(read_settings())
    job = store.get(job_id)
    data = dump_job(job) | {
        name: moment.isoformat() if (moment := getattr(job, name)) else None
        for name in ("created", "started", "finished", "updated", "lease_until")
    }
    data["events"] = [_event_line(event) for event in store.events(job_id)]
    typer.echo(json.dumps(_abridged(data), indent=2))


@app.command("log")
def log_job(
    job_id: JobId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job has finished; Ctrl-C ends it before.")
    ] = False,
) -> None:
    """What a job printed and logged, its traceback if it failed."""
    with _service() as service:
        for text in _log(service, job_id, follow=follow):
            typer.echo(text, nl=False)


def _log(service: JobService, job_id: str, *, follow: bool) -> Iterator[str]:
    """The log of a job in pieces; with ``follow`` until it has finished."""
    decode = getincrementaldecoder("utf-8")("replace").decode
    offset = 0
    while True:
        job = service.status(job_id, OPERATOR)  # asked first: if it has finished, all of its log is there
        while part := service.log(job_id, OPERATOR, offset):
            offset += len(part)
            yield decode(part)
        if job.status.finished or not follow:
            yield decode(b"", final=True)
            return
        time.sleep(FOLLOW_EVERY)


@app.command("cancel")
def cancel_job(job_id: JobId) -> None:
    """Stop a job that has not finished; with no server running, it will not be run when one is."""
    with _service() as service:
        service.status(job_id, OPERATOR)
        service.dismiss(job_id, OPERATOR)
    typer.echo(f"{job_id} dismissed")


@contextmanager
def _service() -> Iterator[JobService]:
    """The door to the jobs of the configured HOME; raises Unavailable where there is no store yet."""
    settings = read_settings()
    require_store(settings)
    service = services(settings, Catalogue(), executor(settings)).jobs
    try:
        yield service
    finally:
        service.close()


def _event_line(event: JobEvent) -> str:
    words = [event.moment.isoformat(timespec="milliseconds"), event.kind]
    words += [f"attempt {event.attempt}"] if event.attempt else []
    words += [f"pid {event.worker.pid} on {event.worker.host}"] if event.worker else []
    return " ".join([*words, *([f"({event.why})"] if event.why else [])])


def _abridged(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: _abridged(value) for name, value in data.items()}
    if isinstance(data, list):
        return [_abridged(value) for value in data]
    if isinstance(data, str) and len(data) > SHOWN:
        return f"{data[:SHOWN]}... ({len(data)} characters)"
    return data
