"""What holds in every dialect: one suite, run through a driver of each, every answer held to its API document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from memorysessions import MemorySessions
from openapi_answers import ApiDocument
from openapi_schema_validator import OAS30Validator
from tests.adapters.drivers import DRIVERS, JOB_DRIVERS

from dragoman.adapters import registry
from dragoman.adapters.pesto.settings import PestoSettings
from dragoman.config.settings import FetchSettings, LimitSettings, Settings
from dragoman.errors import AlgorithmError, Unauthorized
from dragoman.jobs.dataset_service import DatasetService
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.service import JobService
from dragoman.model.job import Job, Output
from dragoman.model.principal import Principal
from dragoman.model.process import InputSpec, OutputSpec, Process, Runtime
from dragoman.model.status import JobStatus
from dragoman.packages.catalogue import Catalogue
from dragoman.sources.policy import SourcePolicy
from dragoman.web.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Request
    from memoryengine import MemoryEngine, Run
    from tests.adapters.conftest import NewEngine
    from tests.adapters.drivers import Driver, JobDriver
    from werkzeug.test import TestResponse

IDS = ("echo", "waiting", "broken")
UNKNOWN = "00000000-0000-4000-8000-000000000000"
CHALLENGE = 'Bearer realm="geo"'


def _echo(job: Job, folder: Path) -> dict[str, Output]:
    text = job.request.inputs["text"][0].value
    return {"text": Output(id="text", media_type="text/plain", value=text)}


def _fail(job: Job, folder: Path) -> dict[str, Output]:
    raise AlgorithmError("the sky fell")


RUNS: dict[str, Run | None] = {"echo": _echo, "waiting": None, "broken": _fail}


def _process(process_id: str) -> Process:
    text = InputSpec(id="text", schema={"type": "string"})
    return Process(
        id=process_id,
        version="1.0.0",
        inputs={"text": text},
        outputs={"text": OutputSpec(id="text", schema={"type": "string"})},
        runtime=Runtime(form="native", folder="/nowhere"),
    )


def _by_token(request: Request) -> Principal:
    """``Bearer NAME`` is NAME's token."""
    scheme, _, name = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not name:
        raise Unauthorized(challenge=CHALLENGE)
    return Principal(id=name)


class Talk(NamedTuple):
    """A client that speaks one dialect with jobs, and the engine behind it."""

    driver: JobDriver
    client: FlaskClient
    engine: MemoryEngine

    def submit(self, process_id: str = "echo") -> str:
        return self.driver.job_id(self.driver.submit(self.client, process_id, {"text": "hello"}))

    def state(self, job_id: str, process_id: str = "echo") -> str:
        return self.driver.state_word(self.driver.state(self.client, process_id, job_id))


class Words(NamedTuple):
    """A client that speaks one dialect, with jobs or without."""

    driver: Driver
    client: FlaskClient


def _application(folder: Path, engine: MemoryEngine, results: FolderResults) -> Flask:
    settings = Settings(
        config_path=folder / "config.yml", server_url="http://localhost:5000", host="127.0.0.1", port=5000,
        home=folder, database_url="", workers=1, limits=LimitSettings(min_free_disk=1),
        dialects={"pesto": PestoSettings(asynchronous=IDS)},
    )  # fmt: skip
    catalogue = Catalogue(processes={process_id: _process(process_id) for process_id in IDS})
    jobs = JobService(
        catalogue=catalogue, store=engine, executor=engine, results=results,
        policy=SourcePolicy(fetch=FetchSettings()),
    )  # fmt: skip
    sessions = MemorySessions(folder)
    services = Services(
        settings=settings, catalogue=catalogue, jobs=jobs, authenticate=_by_token,
        datasets=DatasetService(sessions, lambda: sessions),
    )  # fmt: skip
    app = Flask("host")
    registry.mount(app, services)
    return app


