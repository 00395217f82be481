"""The OGC resources mounted a second time, under another prefix and with other habits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Flask
from tests.adapters.ogc.conftest import Buffered, echo

from dragoman.adapters.ogc.habits import Habits
from dragoman.adapters.ogc.routes import blueprint
from dragoman.model.job import JobFailure
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from tests.adapters.ogc.conftest import Server

    from dragoman.model.job import Job

TEXT = {"inputs": {"text": "hello"}}
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


def cancelled_as_failed(job: Job) -> Job:
    if job.status is not JobStatus.DISMISSED:
        return job
    failure = JobFailure(code="cancelled", detail="Execution cancelled")
    return job.evolve(status=JobStatus.FAILED, failure=failure)


@pytest.fixture
def client(server: Server) -> FlaskClient:
    """Both mounts on one application."""
    habits = Habits(
        name="other", prefix="/other", always_async=True, pages=False, reads_as=cancelled_as_failed
    )
    app = Flask("host")
    app.test_client_class = Buffered
    app.register_blueprint(blueprint(server.services))
    app.register_blueprint(blueprint(server.services, habits))
    return app.test_client()


def submit(client: FlaskClient, process_id: str) -> str:
    response = client.post(f"/other/processes/{process_id}/execution", json=TEXT)
    assert response.status_code == 201
    return response.headers["Location"]


@pytest.mark.parametrize("process_id", ["echo", "now", "later"])
def test_an_execution_is_always_answered_with_the_job(
    client: FlaskClient, server: Server, process_id: str
) -> None:
    location = submit(client, process_id)
    assert location.startswith("http://localhost:5000/other/jobs/")
    assert server.engine.get(location.rpartition("/")[2]).dialect == "other"
    assert client.post("/processes/echo/execution", json=TEXT).status_code == 200


def test_results_are_fetched_below_the_prefix(client: FlaskClient, server: Server) -> None:
    location = submit(client, "slow")
    server.engine.finish(location.rpartition("/")[2], lambda job, folder: {"text": echo(job, folder)["text"]})
    assert client.get(f"{location}/results").text == "hello"


def test_neither_accept_nor_f_asks_for_a_page(client: FlaskClient) -> None:
    for path in ("/other/", "/other", "/other/processes?f=html", "/other/processes?f=xml"):
        response = client.get(path, headers=BROWSER)
        assert (response.status_code, response.mimetype) == (200, "application/json")
    assert client.get("/other/nope", headers=BROWSER).mimetype == "application/problem+json"
    assert client.get("/processes", headers=BROWSER).mimetype == "text/html"
    assert client.get("/nope", headers=BROWSER).mimetype == "text/html"


def test_a_state_reads_as_the_habits_say_and_as_it_is_at_the_root(client: FlaskClient) -> None:
    location = submit(client, "slow")
    ended = client.delete(location).get_json()
    assert (ended["status"], ended["message"]) == ("failed", "Execution cancelled")
    assert client.get(location).get_json()["status"] == "failed"
    assert client.get("/other/jobs").get_json()["jobs"][0]["status"] == "failed"
    assert client.get(location.replace("/other", "")).get_json()["status"] == "dismissed"
    assert client.get("/jobs").get_json()["jobs"][0]["status"] == "dismissed"


def test_links_stay_below_the_prefix(client: FlaskClient) -> None:
    for path in ("/other/", "/other/processes", "/other/jobs"):
        for link in client.get(path).get_json()["links"]:
            assert link["href"].startswith("http://localhost:5000/other/")
