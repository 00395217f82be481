"""The OGC surface over the real job service, on an engine in memory: no processes, no database."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from flask import Flask, abort
from flask.testing import FlaskClient
from jsonschema import Draft4Validator
from memoryresults import MemoryResults
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from dragoman.adapters.ogc.routes import blueprint
from dragoman.config.settings import FetchSettings, LimitSettings, Settings
from dragoman.errors import AlgorithmError
from dragoman.jobs.service import JobService
from dragoman.model.job import Job, Output
from dragoman.model.process import JSON, InputSpec, OutputSpec, Process, Runtime
from dragoman.packages.catalogue import Catalogue
from dragoman.schemas.forms import expand
from dragoman.sources.policy import SourcePolicy
from dragoman.web import health
from dragoman.web.services import Services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memoryengine import Run
    from tests.adapters.conftest import NewEngine
    from werkzeug.test import TestResponse

SCHEMAS = Path(__file__).parents[2] / "data/ogc-schemas/ogcapi/processes/part1/1.0/openapi/schemas"
BASE = "http://localhost:5000"


def value(name: str, content: JSON, media_type: str = "application/json") -> Output:
    return Output(id=name, media_type=media_type, value=content)


def echo(job: Job, folder: Path) -> dict[str, Output]:
    """Outputs that repeat inputs."""
    given = job.request.inputs
    text = given["text"][0].value
    numbers = [item.value for item in given.get("numbers", ())]
    return {
        "text": value("text", text),
        "numbers": value("numbers", numbers),
        "all": value("all", {"text": text}),
    }


def raster(job: Job, folder: Path) -> dict[str, Output]:
    """A file of as many bytes as were asked for, and an object."""
    size = job.request.inputs["size"][0].value
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "image.tif").write_bytes(bytes(index % 251 for index in range(size)))
    (folder / "points.json").write_text('{"type":"FeatureCollection","features":[]}')
    return {
        "image": Output(
            id="image", media_type="image/tiff; application=geotiff", file="image.tif", size=size
        ),
        "points": Output(id="points", media_type="application/geo+json", file="points.json", size=42),
        "statistics": value("statistics", {"mean": 1.5, "none": float("nan")}),
    }


def tiles(job: Job, folder: Path) -> dict[str, Output]:
    """A list of 12 files of as many bytes each as were asked for, and a value."""
    size = job.request.inputs["size"][0].value
    (folder / "tiles").mkdir(parents=True, exist_ok=True)
    files = [f"tiles/{index}.png" for index in range(12)]
    for index, file in enumerate(files):
        (folder / file).write_bytes(bytes([index]) * size)
    items = tuple(Output(id="tiles", media_type="image/png", file=file, size=size) for file in files)
    named = job.request.outputs
    made = {
        "tiles": Output(id="tiles", media_type="application/json", items=items),
        "count": value("count", 12),
    }
    return {name: output for name, output in made.items() if named is None or name in named}


def fail(job: Job, folder: Path) -> dict[str, Output]:
    raise AlgorithmError("the sky fell")


def process(process_id: str, inputs: dict[str, Any], outputs: dict[str, Any], **more: Any) -> Process:
    def schema(given: Any) -> dict[str, Any]:
        return dict(expand(given)[0])

    return Process(
        id=process_id,
        version="1.0.0",
        inputs={
            name: InputSpec(id=name, **(spec | {"schema": schema(spec["schema"])}))
            for name, spec in inputs.items()
        },
        outputs={name: OutputSpec(id=name, schema=schema(given)) for name, given in outputs.items()},
        runtime=Runtime(form="native", folder="/nowhere"),
        **more,
    )


TEXT = {"text": {"schema": {"type": "string"}}}
PROCESSES = {
    made.id: made
    for made in (
        process(
            "echo",
            TEXT
            | {
                "numbers": {"schema": {"type": "integer"}, "min_occurs": 0, "max_occurs": None},
                "box": {"schema": "bbox", "min_occurs": 0},
                "thing": {"schema": {"type": "object"}, "min_occurs": 0},
            },
            {
                "text": {"type": "string"},
                "numbers": {"type": "array", "items": {"type": "integer"}},
                "all": {"type": "object"},
            },
            title="Echo",
            description="Says it again.",
            keywords=("test",),
        ),
        process(
            "raster",
            {"size": {"schema": {"type": "integer"}}},
            {"image": "raster", "points": "features", "statistics": {"type": "object"}},
        ),
        process(
            "tiles",
            {"size": {"schema": {"type": "integer"}}},
            {
                "tiles": {"type": "array", "items": {"type": "string", "contentEncoding": "binary"}},
                "count": {"type": "integer"},
            },
        ),
        process("slow", TEXT, {"text": {"type": "string"}}),
        process("later", TEXT, {"text": {"type": "string"}}, modes=("async",)),
        process("now", TEXT, {"text": {"type": "string"}}, modes=("sync",)),
        process("fail", TEXT, {"text": {"type": "string"}}),
    )
}
RUNS: dict[str, Run | None] = {
    "echo": echo, "raster": raster, "tiles": tiles, "slow": None, "later": None, "now": echo, "fail": fail
}  # fmt: skip


class Buffered(FlaskClient):
    """Reads answers whole and closes them, as a web server does."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        return super().open(*args, **{"buffered": True, **kwargs})


