"""The job manager and the processor that a pygeoapi configuration names."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pygeoapi.process.base import (
    BaseProcessor,
    JobNotFoundError,
    JobResultNotFoundError,
    ProcessorExecuteError,
)
from pygeoapi.process.manager.base import BaseManager
from pygeoapi.util import JobStatus as PygeoapiStatus

from dragoman.adapters.ogc.describe import description
from dragoman.composition import allowed_forms, profile_options
from dragoman.config.bundled import package_folder
from dragoman.errors import DragomanError, NoSuchJob
from dragoman.host.bootstrap import read_settings
from dragoman.host.log_lines import log_as_server
from dragoman.host.mounting import build_services, mount
from dragoman.jobs.submission import Submission
from dragoman.model.job import InputValue, JobQuery, JobRequest
from dragoman.model.status import JobStatus
from dragoman.web import auth, execution

if TYPE_CHECKING:
    from dragoman.web.services import Services


class PackagedProcessor(BaseProcessor):  # type: ignore[misc]
    """A packaged algorithm as a pygeoapi processor; jobs are run by JobManager, not through ``execute``."""

    def __init__(self, processor_def: dict[str, Any]) -> None:
        settings = read_settings()
        options = profile_options(processor_def.get("profiles") or ())
        folder = package_folder(processor_def["package"], settings.config_path.parent)
        process = allowed_forms(settings).load(folder, options=options)
        super().__init__(processor_def, description(process, ""))
        self.supports_outputs = True

    def execute(self, data: dict[str, Any], outputs: dict[str, Any] | None = None) -> tuple[str, Any]:
        """Refused: outside a worker there is no job to keep what is computed."""
        raise ProcessorExecuteError(
            f"'{self.metadata['id']}' runs as a job of {JobManager.__module__}.JobManager"
        )


class JobManager(BaseManager):  # type: ignore[misc]
    """pygeoapi's job manager on JobService; where pygeoapi serves, it mounts our routes over pygeoapi's own."""

    def __init__(self, manager_def: dict[str, Any]) -> None:
        super().__init__(manager_def)
        self.is_async = True
        self.supports_subscribing = True
        self._services: Services | None = None
        blueprint = getattr(sys.modules.get("pygeoapi.flask_app"), "BLUEPRINT", None)
        if (
            blueprint is not None and not blueprint._got_registered_once
        ):  # with ``admin`` a second one is built
            log_as_server(read_settings())
            blueprint.record_once(mount)

    @property
    def services(self) -> Services:
        """Built when first asked for: ``openapi generate`` builds a manager too, and needs no engine."""
        if self._services is None:
            self._services = build_services(read_settings())
        return self._services

    def get_jobs(
        self, status: PygeoapiStatus | None = None, limit: int | None = None, offset: int | None = None
    ) -> dict[str, Any]:
        """See BaseManager."""
        statuses = () if status is None else (JobStatus(status.value),)
        page = self.services.jobs.find(
            JobQuery(statuses=statuses, limit=limit or 10_000, offset=offset or 0), auth.current()
        )
        return {"jobs": [_pygeoapi_job(job) for job in page.jobs], "numberMatched": page.matched}

    def get_job(self, job_id: str) -> dict[str, Any]:
        """See BaseManager."""
        try:
            return _pygeoapi_job(self.services.jobs.status(job_id, auth.current()))
        except NoSuchJob as error:
            raise JobNotFoundError from error

    def get_job_result(self, job_id: str) -> tuple[str, Any]:
        """See BaseManager."""
        try:
            job = self.services.jobs.results(job_id, auth.current())
        except NoSuchJob as error:
            raise JobNotFoundError from error
        except DragomanError as error:
            raise JobResultNotFoundError(error.detail) from error
        return "application/json", {output.id: output.value for output in job.outputs.values()}

    def delete_job(self, job_id: str) -> bool:
        """See BaseManager."""
        try:
            execution.cancel(self.services.jobs, job_id, auth.current())
        except NoSuchJob as error:
            raise JobNotFoundError from error
        return True

    def execute_process(self, process_id: str, data_dict: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """See BaseManager; waits for the job, and gives its outputs as one mapping."""
        values = {name: (InputValue(value=value),) for name, value in data_dict.items()}
        how = Submission(mode="sync", dialect="pygeoapi", wait=None)
        job = self.services.jobs.submit(process_id, JobRequest(inputs=values), auth.current(), how)
        outputs = {output.id: output.value for output in job.outputs.values()}
        return job.id, "application/json", outputs, PygeoapiStatus[job.status.value], {}


def _pygeoapi_job(job: Any) -> dict[str, Any]:
    return {
        "identifier": job.id,
        "process_id": job.process_id,
        "status": job.status.in_part_1.value,
        "message": job.message,
        "progress": job.progress,
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "updated": job.updated,
        "mimetype": "application/json",
    }