def _client(app: Flask, driver: Driver) -> FlaskClient:
    """Alice's; every answer is held to the dialect's API document."""
    document = ApiDocument(driver.name)

    class Checked(FlaskClient):
        def open(self, *args: Any, **kwargs: Any) -> TestResponse:
            headers = {"Authorization": "Bearer alice", **kwargs.pop("headers", {})}
            response = super().open(*args, **{"buffered": True, "headers": headers, **kwargs})
            document.check(response, driver.documented(response.request.path))
            if response.status_code >= 400:
                schema = {"$ref": f"#/components/schemas/{driver.error}"}
                OAS30Validator({"allOf": [schema], "components": document.data["components"]}).validate(
                    response.json
                )
            return response

    app.test_client_class = Checked
    return app.test_client()


@pytest.fixture(params=[dialect.name for dialect in registry.DIALECTS if dialect.has_jobs])
def talk(request: pytest.FixtureRequest, tmp_path: Path, new_engine: NewEngine) -> Iterator[Talk]:
    driver, results = JOB_DRIVERS[request.param], FolderResults(tmp_path)
    engine = new_engine(results, RUNS)
    with _client(_application(tmp_path, engine, results), driver) as client:
        yield Talk(driver, client, engine)


@pytest.fixture(params=[dialect.name for dialect in registry.DIALECTS])
def words(request: pytest.FixtureRequest, tmp_path: Path, new_engine: NewEngine) -> Iterator[Words]:
    driver, results = DRIVERS[request.param], FolderResults(tmp_path)
    with _client(_application(tmp_path, new_engine(results, RUNS), results), driver) as client:
        yield Words(driver, client)


def test_every_dialect_has_a_driver() -> None:
    assert DRIVERS.keys() == {dialect.name for dialect in registry.DIALECTS}
    assert JOB_DRIVERS.keys() == {dialect.name for dialect in registry.DIALECTS if dialect.has_jobs}


def test_every_state_has_a_word(talk: Talk) -> None:
    assert talk.driver.words.keys() == set(JobStatus)


def test_processes_are_listed_and_described(talk: Talk) -> None:
    assert talk.driver.ids(talk.client) in (None, list(IDS))
    described = talk.driver.describe(talk.client, "echo")
    assert described.status_code == 200
    assert "text" in described.text
    assert talk.driver.describe(talk.client, "nope").status_code == 404


def test_a_job_is_polled_to_success_and_gives_its_results(talk: Talk) -> None:
    job_id = talk.submit("waiting")
    words = talk.driver.words
    assert talk.state(job_id, "waiting") == words[JobStatus.ACCEPTED]
    assert talk.engine.get(job_id).dialect == talk.driver.name
    talk.engine.finish(job_id, _echo)
    assert talk.state(job_id, "waiting") == words[JobStatus.SUCCESSFUL]
    assert talk.driver.results(talk.client, "waiting", job_id).status_code == 200
    assert talk.driver.text(talk.client, "waiting", job_id).text == "hello"


def test_results_are_not_there_before_the_end(talk: Talk) -> None:
    job_id = talk.submit("waiting")
    response = talk.driver.results(talk.client, "waiting", job_id)
    assert response.status_code == 404
    assert "not ready" in talk.driver.reason(response)


def test_a_failed_job_says_why(talk: Talk) -> None:
    job_id = talk.submit("broken")
    assert talk.state(job_id, "broken") == talk.driver.words[JobStatus.FAILED]
    response = talk.driver.results(talk.client, "broken", job_id)
    assert response.status_code == 500
    assert talk.driver.reason(response) == "the sky fell"


def test_a_job_is_dismissed(talk: Talk) -> None:
    job_id = talk.submit("waiting")
    ended = talk.driver.dismiss(talk.client, "waiting", job_id)
    assert talk.driver.state_word(ended) == talk.driver.words[JobStatus.DISMISSED]
    assert talk.engine.get(job_id).status is JobStatus.DISMISSED
    assert talk.driver.results(talk.client, "waiting", job_id).status_code == 404


def test_a_finished_job_is_removed(talk: Talk) -> None:
    job_id = talk.submit()
    ended = talk.driver.dismiss(talk.client, "echo", job_id)
    assert talk.driver.state_word(ended) == talk.driver.words[JobStatus.DISMISSED]
    assert job_id not in talk.engine.jobs
    assert talk.driver.state(talk.client, "echo", job_id).status_code == 404
    assert talk.driver.dismiss(talk.client, "echo", job_id).status_code == 404


