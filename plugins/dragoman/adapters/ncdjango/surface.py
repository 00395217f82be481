"""What ncdjango's handlers share. Below ``/geoprocessing`` errors have another form than those of maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from dragoman.adapters.ncdjango.job_routes import JOBS, job_error
from dragoman.adapters.ncdjango.maps_routes import map_error
from dragoman.errors import NoSuchPage
from dragoman.web.call import Call, current_call
from dragoman.web.links import client_base
from dragoman.web.surface import Surface as MountedSurface

if TYPE_CHECKING:
    from flask import Response

    from dragoman.maps.catalogue import MapCatalogue


class Surface(MountedSurface):
    """The mounted ncdjango surface."""

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
