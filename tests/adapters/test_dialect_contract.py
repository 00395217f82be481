"""What holds in every dialect: one suite, run through a driver of each, every answer held to its API document."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from mapmaking import make_service
from memoryservices import MemoryServices
from memorysessions import MemorySessions
from memorytasks import MemoryTasks
from openapi_answers import ApiDocument
from openapi_schema_validator import OAS30Validator
from tests.adapters.drivers import DRIVERS, JOB_DRIVERS, wording
from tokenkit import TokenFactory

from dragoman.adapters import registry
from dragoman.adapters.appstore.settings import Application, AppStoreSettings
from dragoman.adapters.ncdjango.registered_jobs import RegisteredJob
from dragoman.adapters.ncdjango.settings import NcdjangoSettings
from dragoman.adapters.pesto.settings import PestoSettings
from dragoman.config.auth import PUBLIC, AuthSettings, ExecuteRule, OidcSettings
from dragoman.config.settings import FetchSettings, LimitSettings, Settings
from dragoman.devidp.realm import Realm
from dragoman.devidp.serving import dev_idp
from dragoman.errors import AlgorithmError
from dragoman.identity.tokens import Tokens
from dragoman.jobs.dataset_service import DatasetService
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.service import JobService
from dragoman.jobs.task_service import TaskService
from dragoman.maps.catalogue import MapCatalogue
from dragoman.model.job import Job, Output
from dragoman.model.principal import ANONYMOUS, Principal
from dragoman.model.process import InputSpec, OutputSpec, Process, Runtime
from dragoman.model.status import JobStatus
from dragoman.packages.catalogue import Catalogue
from dragoman.sources.policy import SourcePolicy
from dragoman.web.auth import by_token
from dragoman.web.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from memoryengine import MemoryEngine, Run
    from tests.adapters.conftest import NewEngine
    from tests.adapters.drivers import Driver, JobDriver
    from werkzeug.test import TestResponse

IDS = ("echo", "waiting", "broken")
COLLECT = Application(name="collect", process="echo", assets_input="text")
UNKNOWN = "00000000-0000-4000-8000-000000000000"
CHALLENGE = 'Bearer realm="dragoman"'


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


@pytest.fixture(scope="module")
def factory() -> Iterator[TokenFactory]:
    """Makes the tokens of a provider that listens."""
    with dev_idp(Realm(audiences=("dragoman",))) as idp:
        yield TokenFactory(idp=idp)


@pytest.fixture(scope="module")
def tokens(factory: TokenFactory) -> Mapping[str, str]:
    """By name the header Authorization of each who asks; who executes ``broken`` must be an analyst."""
    roles = {"alice": ["analyst"], "bob": ["guest"], "root": ["admin"]}
    return {
        name: f"Bearer {factory.good(sub=name, scope='geo.run', realm_access={'roles': words})}"
        for name, words in roles.items()
    }


class Talk(NamedTuple):
    """A client that speaks one dialect with jobs, and the engine behind it."""

    driver: JobDriver
    client: FlaskClient
    engine: MemoryEngine
    tokens: Mapping[str, str]

    def as_(self, name: str, path: str, method: str = "GET", **options: Any) -> TestResponse:
        """The answer to somebody by name; to nobody if it is empty."""
        headers = {"Authorization": self.tokens[name]} if name else {"Authorization": ""}
        return self.client.open(path, method=method, headers=headers, **options)

    def submit(self, process_id: str = "echo") -> str:
        return self.driver.job_id(self.driver.submit(self.client, process_id, {"text": "hello"}))

    def state(self, job_id: str, process_id: str = "echo") -> str:
        return self.driver.state_word(self.driver.state(self.client, process_id, job_id))


class Words(NamedTuple):
    """A client that speaks one dialect, with jobs or without."""

    driver: Driver
    client: FlaskClient
    tokens: Mapping[str, str]


def _application(folder: Path, engine: MemoryEngine, results: FolderResults, factory: TokenFactory) -> Flask:
    oidc = OidcSettings(issuer=factory.idp.issuer, audience=("dragoman",))
    auth = AuthSettings(
        oidc=oidc,
        execute={"broken": ExecuteRule(roles=("analyst",), scopes=("geo.run",))},
        public=frozenset({*PUBLIC, "services"}),
    )
    settings = Settings(
        config_path=folder / "config.yml", server_url="http://localhost:5000", host="127.0.0.1", port=5000,
        home=folder, database_url="", workers=1, limits=LimitSettings(min_free_disk=1),
        dialects={
            "pesto": PestoSettings(asynchronous=IDS),
            "ncdjango": NcdjangoSettings(jobs={id: RegisteredJob(process_id=id) for id in IDS}),
            "appstore": AppStoreSettings(applications={"collect": COLLECT}),
        },
        auth=auth,
    )  # fmt: skip
    catalogue = Catalogue(processes={process_id: _process(process_id) for process_id in IDS})
    jobs = JobService(
        catalogue=catalogue, store=engine, executor=engine, results=results,
        policy=SourcePolicy(fetch=FetchSettings()), execute=auth.execute,
    )  # fmt: skip
    sessions, published, tasks = MemorySessions(folder), MemoryServices(), MemoryTasks(engine)
    published.replace("alices", [make_service(name="alices/map", owner="alice", job_id="alices")])
    services = Services(
        settings=settings, catalogue=catalogue, jobs=jobs, authenticate=by_token(auth, Tokens(oidc).principal),
        datasets=DatasetService(sessions, lambda: sessions),
        maps=MapCatalogue(home=folder, open_store=lambda: published),
        tasks=TaskService(jobs=jobs, store=engine, desk=tasks, open_store=lambda: tasks),
    )  # fmt: skip
    app = Flask("host")
    registry.mount(app, services)
    return app


def _client(app: Flask, driver: Driver, tokens: Mapping[str, str]) -> FlaskClient:
    """Alice's; every answer is held to the dialect's API document."""
    documents = {name: ApiDocument(name) for name in {driver.name, wording(driver, "/jobs")[0]}}

    class Checked(FlaskClient):
        def open(self, *args: Any, **kwargs: Any) -> TestResponse:
            headers = {"Authorization": tokens["alice"], **kwargs.pop("headers", {})}
            response = super().open(*args, **{"buffered": True, "headers": headers, **kwargs})
            name, error = wording(driver, response.request.path)
            document = documents[name]
            document.check(response, driver.documented(response.request.path))
            if response.status_code >= 400:
                schema = {"$ref": f"#/components/schemas/{error}"}
                OAS30Validator({"allOf": [schema], "components": document.data["components"]}).validate(
                    response.json
                )
            return response

    app.test_client_class = Checked
    return app.test_client()


@pytest.fixture(params=[dialect.name for dialect in registry.DIALECTS if dialect.has_jobs])
def talk(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    new_engine: NewEngine,
    factory: TokenFactory,
    tokens: Mapping[str, str],
) -> Iterator[Talk]:
    driver, results = JOB_DRIVERS[request.param], FolderResults(tmp_path)
    engine = new_engine(results, RUNS)
    with _client(_application(tmp_path, engine, results, factory), driver, tokens) as client:
        yield Talk(driver, client, engine, tokens)


@pytest.fixture(params=[dialect.name for dialect in registry.DIALECTS])
def words(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    new_engine: NewEngine,
    factory: TokenFactory,
    tokens: Mapping[str, str],
) -> Iterator[Words]:
    driver, results = DRIVERS[request.param], FolderResults(tmp_path)
    app = _application(tmp_path, new_engine(results, RUNS), results, factory)
    with _client(app, driver, tokens) as client:
        yield Words(driver, client, tokens)


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


@pytest.mark.parametrize(("inputs", "word"), [({"text": 5}, "5"), ({"text": {"n": 5}}, "5"), ({}, "missing")])
def test_a_bad_input_is_named_and_nothing_is_kept(talk: Talk, inputs: dict[str, Any], word: str) -> None:
    if talk.driver.name == "ncdjango" and inputs == {"text": 5}:
        pytest.skip("ncdjango makes a text of a number")
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


def test_without_a_token_only_what_is_public_is_answered(words: Words) -> None:
    nobody = {"Authorization": ""}
    assert words.client.get(words.driver.somewhere, headers=nobody).status_code == 200
    for path in (words.driver.own(words.client), words.driver.nowhere):
        response = words.client.get(path, headers=nobody)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == CHALLENGE
        assert "send it in the header Authorization" in words.driver.reason(response)


def test_what_somebody_made_is_theirs_alone(words: Words) -> None:
    path = words.driver.own(words.client)
    for name, status in (("bob", 404), ("alice", 200), ("root", 200)):
        assert words.client.get(path, headers={"Authorization": words.tokens[name]}).status_code == status


def test_without_a_token_every_path_but_public_ones_is_a_challenge_in_the_dialects_words(talk: Talk) -> None:
    described = talk.driver.describe(talk.client, "echo").request.path
    job_path = talk.driver.state(talk.client, "echo", UNKNOWN).request.path
    for path, method in (
        (job_path, "GET"),
        (talk.driver.nowhere, "GET"),
        (job_path, "DELETE"),
        (described, "POST"),
    ):
        response = talk.as_("", path, method)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == CHALLENGE  # no ``error``: no token came
        exposed = response.headers.get("Access-Control-Expose-Headers", "")
        assert "WWW-Authenticate" in exposed or method != "GET"
        assert "send it in the header Authorization" in talk.driver.reason(response)
    assert talk.as_("", described).status_code == 200
    preflight = {"Authorization": "", "Access-Control-Request-Method": "GET"}
    assert talk.client.options(job_path, headers=preflight).status_code == 204


def test_a_token_that_is_not_good_is_refused_and_counts_for_nothing_where_all_is_public(
    talk: Talk, factory: TokenFactory
) -> None:
    described = talk.driver.describe(talk.client, "echo").request.path
    job_path = talk.driver.state(talk.client, "echo", UNKNOWN).request.path
    expired = {"Authorization": f"Bearer {factory.good(exp=1)}"}
    response = talk.client.get(job_path, headers=expired)
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    assert talk.driver.reason(response) == "the token has expired"
    assert talk.client.get(described, headers=expired).status_code == 200
    submitted = talk.driver.submit(talk.client, "echo", {"text": "hello"}).request
    refused = talk.client.post(submitted.path, json={"inputs": {}}, headers=expired)
    assert refused.status_code == 401
    assert len(talk.engine.jobs) == 1


@pytest.mark.parametrize("inputs", [{"text": "hello"}, {"text": 5}, {}])
def test_who_may_not_execute_is_told_so_before_inputs_are_looked_at(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, inputs: dict[str, Any]
) -> None:
    monkeypatch.setitem(talk.tokens, "alice", talk.tokens["bob"])
    response = talk.driver.submit(talk.client, "broken", inputs)
    assert response.status_code == 403
    challenge = response.headers["WWW-Authenticate"]
    assert challenge.startswith(f'{CHALLENGE}, error="insufficient_scope"')
    assert challenge.endswith('scope="geo.run"')
    assert "takes the role analyst" in talk.driver.reason(response)
    assert not talk.engine.jobs
    assert talk.driver.submit(talk.client, "echo", {"text": "hello"}).status_code < 300


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
    assert talk.as_("bob", path).status_code == 200


def _said(response: TestResponse, job_id: str) -> tuple[int, str]:
    return response.status_code, response.text.replace(job_id, "ID")


def test_a_job_of_somebody_else_was_never_there(talk: Talk) -> None:
    mine = talk.submit("waiting"), talk.submit("echo")
    assert {job.principal.id for job in talk.engine.jobs.values()} == {"alice"}
    driver = talk.driver
    for job_id, process in zip(mine, ("waiting", "echo"), strict=True):
        for ask in (driver.state, driver.results, driver.text, driver.dismiss):
            request = ask(talk.client, process, UNKNOWN).request
            path = request.path.replace(UNKNOWN, job_id)
            never = _said(talk.as_("bob", request.path, request.method), UNKNOWN)
            assert _said(talk.as_("bob", path, request.method), job_id) == never
            assert never[0] == 404
    assert driver.state(talk.client, "waiting", mine[0]).status_code == 200
    path = driver.state(talk.client, "waiting", mine[0]).request.path
    assert talk.as_("root", path).status_code == 200


def test_jobs_from_before_there_were_tokens_are_an_admins_alone(talk: Talk) -> None:
    job_id = talk.submit("waiting")
    talk.engine.jobs[job_id] = replace(talk.engine.jobs[job_id], principal=ANONYMOUS)
    path = talk.driver.state(talk.client, "waiting", job_id).request.path
    assert [talk.as_(name, path).status_code for name in ("alice", "bob", "root")] == [404, 404, 200]
