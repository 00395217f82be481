"""Programs over HTTP: which there are, what they are called, whose they are, and what is not there."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING

import pytest

from dragoman.codegen.languages import LANGUAGES
from dragoman.config.auth import AuthSettings, OidcSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask.testing import FlaskClient
    from tests.adapters.ogc.conftest import Server

NAMES = [language.id for language in LANGUAGES]


def submit(client: FlaskClient, process: str, **inputs: object) -> str:
    answer = client.post(
        f"/processes/{process}/execution", json={"inputs": inputs}, headers={"Prefer": "respond-async"}
    )
    job_id: str = answer.json["jobID"]  # type: ignore[index]  # an object
    return job_id


def request_in(program: str) -> object:
    """What a Python program asks."""
    return ast.literal_eval(program.partition("REQUEST = ")[2].partition("\n\n")[0])


def test_they_are_listed_with_links_that_work(client: FlaskClient) -> None:
    job_id = submit(client, "echo", text="a")
    for up in ("/processes/echo", f"/jobs/{job_id}"):
        document = client.get(f"{up}/stubs").json
        assert document is not None
        assert [stub["language"] for stub in document["stubs"]] == NAMES
        for stub in document["stubs"]:
            assert stub["href"] == f"http://localhost:5000{up}/stubs/{stub['language']}"
            answer = client.get(stub["href"].removeprefix("http://localhost:5000"))
            assert answer.status_code == 200
            assert answer.headers["Content-Type"] == stub["type"]
            assert answer.headers["Content-Disposition"].startswith('attachment; filename="echo')
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert {link["rel"] for link in document["links"]} >= {"self", "alternate", "up"}


def test_of_a_process_the_request_is_one_that_fits(client: FlaskClient) -> None:
    text = client.get("/processes/echo/stubs/python").text
    assert request_in(text) == {"inputs": {"text": "text"}}
    assert "'http://localhost:5000/processes/echo/execution'" in text


@pytest.mark.parametrize("process", ["echo", "fail", "slow"])
def test_of_a_job_it_is_the_jobs_own_however_it_ended(client: FlaskClient, process: str) -> None:
    job_id = submit(client, process, text="grüß ${x}")
    answer = client.get(f"/jobs/{job_id}/stubs/python")
    assert request_in(answer.text) == {"inputs": {"text": "grüß ${x}"}}
    assert f'filename="{process}-{job_id[:8]}.py"' in answer.headers["Content-Disposition"]


def test_an_unknown_language_is_a_problem_that_lists_what_there_is(client: FlaskClient) -> None:
    job_id = submit(client, "echo", text="a")
    for up in ("/processes/echo", f"/jobs/{job_id}"):
        answer = client.get(f"{up}/stubs/cobol")
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json is not None
        assert answer.json["detail"] == f"there is no stub in 'cobol'; allowed: {', '.join(NAMES)}"
    assert client.get("/processes/echo/stubs/r/x").status_code == 404
    assert client.post("/processes/echo/stubs/r").status_code == 405


@pytest.mark.parametrize(
    ("path", "code"),
    [("/processes/none", "no-such-process"), ("/jobs/00000000-0000-4000-8000-000000000000", "no-such-job")],
)
def test_of_what_is_not_there_is_none(client: FlaskClient, path: str, code: str) -> None:
    for rest in ("stubs", "stubs/r"):
        answer = client.get(f"{path}/{rest}")
        assert (answer.status_code, (answer.json or {})["code"]) == (404, code)


def test_a_server_that_asks_for_tokens_says_how_to_come_by_one(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    oidc = OidcSettings(
        issuer="https://id.example/geo", audience=("a",), client_id="cli", scopes=("geo.run",)
    )
    client = make_server(auth=AuthSettings(oidc=oidc)).client()
    text = client.get("/processes/echo/stubs/curl").text
    for words in ("issuer=https://id.example/geo", "client=cli", "scopes=geo.run", "DRAGOMAN_CLIENT_SECRET"):
        assert words in text


def test_the_page_of_a_process_links_them_and_shows_one(client: FlaskClient) -> None:
    page = client.get("/processes/echo?f=html").text
    for name in NAMES:
        assert f'href="http://localhost:5000/processes/echo/stubs/{name}"' in page
    assert "EXECUTION = " in page
    assert "<script" not in page


def test_there_is_a_page_of_them_and_a_job_links_it(client: FlaskClient) -> None:
    job_id = submit(client, "echo", text="<b>")
    assert f"/jobs/{job_id}/stubs" in client.get(f"/jobs/{job_id}?f=html").text
    page = client.get(f"/jobs/{job_id}/stubs?f=html")
    assert page.headers["Content-Type"].startswith("text/html")
    assert f"/jobs/{job_id}/stubs/r" in page.text


def test_a_notebook_is_json(client: FlaskClient) -> None:
    answer = client.get("/processes/echo/stubs/jupyter")
    assert answer.headers["Content-Type"] == "application/x-ipynb+json"
    assert json.loads(answer.data)["nbformat"] == 4


def test_what_does_not_run_as_a_job_has_none_and_says_so(client: FlaskClient) -> None:
    client.post("/processes/now/execution", json={"inputs": {"text": "a"}})
    job_id = client.get("/jobs?processID=now").json["jobs"][0]["jobID"]  # type: ignore[index]  # an object
    for path in (
        "/processes/now/stubs",
        "/processes/now/stubs/r",
        f"/jobs/{job_id}/stubs",
        f"/jobs/{job_id}/stubs/r",
    ):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "'now', which does not run as a job" in (answer.json or {})["detail"]
    assert "As a program" not in client.get("/processes/now?f=html").text
    assert client.get("/processes/later/stubs/r").status_code == 200
