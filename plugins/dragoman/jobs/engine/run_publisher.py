"""Publishing of one run's outputs, in its worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.maps.job_services import make_services

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.jobs.engine.run_files import RunFiles
    from dragoman.jobs.runner import Runnable
    from dragoman.model.job import Output
    from dragoman.model.map_service import MapService


class RunPublisher:
    """See ``runner.Publisher``; ``services`` are those that it has made."""

    def __init__(self, files: RunFiles) -> None:
        self._files = files
        self.services: list[MapService] = []

    def make(self, job: Runnable, outputs: Mapping[str, Output], *, results: Path, folder: Path) -> None:
        """Make the services, and move their files to their place: before the row that says so."""
        self.services = make_services(
            job.id,
            job.request.publish,
            outputs,
            results=results,
            folder=folder,
            rasters_alone=job.request.publish_rasters_alone,
        )
        if self.services:
            self._files.place_services(job.id, folder)
