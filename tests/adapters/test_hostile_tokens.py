"""Every path of the application, with every token that is not good: nothing told, nothing made, never 500."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from hostile_tokens import GOOD, HOSTILE, WITHOUT_TOKEN
from memorytasks import MemoryTasks
from tokenkit import TokenFactory, listening

from dragoman.adapters import registry
from dragoman.adapters.appstore.openapi import PUBLIC as APPSTORE_PUBLIC
from dragoman.adapters.appstore.settings import Application, AppStoreSettings
from dragoman.adapters.ccp.openapi import PUBLIC as CCP_PUBLIC
from dragoman.adapters.ogc.openapi.document import PUBLIC as OGC_PUBLIC
from dragoman.adapters.pesto.openapi import PUBLIC as PESTO_PUBLIC
from dragoman.adapters.pesto.settings import PestoSettings
from dragoman.config.auth import PUBLIC, PUBLIC_WORDS, AuthSettings, OidcSettings
from dragoman.config.settings import FetchSettings, LimitSettings, Settings
from dragoman.devidp.realm import Realm
from dragoman.devidp.serving import dev_idp
from dragoman.identity.tokens import Tokens
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.service import JobService
from dragoman.jobs.task_service import TaskService
from dragoman.model.job import JobRequest
from dragoman.model.process import InputSpec, OutputSpec, Process, Runtime
from dragoman.packages.catalogue import Catalogue
from dragoman.sources.policy import SourcePolicy
from dragoman.web import health
from dragoman.web.auth import SAFE, by_token
from dragoman.web.dispatch import BY_KEY, METHODS, public_word
from dragoman.web.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask.testing import FlaskClient
    from memoryengine import MemoryEngine
    from tests.adapters.conftest import NewEngine
    from werkzeug.routing import Rule

MAPS = ("/arcgis/rest/services/", "/data/services/", "/tiles/")
"""Below which a key in the URL opens what it was made for."""
PROTECTED = re.compile(
    r"/jobs|/execution$|/executions|/process$|/metrics$|/v1/(task|assets|result)$|/(processes|jobs|executions)/<path:rest>$"
)
"""What no word of ``auth.public`` opens, whatever becomes of the routes."""


BY_ITS_KEY = "/appstore/<application>/website/<task_id>/<key>/<path:name>"
"""The only path that checks a key in its URL; without the right one there is nothing."""


@pytest.fixture(scope="module")
def factory() -> Iterator[TokenFactory]:
    with dev_idp(Realm(audiences=("dragoman",))) as idp, listening() as listener:
        yield TokenFactory(idp=idp, listener=listener.url)
        assert listener.connections == 0


@pytest.fixture
def engine(tmp_path: Path, new_engine: NewEngine) -> MemoryEngine:
    return new_engine(FolderResults(tmp_path), {"echo": None})


@pytest.fixture
def client(tmp_path: Path, factory: TokenFactory, engine: MemoryEngine) -> FlaskClient:
    auth = AuthSettings(oidc=OidcSettings(issuer=factory.idp.issuer, audience=("dragoman",)))
    settings = Settings(
        config_path=tmp_path / "x", server_url="http://localhost:5000", host="127.0.0.1", port=5000, home=tmp_path,
        database_url="", workers=1, limits=LimitSettings(min_free_disk=1), auth=auth,
        dialects={
            "pesto": PestoSettings(default_process="echo", asynchronous=("echo",)),
            "appstore": AppStoreSettings(
                applications={"echo": Application(name="echo", process="echo", assets_input="text")}
            ),
        },
    )  # fmt: skip
    text = {"type": "string"}
    echo = Process(
        id="echo", version="1.0.0", inputs={"text": InputSpec(id="text", schema=text)},
        outputs={"text": OutputSpec(id="text", schema=text)}, runtime=Runtime(form="native", folder="/nowhere"),
    )  # fmt: skip
    catalogue = Catalogue(processes={"echo": echo})
    jobs = JobService(
        catalogue=catalogue, store=engine, executor=engine, results=FolderResults(tmp_path),
        policy=SourcePolicy(fetch=FetchSettings()),
    )  # fmt: skip
    assert auth.oidc is not None
    tasks = MemoryTasks(engine)
    services = Services(
        settings=settings,
        catalogue=catalogue,
        jobs=jobs,
        authenticate=by_token(auth, Tokens(auth.oidc).principal),
        tasks=TaskService(jobs=jobs, store=engine, desk=tasks, open_store=lambda: tasks),
    )
    app = Flask("host", static_folder=None)
    registry.mount(app, services)
    app.register_blueprint(health.blueprint(services))
    app.add_url_rule("/host", "host", lambda: "host", methods=["GET", "POST"])
    return app.test_client()


def rules(client: FlaskClient) -> list[tuple[Rule, str]]:
    """Every rule of the application, and the word of ``auth.public`` that it carries."""
    return [
        (rule, public_word(client.application, rule.endpoint))
        for rule in client.application.url_map.iter_rules()
    ]


def path_of(rule: Rule) -> str:
    return re.sub(
        r"<process_id>|<application>",
        "echo",
        re.sub(r"<int:index>", "0", re.sub(r"<(path:)?(rest|\w+_id)>", _part, rule.rule)),
    ).replace("<language>", "r")


def _part(match: re.Match[str]) -> str:
    if match[1]:
        return "a/b/c/d/e"
    return "echo" if match[2] == "process_id" else "00000000-0000-4000-8000-000000000000"


def test_every_route_is_protected_or_carries_a_word_that_the_operator_knows(client: FlaskClient) -> None:
    words = {rule.rule: word for rule, word in rules(client)}
    known = {*PUBLIC, "services"}
    assert set(words.values()) == {"", BY_KEY, *known}
    assert known < set(PUBLIC_WORDS)
    assert [path for path, word in words.items() if word and PROTECTED.search(path)] == []
    assert all(path.startswith(MAPS) or path == BY_ITS_KEY for path, word in words.items() if word == BY_KEY)
    assert words["/host"] == ""


@pytest.mark.parametrize(
    ("prefix", "documented"),
    [("", OGC_PUBLIC), ("", PESTO_PUBLIC), ("/ccp", CCP_PUBLIC), ("", APPSTORE_PUBLIC)],
)
def test_documents_tell_of_the_words_that_routes_carry(
    client: FlaskClient, prefix: str, documented: tuple[tuple[str, str], ...]
) -> None:
    words = {
        re.sub("<process_id>", "{processID}", rule.rule.replace("<language>", "{language}")): word
        for rule, word in rules(client)
    }
    assert {path: words[prefix + path] for path, _ in documented} == dict(documented)
    below = {path for path in words if prefix == "" or path.startswith(f"{prefix}/")}
    beside = {
        path.removeprefix(prefix) for path in below if words[path] and not re.search(r"/api(/|$)", path)
    }
    elsewhere = ("/ccp", "/health", "/arcgis", "/data", "/tiles", "/appstore")
    others = {path for path in beside if path.startswith(elsewhere)}
    assert documented in (PESTO_PUBLIC, APPSTORE_PUBLIC) or beside - others == {
        path for path, _ in documented
    }


def test_without_a_token_only_public_paths_answer_and_only_to_be_read(
    client: FlaskClient, engine: MemoryEngine
) -> None:
    for rule, word in rules(client):
        for method in METHODS:
            response = client.open(path_of(rule), method=method, json={"text": "x"})
            free = word in PUBLIC and method in ("GET", "HEAD", "OPTIONS")
            if word == BY_KEY and not free and response.status_code != 401:  # without a key nothing is there
                assert response.status_code in (404, 405 if method not in SAFE else 204)
                continue
            assert (response.status_code == 401) is not free, f"{method} {rule}"
            if not free:
                assert response.headers["WWW-Authenticate"] == 'Bearer realm="dragoman"'
    for path in ("/nowhere", "/pesto/echo/api/v1/nowhere", "/api/v1/nowhere", "/jobs//x", "/jobs/../x"):
        assert client.get(path).status_code == 401
    assert client.open("/jobs", method="PROPFIND").status_code == 401
    assert not engine.jobs


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_token_opens_nothing(
    client: FlaskClient, engine: MemoryEngine, factory: TokenFactory, name: str
) -> None:
    value = HOSTILE[name](factory)
    headers = {} if value is None else {"Authorization": value}
    for rule, word in rules(client):
        for method in ("GET", "POST", "DELETE"):
            response = client.open(path_of(rule), method=method, json={"text": "x"}, headers=headers)
            if word in PUBLIC and method == "GET":
                assert response.status_code < 300, f"{method} {rule}"
                continue
            if word == BY_KEY and method == "GET":  # there a token that is not good is nothing
                assert response.status_code in (401, 404), f"{method} {rule}"
                continue
            assert response.status_code == 401, f"{method} {rule}"
            challenge = response.headers["WWW-Authenticate"]
            assert ("error=" in challenge) is (name not in WITHOUT_TOKEN)
            assert "Traceback" not in response.text
    assert not engine.jobs


@pytest.mark.parametrize("name", GOOD)
def test_a_good_token_opens_what_is_its_owners(
    client: FlaskClient, engine: MemoryEngine, factory: TokenFactory, name: str
) -> None:
    headers = {"Authorization": GOOD[name](factory)}
    assert client.get("/jobs", headers=headers).status_code == 200
    assert client.get("/nowhere", headers=headers).status_code == 404
    assert client.post("/api/v1/jobs", json={"text": "x"}, headers=headers).status_code == 200
    (job,) = engine.jobs.values()
    assert isinstance(job.request, JobRequest)
    assert job.principal.id == factory.claims()["sub"]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"query_string": {"access_token": "x"}}, 400),
        ({"data": {"access_token": "x"}, "method": "POST"}, 400),
        ({"query_string": {"access_token": "x"}, "headers": {}}, 401),
    ],
)
def test_a_token_in_two_places_or_in_the_url_is_refused(
    client: FlaskClient, factory: TokenFactory, options: dict[str, Any], status: int
) -> None:
    headers = {"Authorization": f"Bearer {factory.good()}"}
    response = client.open("/jobs", **{"headers": headers, **options})
    assert response.status_code == status
    assert ('error="invalid_request"' in response.headers["WWW-Authenticate"]) is (status == 400)


def test_a_browser_without_a_token_is_told_how_to_come_in(client: FlaskClient, factory: TokenFactory) -> None:
    response = client.get("/jobs", headers={"Accept": "text/html"})
    assert (response.status_code, response.mimetype) == (401, "text/html")
    assert factory.idp.issuer in response.text
    assert "How to come in" in response.text
    assert "Authorization: Bearer TOKEN" in response.text


def test_a_new_key_is_taken_once_it_is_published(client: FlaskClient, factory: TokenFactory) -> None:
    token, publish = factory.unknown_key()
    publish()  # before the server has fetched any
    assert client.get("/jobs", headers={"Authorization": f"Bearer {token}"}).status_code == 200