class Server:
    """An application with the OGC surface, a page of the host's beside it, and what is behind."""

    def __init__(self, home: Path, new_engine: NewEngine, **changes: Any) -> None:
        settings = Settings(
            config_path=home / "config.yml", server_url=BASE, host="127.0.0.1", port=5000, home=home,
            database_url="", workers=1, limits=LimitSettings(request_bytes=100_000, min_free_disk=1),
            cors_origins=("https://maps.example.org",),
        )  # fmt: skip
        self.settings = replace(settings, **changes)
        results = MemoryResults()
        self.engine = new_engine(results, dict(RUNS))
        self.catalogue = Catalogue(processes=PROCESSES)
        self.jobs = JobService(
            catalogue=self.catalogue, store=self.engine, executor=self.engine, results=results,
            policy=SourcePolicy(fetch=FetchSettings()),
        )  # fmt: skip
        self.services = Services(settings=self.settings, catalogue=self.catalogue, jobs=self.jobs)
        self.app = self.build()

    def build(self, prefix: str | None = None) -> Flask:
        app = Flask("host")
        app.test_client_class = Buffered
        app.register_blueprint(blueprint(self.services), url_prefix=prefix)
        app.register_blueprint(health.blueprint(self.services))
        app.add_url_rule("/collections", view_func=lambda: "the host's", methods=["GET", "POST"])
        app.add_url_rule("/refused", "refused", lambda: abort(404))
        app.add_url_rule("/processes/<process_id>", "hosts_own", view_func=lambda process_id: "the host's")
        return app

    def client(self) -> FlaskClient:
        return self.app.test_client()


@pytest.fixture
def server(tmp_path: Path, new_engine: NewEngine) -> Server:
    return Server(tmp_path, new_engine)


@pytest.fixture
def make_server(tmp_path: Path, new_engine: NewEngine) -> Callable[..., Server]:
    return lambda **changes: Server(tmp_path, new_engine, **changes)


@pytest.fixture
def client(server: Server) -> Iterator[FlaskClient]:
    with server.client() as made:
        yield made


@pytest.fixture
def valid() -> Callable[[str, JSON], None]:
    """Asserts that a document is what one of OGC's schemas says."""

    def check(name: str, document: JSON) -> None:
        errors = [error.message for error in _validator(name).iter_errors(document)]
        assert not errors, errors

    return check


@cache
def _validator(name: str) -> Draft4Validator:
    registry: Registry[Any] = Registry(retrieve=_schema)  # type: ignore[call-arg]  # attrs hides the name from mypy
    return Draft4Validator({"$ref": f"{name}.yaml"}, registry=registry)


def _schema(uri: str) -> Resource[Any]:
    contents = yaml.safe_load((SCHEMAS / uri).read_text())
    if uri == "inputValueNoObject.yaml":
        # as published an integer matches two of its branches and a string two others, so none is valid
        contents["anyOf"] = contents.pop("oneOf")
    return Resource.from_contents(contents, default_specification=DRAFT4)
