"""What ncdjango's handlers share. Below ``/geoprocessing`` errors have another form than those of maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import request

from dragoman.adapters.ncdjango.job_errors import job_error
from dragoman.adapters.ncdjango.job_routes import JOBS
from dragoman.adapters.ncdjango.map_access import MapAccess
from dragoman.adapters.ncdjango.maps_routes import map_error
from dragoman.adapters.ncdjango.settings import settings_of
from dragoman.errors import NoSuchPage
from dragoman.web.call import Call, current_call
from dragoman.web.links import client_base
from dragoman.web.surface import Surface as MountedSurface

if TYPE_CHECKING:
    from flask import Response

    from dragoman.jobs.drawing_service import DrawingService
    from dragoman.maps.catalogue import MapCatalogue
    from dragoman.web.services import Services


PATIENCE: Final = 2.0
"""Seconds that a call may wait for one of the places of calls that wait."""


class Surface(MountedSurface):
    """The mounted ncdjango surface."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.own = settings_of(services.settings)
        """The dialect's own settings."""
        self.access = MapAccess(self.settings)
        self.patience = PATIENCE

    @property
    def drawing(self) -> DrawingService:
        """Has maps drawn; raises NoSuchPage on a server that draws none."""
        if self.services.drawing is None:
            raise NoSuchPage
        return self.services.drawing

    @property
    def maps(self) -> MapCatalogue:
        """The services; raises NoSuchPage on a server that has none."""
        if self.services.maps is None:
            raise NoSuchPage
        return self.services.maps

    def call(self) -> Call:
        """The call of the current request."""
        return current_call(client_base(self.settings) + self.prefix)

    def word(self, error: Exception) -> Response:
        """Any error: below the jobs' root in the form of Django REST framework, else in that of ArcGIS."""
        below_jobs = request.path.startswith(f"{self.prefix}{JOBS}")
        return job_error(error) if below_jobs else map_error(error)
