"""Generated programs, each run by its own interpreter against a real server, with tokens and without."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests
from harness import HANG, REPOSITORY, Server, serving
from stubkit import run_stub, saved

from dragoman.codegen.languages import LANGUAGES
from dragoman.devidp.grants import UMA_TICKET, Grants
from dragoman.devidp.realm import Realm
from dragoman.devidp.serving import DevIdp, dev_idp
from dragoman.packages.native.loader import load_package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragoman.model.process import JSON

pytestmark = pytest.mark.slow

VRE = "%2Fgeo%2Fvre"
"""A context of D4Science as an audience."""
NAMES = [language.id for language in LANGUAGES]
PROGRAMS = [name for name in NAMES if name != "jupyter"]
"""All but the notebook, whose code is Python's, and whose kernel takes seconds to start."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A stub as the server sends it."""

    language: str
    name: str
    text: str


def fetch(url: str, token: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(url, headers=headers, timeout=HANG)


def stub(url: str, language: str, token: str = "") -> Program:
    answer = fetch(f"{url}/stubs/{language}", token)
    assert answer.status_code == 200, answer.text
    name = answer.headers["Content-Disposition"].partition('filename="')[2].rstrip('"')
    return Program(language=language, name=name, text=answer.content.decode())


def example(process: str) -> JSON:
    return load_package(REPOSITORY / "processes" / process).example


def submit(server: Server, process: str, request: JSON, token: str = "") -> str:
    """The URL of a new job."""
    headers = {"Prefer": "respond-async", **({"Authorization": f"Bearer {token}"} if token else {})}
    url = f"{server.url}/processes/{process}/execution"
    answer = requests.post(url, json=request, headers=headers, timeout=HANG)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def run(program: Program, folder: Path, **variables: str) -> tuple[dict[str, bytes], str, int]:
    """What it saved, what it said, and how it ended."""
    done = run_stub(program.language, program.name, program.text, folder, **variables)
    return saved(folder, program.name), done.stdout + done.stderr, done.returncode


def check_echo(files: dict[str, bytes], text: str) -> None:
    assert sorted(files) == ["received.json", "text.txt", "value.json"]
    assert files["text.txt"].decode() == text


def check_ndvi(files: dict[str, bytes]) -> None:
    assert sorted(files) == ["ndvi.tif", "statistics.json"]
    assert files["ndvi.tif"] == (REPOSITORY / "processes/ndvi/examples/ndvi.tif").read_bytes()
    assert json.loads(files["statistics.json"])["valid_count"] == 12732


@pytest.fixture(scope="class")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("stubs")) as started:
        yield started


@pytest.fixture(scope="class")
def idp() -> Iterator[DevIdp]:
    """Its tokens are for no audience before they are exchanged, as Keycloak's are by default."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Grants, "_audiences", lambda _self: ("account",))
        with dev_idp(Realm(audiences=(VRE,))) as running:
            yield running


@pytest.fixture(scope="class")
def plain_idp() -> Iterator[DevIdp]:
    """It says that it exchanges nothing, and refuses to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Grants, "names", ["password", "client_credentials"])
        patch.setattr(Grants, "_uma_ticket", _never)
        with dev_idp(Realm(audiences=(VRE,))) as running:
            yield running


def _never(*_arguments: object) -> None:
    raise AssertionError("it was asked for what it does not have")


@pytest.fixture(scope="class")
def guarded_server(idp: DevIdp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("guarded"), manager=guard(idp)) as started:
        yield started


@pytest.fixture(scope="class")
def plainly_guarded_server(plain_idp: DevIdp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("plain"), manager=guard(plain_idp)) as started:
        yield started


def guard(idp: DevIdp) -> dict[str, Any]:
    return {"auth": {"oidc": {"issuer": idp.issuer, "audience": VRE, "client_id": "dragoman-cli"}}}


