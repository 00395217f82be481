"""The map services of the recorded server on an application in this process: what draws is called, not asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import rasterio
from flask import Flask
from flask.testing import FlaskClient
from mapkit import BLUE_RED, NODATA, ZONES, raster_out, tmax, write_tif, zones
from memoryengine import MemoryEngine
from memoryservices import MemoryServices

from dragoman.adapters import registry
from dragoman.config.auth import AuthSettings
from dragoman.config.settings import FetchSettings, LimitSettings, Settings
from dragoman.errors import InvalidRequest, MapUnreadable, Unavailable
from dragoman.jobs.drawing_service import DrawingService
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.service import JobService
from dragoman.maps.catalogue import MapCatalogue
from dragoman.maps.drawing.open_files import OpenFiles
from dragoman.maps.drawing.orders import Done, Failed, load
from dragoman.maps.drawing.render_process import answer
from dragoman.maps.picture_cache import FOLDER, PictureCache
from dragoman.maps.renderers import parse_renderer
from dragoman.model.map_service import MapGrid, MapService, MapVariable
from dragoman.packages.catalogue import Catalogue
from dragoman.sources.policy import SourcePolicy
from dragoman.web.auth import anonymous
from dragoman.web.services import Services

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from werkzeug.test import TestResponse

    from dragoman.model.process import JSON
    from dragoman.web.auth import Authenticate

DAY: Final = 86_400.0
FIRST_DAY: Final = 1_501_891_200.0
"""2017-08-05."""
JOB: Final = "5245ad7c-714e-498a-88eb-9f022c1152ee"
CLASSIFIED_JOB: Final = "113e11e5-7b61-42f8-bc8d-88294de83d60"
WGS84: Final = rasterio.CRS.from_epsg(4326).to_wkt()
GRID: Final = MapGrid(crs_wkt=WGS84, transform=(0.5, 0.0, -120.0, 0.0, -0.5, 40.0), width=20, height=20)
GREYS: Final = {"type": "stretched", "colors": [[2010, "#000000"], [2798, "#ffffff"]]}
CLASSES: Final = {"type": "classified", "colors": [[200, "#ff0000"], [400, "#00ff00"], [800, "#0000ff"]]}
RESULT_TEXT: Final = "This service has been automatically generated from the result of a geoprocessing job."


class LocalDesk:
    """A GuestDesk without processes: an order is done where it is given, and counted."""

    def __init__(self, home: Path) -> None:
        self.files = OpenFiles()
        self.cache = PictureCache(home / FOLDER)
        self.orders = 0

    def ask_guest(self, guest: str, body: JSON, abandoned: Callable[[], bool] = lambda: False) -> JSON:
        assert guest == "maps"
        self.orders += 1
        report = answer(load(body), self.files, self.cache)
        if isinstance(report, Done):
            return {"answer": report.answer}
        assert isinstance(report, Failed)
        kinds: dict[str, Any] = {"request": InvalidRequest, "file": MapUnreadable, "server": Unavailable}
        raise kinds[report.fault](report.detail)


class Closing(FlaskClient):
    """A client that reads answers to their end, so that no file is left open."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        return super().open(*args, **{"buffered": True, **kwargs})


class OwnServices:
    """The operator's services."""

    def __init__(self, *services: MapService) -> None:
        self.all = {service.name: service for service in services}

    def start(self) -> None:
        """They are there."""

    def services(self) -> Mapping[str, MapService]:
        return self.all


def variable(name: str, index: int, renderer: JSON, path: Path, **changes: Any) -> MapVariable:
    """A variable drawn from the bands of a file."""
    with rasterio.open(path) as dataset:
        bands = dataset.count
        values = dataset.read(masked=True)
    plain = MapVariable(
        name=name,
        index=index,
        dtype=str(values.dtype),
        nodata=dataset.nodata,
        minimum=float(values.min()),
        maximum=float(values.max()),
        renderer=parse_renderer(renderer, words=False),
        drawn=tuple((path, band + 1) for band in range(bands)),
    )
    return replace(plain, **changes)


def service(name: str, *variables: MapVariable, **changes: Any) -> MapService:
    """A service on the recorded grid."""
    plain = MapService(
        name=name,
        owner=None,
        description="test",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        data=variables[0].drawn[0][0],
        grid=GRID,
        variables=variables,
    )
    return replace(plain, **changes)


def recorded_services(folder: Path) -> tuple[OwnServices, MemoryServices]:
    """The operator's, and those of anonymous' jobs."""
    max_tif = write_tif(folder / "tmax.tif", tmax(), nodata=NODATA)
    zones_tif = write_tif(folder / "zones.tif", zones())
    result_tif = write_tif(folder / "result.tif", raster_out(), nodata=NODATA)
    times = tuple(FIRST_DAY + DAY * step for step in range(3))
    climate = service(
        "climate-service",
        variable("tmax", 0, BLUE_RED, max_tif, times=times),
        variable("zones", 1, ZONES, zones_tif),
    )
    static = {"type": "classified", "colors": [[0, "#f00"], [1, "#0f0"], [3, "#00f"]]}
    own = OwnServices(climate, service("folder/static", variable("zones", 0, static, zones_tif)))
    published = MemoryServices()
    of_jobs = {"owner": "anonymous", "temporary": True, "description": RESULT_TEXT}
    for job, renderer in ((JOB, GREYS), (CLASSIFIED_JOB, CLASSES)):
        data = variable("data", 0, renderer, result_tif)
        published.replace(job, [service(f"{job}/raster_out", data, job_id=job, **of_jobs)])
    return own, published


def map_application(
    home: Path,
    own: OwnServices,
    published: MemoryServices,
    *,
    auth: AuthSettings | None = None,
    authenticate: Authenticate = anonymous,
) -> tuple[Flask, LocalDesk]:
    """An application with every dialect, and what its maps are drawn by."""
    settings = Settings(
        config_path=home / "x", server_url="http://localhost:5000", host="127.0.0.1", port=5000, home=home,
        database_url="", workers=1, limits=LimitSettings(min_free_disk=1), auth=auth or AuthSettings(),
    )  # fmt: skip
    results = FolderResults(home)
    engine = MemoryEngine(results, {})
    catalogue = Catalogue(processes={})
    jobs = JobService(
        catalogue=catalogue, store=engine, executor=engine, results=results,
        policy=SourcePolicy(fetch=FetchSettings()),
    )  # fmt: skip
    desk = LocalDesk(home)
    services = Services(
        settings=settings, catalogue=catalogue, jobs=jobs, authenticate=authenticate,
        maps=MapCatalogue(home=home, open_store=lambda: published, own=own),
        drawing=DrawingService(desk, home),
    )  # fmt: skip
    app = Flask("host", static_folder=None)
    app.test_client_class = Closing
    registry.mount(app, services)
    return app, desk
