"""ncdjango's jobs, and OGC's surface beside them, over the real job service on an engine in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask
from memoryservices import MemoryServices
from tests.adapters.ogc.conftest import BASE, PROCESSES, RUNS, Buffered, process, value

from dragoman.adapters import registry
from dragoman.adapters.ncdjango.registered_jobs import RegisteredJob
from dragoman.adapters.ncdjango.settings import NcdjangoSettings
from dragoman.config.settings import FetchSettings, LimitSettings, Settings
from dragoman.errors import AlgorithmError
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.service import JobService
from dragoman.maps.catalogue import MapCatalogue
from dragoman.model.job import Output
from dragoman.packages.catalogue import Catalogue
from dragoman.sources.policy import SourcePolicy
from dragoman.web.services import Services

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flask.testing import FlaskClient
    from memoryengine import Run
    from tests.adapters.conftest import NewEngine

    from dragoman.model.job import Job

TYPES: Mapping[str, Any] = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "list": {"type": "array", "items": {"type": "integer"}},
    "dict": {"anyOf": [{"type": "object"}, {"type": "array", "items": {}}]},
    "multiple": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    "any": {},
}
INTEGERS = {f"int{n}": {"schema": {"type": "integer"}} for n in (1, 2)}
OWN = {
    each.id: each
    for each in (
        process("sum", INTEGERS, {"sum": {"type": "integer"}}),
        process(
            "typed",
            {name: {"schema": schema, "min_occurs": 0} for name, schema in TYPES.items()}
            | {"several": {"schema": {"type": "integer"}, "min_occurs": 0, "max_occurs": None}},
            {"all": {"type": "object"}},
        ),
        process("rasters", {"data": {"schema": "raster"}}, {"result": "raster"}),
        process("fail", {"msg": {"schema": {"type": "string"}}}, {"text": {"type": "string"}}),
        process("values", {}, {name: {} for name in ("number", "few", "many", "table", "text")}),
    )
}


def _sum(job: Job, folder: Path) -> dict[str, Output]:
    return {"sum": value("sum", sum(each[0].value for each in job.request.inputs.values()))}


def _typed(job: Job, folder: Path) -> dict[str, Output]:
    inputs = {name: [each.value for each in values] for name, values in job.request.inputs.items()}
    return {"all": value("all", inputs)}


def _fail(job: Job, folder: Path) -> dict[str, Output]:
    raise AlgorithmError(f"ValueError: {job.request.inputs['msg'][0].value}")


def _values(job: Job, folder: Path) -> dict[str, Output]:
    folder.mkdir(parents=True)
    (folder / "table.json").write_text("[[1, 2], [3, NaN]]")
    return {
        "number": value("number", float("inf")),
        "few": value("few", [[1.5, None], [float("nan"), 2]]),
        "many": value("many", [0] * 1000),
        "table": Output(id="table", media_type="application/json", file="table.json", size=18),
        "text": value("text", "wörter", "text/plain"),
    }


OWN_RUNS: dict[str, Run | None] = {
    "sum": _sum, "typed": _typed, "rasters": None, "fail": _fail, "values": _values
}  # fmt: skip
JOBS = {
    "sum_numbers": RegisteredJob(process_id="sum"),
    "typed": RegisteredJob(process_id="typed"),
    "double": RegisteredJob(process_id="rasters", publish=True),
    "plain_double": RegisteredJob(process_id="rasters"),
    "fail": RegisteredJob(process_id="fail"),
    "values": RegisteredJob(process_id="values"),
    "slow": RegisteredJob(process_id="slow"),
}


class Server:
    """An application with every dialect, and what is behind."""

    def __init__(self, home: Path, new_engine: NewEngine) -> None:
        settings = Settings(
            config_path=home / "config.yml", server_url=BASE, host="127.0.0.1", port=5000, home=home,
            database_url="", workers=1, limits=LimitSettings(request_bytes=3_000_000, min_free_disk=1),
            dialects={"ncdjango": NcdjangoSettings(jobs=JOBS)},
        )  # fmt: skip
        maps = MapCatalogue(home=home, open_store=MemoryServices)
        self.results = FolderResults(home)
        self.engine = new_engine(self.results, {**RUNS, **OWN_RUNS})
        catalogue = Catalogue(processes={**PROCESSES, **OWN})
        self.jobs = JobService(
            catalogue=catalogue, store=self.engine, executor=self.engine, results=self.results,
            policy=SourcePolicy(fetch=FetchSettings()), maps=maps,
        )  # fmt: skip
        self.app = Flask("host")
        self.app.test_client_class = Buffered
        self.services = Services(settings=settings, catalogue=catalogue, jobs=self.jobs, maps=maps)
        registry.mount(self.app, self.services)

    def client(self) -> FlaskClient:
        return self.app.test_client()