class TestWithoutTokens:
    @pytest.mark.parametrize("language", NAMES)
    def test_a_process_runs_as_it_is(self, open_server: Server, language: str, tmp_path: Path) -> None:
        program = stub(f"{open_server.url}/processes/echo", language)
        assert "DRAGOMAN_TOKEN" not in program.text
        files, said, code = run(program, tmp_path)
        assert code == 0, said
        check_echo(files, "Hello")

    @pytest.mark.parametrize("language", NAMES)
    def test_a_job_is_repeated_with_its_own_request(
        self, open_server: Server, language: str, tmp_path: Path
    ) -> None:
        program = stub(submit(open_server, "ndvi", example("ndvi")), language)
        files, said, code = run(program, tmp_path)
        assert code == 0, said
        check_ndvi(files)

    @pytest.mark.parametrize("language", NAMES)
    def test_a_job_that_fails_ends_it_with_its_reason(
        self, open_server: Server, language: str, tmp_path: Path
    ) -> None:
        job = submit(open_server, "writer", {"inputs": {"fail": "the ${sky} fell"}})
        open_server.finished(job.rpartition("/")[2])
        files, said, code = run(stub(job, language), tmp_path)
        assert code == 1, said
        assert "the job is failed" in said
        assert "the ${sky} fell" in said
        assert files == {}

    @pytest.mark.parametrize("language", NAMES)
    def test_files_of_a_list_are_saved_one_by_one(
        self, open_server: Server, language: str, tmp_path: Path
    ) -> None:
        program = stub(
            submit(open_server, "lister", {"inputs": {"count": 2}, "outputs": {"tables": {}}}), language
        )
        files, said, code = run(program, tmp_path)
        assert code == 0, said
        assert files == {"tables-0.csv": b"n\n0\n", "tables-1.csv": b"n\n1\n"}

    @pytest.mark.parametrize("language", PROGRAMS)
    def test_a_request_that_is_refused_is_explained(
        self, open_server: Server, language: str, tmp_path: Path
    ) -> None:
        program = stub(f"{open_server.url}/processes/echo", language)
        wrong = Program(language=language, name=program.name, text=program.text.replace("2.5", "[]"))
        assert wrong.text != program.text
        files, said, code = run(wrong, tmp_path)
        assert (code, files) == (1, {}), said
        assert "input 'value'" in said

    @pytest.mark.parametrize("language", PROGRAMS)
    def test_a_long_text_is_read_from_a_file_beside_it(
        self, open_server: Server, language: str, tmp_path: Path
    ) -> None:
        text = "grüß \\ \"'&\\1\r\n" * 6_000
        program = stub(
            submit(open_server, "echo", {"inputs": {"text": text, "value": 1, "numbers": [1]}}), language
        )
        (tmp_path / "input-text.txt").write_bytes(text.encode())
        files, said, code = run(program, tmp_path)
        assert code == 0, said
        del files["input-text.txt"]
        check_echo(files, text)
        assert json.loads(files["received.json"])[1] == "numbers=[1]"


class TestWithTokens:
    @pytest.mark.parametrize("language", NAMES)
    def test_a_token_that_ran_out_is_renewed_by_name_and_password(
        self, guarded_server: Server, language: str, tmp_path: Path
    ) -> None:
        program = stub(f"{guarded_server.url}/processes/ndvi", language)
        variables = {"DRAGOMAN_TOKEN": "stale", "DRAGOMAN_USER": "alice", "DRAGOMAN_PASSWORD": "alice"}
        files, said, code = run(program, tmp_path, **variables)
        assert code == 0, said
        check_ndvi(files)

    @pytest.mark.parametrize("language", NAMES)
    def test_a_client_repeats_a_job_by_its_secret(
        self, guarded_server: Server, idp: DevIdp, language: str, tmp_path: Path
    ) -> None:
        token = _token(idp)
        text = "grüß \"'\\ ${HOME} $(id) `id` \U0001f6f0"
        job = submit(guarded_server, "echo", {"inputs": {"text": text, "value": 1}}, token)
        program = stub(job, language, token)
        variables = {"DRAGOMAN_CLIENT_ID": "dragoman-service", "DRAGOMAN_CLIENT_SECRET": "secret"}
        files, said, code = run(program, tmp_path, **variables)
        assert code == 0, said
        check_echo(files, text)

    @pytest.mark.parametrize("language", PROGRAMS)
    def test_without_anything_it_says_what_it_needs(
        self, guarded_server: Server, language: str, tmp_path: Path
    ) -> None:
        files, said, code = run(stub(f"{guarded_server.url}/processes/echo", language), tmp_path)
        assert (code, files) == (1, {}), said
        assert "set DRAGOMAN_TOKEN; or DRAGOMAN_USER and DRAGOMAN_PASSWORD" in said

    def test_a_jobs_are_its_owners_alone(self, guarded_server: Server, idp: DevIdp) -> None:
        job = submit(guarded_server, "echo", {"inputs": {"text": "a"}}, _token(idp))
        assert fetch(f"{job}/stubs").status_code == 401
        assert fetch(f"{job}/stubs/r").status_code == 401
        other = exchanged(
            idp,
            idp_token(idp, grant_type="password", username="bob", password="bob", client_id="dragoman-cli"),
        )
        for path in ("stubs", "stubs/r", "stubs/cobol"):
            answer = fetch(f"{job}/{path}", other)
            assert (answer.status_code, answer.json()["code"]) == (404, "no-such-job")


class TestWithoutExchange:
    @pytest.mark.parametrize("language", PROGRAMS)
    def test_an_issuer_that_exchanges_nothing_is_not_asked_to(
        self, plainly_guarded_server: Server, language: str, tmp_path: Path
    ) -> None:
        program = stub(f"{plainly_guarded_server.url}/processes/echo", language)
        files, said, code = run(program, tmp_path, DRAGOMAN_USER="alice", DRAGOMAN_PASSWORD="alice")
        assert code == 0, said
        check_echo(files, "Hello")


def _token(idp: DevIdp) -> str:
    first = idp_token(
        idp, grant_type="client_credentials", client_id="dragoman-service", client_secret="secret"
    )
    return exchanged(idp, first)


def exchanged(idp: DevIdp, token: str) -> str:
    """The token for the server's audience."""
    return idp_token(idp, {"Authorization": f"Bearer {token}"}, grant_type=UMA_TICKET, audience=VRE)


def idp_token(idp: DevIdp, headers: dict[str, str] | None = None, **form: Any) -> str:
    answer = requests.post(idp.token_endpoint, data=form, headers=headers, timeout=HANG)
    token: str = answer.json()["access_token"]
    return token
