"""One more dialect, all of it in this file: its settings, paths, document, words and jobs. No shared file knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from flask import Flask
from harness import REPOSITORY

from dragoman.adapters import registry
from dragoman.adapters.dialect import Dialect, Notification
from dragoman.config.dialects import DialectSettings, dialect_keys
from dragoman.config.settings import FetchSettings
from dragoman.config.settings_file import load_settings
from dragoman.errors import SettingsError
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.service import JobService
from dragoman.jobs.submission import Submission
from dragoman.model.job import InputValue, Job, JobRequest, Output
from dragoman.model.process import InputSpec, OutputSpec, Process, Runtime
from dragoman.openapi import files
from dragoman.packages.catalogue import Catalogue
from dragoman.sources.policy import SourcePolicy
from dragoman.web import execution
from dragoman.web.call import Call, current_call
from dragoman.web.links import public_base
from dragoman.web.problems import detail_of, status_of
from dragoman.web.request_body import json_body
from dragoman.web.responses import json_response
from dragoman.web.services import Services
from dragoman.web.surface import Surface, add_routes, new_blueprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from flask import Blueprint, Response
    from flask.testing import FlaskClient
    from tests.adapters.conftest import NewEngine

    from dragoman.adapters.dialect import Read, ServerInfo
    from dragoman.config.settings import Settings
    from dragoman.config.values import Section
    from dragoman.web.dispatch import Handler

# The dialect


def read_greeting(section: Section, process_ids: Sequence[str]) -> str:
    return section.text("greeting", "hello")


class ToySurface(Surface):
    def call(self) -> Call:
        return current_call(public_base(self.settings) + self.prefix)

    def word(self, error: Exception) -> Response:
        return json_response({"oops": detail_of(error)}, status_of(error).value)


def run(api: ToySurface, call: Call, process_id: str) -> Response:
    request = JobRequest(inputs={"text": (InputValue(value=json_body()),)})
    submission = Submission(mode="sync", dialect="toy", wait=None)
    job = execution.run(api.services, call.principal, process_id, request, submission)
    greeting = api.settings.dialects["toy"]
    return json_response({"says": f"{greeting} {job.outputs['text'].value}", "at": f"{call.base}/{job.id}"})


def toy_blueprint(services: Services) -> Blueprint:
    api = ToySurface(services)

    def bind(handler: Handler) -> Handler:
        return lambda **arguments: handler(api, api.call(), **arguments)

    blueprint = new_blueprint("toy", api, ["/api/v1/toy"])
    add_routes(blueprint, [("/<process_id>", "run", {"POST": run})], bind, root="/api/v1/toy")
    return blueprint


def toy_document(processes: Iterable[Process], server: ServerInfo) -> dict[str, Any]:
    return {"openapi": "3.0.3", "paths": {f"/api/v1/toy/{process.id}": {} for process in processes}}


def toy_notification(job: Job, server_url: str, read: Read) -> Notification:
    return Notification(url="https://toys.example.org", body={"toy": job.status.value})


TOY = Dialect(
    name="toy",
    blueprint=toy_blueprint,
    openapi=toy_document,
    settings=DialectSettings(
        name="toy",
        summary="The toy; off turns it off.",
        keys={"greeting": "What it says."},
        defaults="hello",
        parse=read_greeting,
        counted=True,
    ),
    conformance=("http://toys.example.org/conf",),
    notification=toy_notification,
)
DIALECTS = (*registry.DIALECTS, TOY)

# What there is of it by itself

TEXT = (REPOSITORY / "pygeoapi-config.yml").read_text("utf-8")


def settings(folder: Path, dialects: dict[str, Any]) -> Settings:
    data = yaml.safe_load(TEXT)
    data["server"]["manager"]["dialects"] = dialects
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(data), "utf-8")
    return load_settings(path, {}, registry.dialect_settings(DIALECTS))


def _echo(job: Job, folder: Path) -> dict[str, Output]:
    text = job.request.inputs["text"][0].value
    return {"text": Output(id="text", media_type="text/plain", value=text)}


def serve(folder: Path, new_engine: NewEngine, **dialects: Any) -> FlaskClient:
    echo = Process(
        id="echo",
        version="1.0.0",
        inputs={"text": InputSpec(id="text", schema={"type": "string"})},
        outputs={"text": OutputSpec(id="text", schema={"type": "string"})},
        runtime=Runtime(form="native", folder="/nowhere"),
    )
    results, catalogue = FolderResults(folder), Catalogue(processes={"echo": echo})
    engine = new_engine(results, {"echo": _echo})
    policy = SourcePolicy(fetch=FetchSettings())
    jobs = JobService(catalogue=catalogue, store=engine, executor=engine, results=results, policy=policy)
    app = Flask("host")
    services = Services(settings=settings(folder, dialects), catalogue=catalogue, jobs=jobs)
    registry.mount(app, services, dialects=DIALECTS)
    return app.test_client()


def test_it_runs_a_process_and_links_to_it(tmp_path: Path, new_engine: NewEngine) -> None:
    client = serve(tmp_path, new_engine, toy={"greeting": "hi"})
    response = client.post("/api/v1/toy/echo", json="there")
    assert response.json is not None
    assert response.json["says"] == "hi there"
    job = client.get(f"/jobs/{response.json['at'].rpartition('/')[2]}").json
    assert job is not None
    assert job["status"] == "successful"


def test_it_words_every_error_below_its_paths_and_no_other(tmp_path: Path, new_engine: NewEngine) -> None:
    client = serve(tmp_path, new_engine, pesto={"default_process": "echo"})
    for method, path, status in (
        ("POST", "/api/v1/toy/nope", 404),  # its own route
        ("POST", "/api/v1/toy/echo/x/y", 404),  # nobody's
        ("GET", "/api/v1/toy", 404),
        ("GET", "/api/v1/toy/echo", 405),
    ):
        response = client.open(path, method=method, json="there")
        assert response.status_code == status
        assert response.json is not None
        assert response.json.keys() == {"oops"}
    refused = client.post("/api/v1/toy/echo", json="x", environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert (refused.status_code, refused.json and refused.json.keys()) == (403, {"oops"})
    for path, member in (("/api/v1/toys", "detail"), ("/api/v1/x/y", "detail"), ("/api/v2", "type")):
        response = client.get(path)
        assert response.status_code == 404
        assert response.json is not None
        assert next(iter(response.json)) == member


def test_its_settings_are_read_and_checked_like_all_others(tmp_path: Path) -> None:
    assert settings(tmp_path, {}).dialects["toy"] == "hello"
    assert settings(tmp_path, {"toy": True}).dialects["toy"] == "hello"
    assert settings(tmp_path, {"toy": {"greeting": "hi"}}).dialects["toy"] == "hi"
    with pytest.raises(
        SettingsError, match=r"config\.yml:\d+: server\.manager\.dialects\.toy\.greting: .*greeting"
    ):
        settings(tmp_path, {"toy": {"greting": "hi"}})
    assert "server.manager.dialects.toy.greeting" in dialect_keys(registry.dialect_settings(DIALECTS))


def test_the_engine_depends_on_its_settings_since_it_says_so(tmp_path: Path) -> None:
    digest = settings(tmp_path, {}).digest
    assert settings(tmp_path, {"toy": {"greeting": "hi"}}).digest != digest
    assert settings(tmp_path, {"pesto": {"default_process": "echo"}}).digest == digest


def test_it_may_be_off(tmp_path: Path, new_engine: NewEngine) -> None:
    off = settings(tmp_path, {"toy": False})
    assert TOY not in registry.enabled(off, DIALECTS)
    response = serve(tmp_path, new_engine, toy=False).post("/api/v1/toy/echo", json="there")
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")


def test_its_document_is_written_with_the_others(tmp_path: Path) -> None:
    files.write(tmp_path, registry.documents([], dialects=DIALECTS))
    assert {path.name for path in tmp_path.iterdir()} == {f"{dialect.name}.yml" for dialect in DIALECTS}


def test_subscribers_of_its_jobs_hear_it_and_no_other_dialect() -> None:
    message = registry.notification(_job("toy"), "", _no_file, DIALECTS)
    assert message == Notification(url="https://toys.example.org", body={"toy": "accepted"})
    assert registry.notification(_job("gone"), "", _no_file, DIALECTS) is None


def _no_file(output: Output) -> bytes:
    raise NotImplementedError


def _job(dialect: str) -> Job:
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    return Job(
        id="00000000-0000-4000-8000-000000000000", process_id="echo", process_version="1.0.0", dialect=dialect,
        runtime=Runtime(form="native", folder="/nowhere"), created=now, updated=now,
    )  # fmt: skip