@pytest.mark.parametrize("job_id", [UNKNOWN, UNKNOWN.upper().replace("0", "F"), "1", "a.b"])
def test_an_unknown_job_is_404_everywhere(talk: Talk, job_id: str) -> None:
    driver, client = talk.driver, talk.client
    for ask in (driver.state, driver.results, driver.text, driver.dismiss):
        response = ask(client, "echo", job_id)
        assert response.status_code == 404
        assert "there is no job" in driver.reason(response)


@pytest.mark.parametrize(("inputs", "word"), [({"text": 5}, "5"), ({}, "missing")])
def test_a_bad_input_is_named_and_nothing_is_kept(talk: Talk, inputs: dict[str, Any], word: str) -> None:
    response = talk.driver.submit(talk.client, "echo", inputs)
    assert response.status_code == 400
    assert "input 'text'" in talk.driver.reason(response)
    assert word in talk.driver.reason(response)
    assert not talk.engine.jobs


def test_a_full_queue_says_when_to_try_again(talk: Talk) -> None:
    talk.engine.full = True
    response = talk.driver.submit(talk.client, "echo", {"text": "hello"})
    assert response.status_code in (429, 503)
    assert response.headers["Retry-After"] == "7"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_an_unknown_path_is_refused_in_the_dialects_words(words: Words, method: str) -> None:
    response = words.client.open(words.driver.nowhere, method=method)
    assert response.status_code == 404
    assert words.driver.reason(response)


def test_a_wrong_method_is_refused_with_what_is_allowed(words: Words) -> None:
    path = words.driver.somewhere
    assert words.client.get(path).status_code == 200
    response = words.client.patch(path)
    assert response.headers["Allow"] == words.driver.allowed
    for refused in (response, words.client.open(path, method="PROPFIND")):
        assert refused.status_code == 405
        assert words.driver.reason(refused)


def test_without_a_token_every_path_is_a_challenge_in_the_dialects_words(words: Words) -> None:
    for path in (words.driver.somewhere, words.driver.own(words.client), words.driver.nowhere):
        response = words.client.get(path, headers={"Authorization": ""})
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == CHALLENGE
        assert words.driver.reason(response) == "This needs a valid token."
    preflight = {"Authorization": "", "Access-Control-Request-Method": "GET"}
    assert words.client.options(words.driver.somewhere, headers=preflight).status_code == 204


def test_what_somebody_made_is_theirs_alone(words: Words) -> None:
    path = words.driver.own(words.client)
    assert words.client.get(path, headers={"Authorization": "Bearer bob"}).status_code == 404
    assert words.client.get(path).status_code == 200


def test_a_process_that_is_not_visible_is_not_there(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    def visible_to(catalogue: Catalogue, principal: Principal) -> Catalogue:
        hidden = "broken" if principal.id == "alice" else ""
        return Catalogue(processes={p.id: p for p in catalogue if p.id != hidden})

    assert talk.driver.describe(talk.client, "broken").status_code == 200
    monkeypatch.setattr(Catalogue, "visible_to", visible_to)
    assert talk.driver.ids(talk.client) in (None, ["echo", "waiting"])
    assert talk.driver.describe(talk.client, "broken").status_code == 404
    assert talk.driver.submit(talk.client, "broken", {"text": "hello"}).status_code == 404
    assert not talk.engine.jobs
    path = talk.driver.describe(talk.client, "broken").request.path
    assert talk.client.get(path, headers={"Authorization": "Bearer bob"}).status_code == 200


def test_a_job_is_its_owners_alone(talk: Talk) -> None:
    job_id = talk.submit("waiting")
    assert talk.engine.get(job_id).principal == Principal(id="alice")
    other = {"Authorization": "Bearer bob"}
    path = talk.driver.state(talk.client, "waiting", job_id).request.path
    assert talk.client.get(path, headers=other).status_code == 404
    assert talk.client.get(path).status_code == 200
