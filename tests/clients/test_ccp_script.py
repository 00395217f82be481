"""The flow of CCP's documented R script under real R: a token that runs out in mid-poll, to a zip that opens."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from harness import HANG, REPOSITORY, Server

from dragoman.devidp.realm import Realm
from dragoman.devidp.serving import dev_idp
from dragoman.packages.native.loader import load_package
from dragoman.packages.scripts.importing import import_method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragoman.devidp.serving import DevIdp

pytestmark = pytest.mark.slow

METHOD = REPOSITORY / "tests/e2e/methods/greeter.json"
VRE = "%2Fgeo%2Fvre"
"""A context of D4Science as the id of a client."""


@pytest.fixture(scope="module")
def rscript() -> str:
    command = shutil.which("Rscript")
    if command is None:
        pytest.skip("Rscript is not here; Debian: r-base-core")
    for name in ("httr", "jsonlite"):
        script = f"quit(status = !requireNamespace('{name}', quietly = TRUE))"
        if subprocess.run([command, "-e", script], capture_output=True, check=False).returncode:
            pytest.skip(f"R has no package {name}; Debian: r-cran-{name}")
    return command


@pytest.fixture(scope="module")
def idp() -> Iterator[DevIdp]:
    """Its tokens last three seconds, the job six."""
    with dev_idp(Realm(audiences=(VRE,), lifetime=3)) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, idp: DevIdp) -> Iterator[Server]:
    oidc = {"issuer": idp.issuer, "audience": VRE, "leeway": 0}
    folder = tmp_path_factory.mktemp("ccp")
    manager = {"auth": {"oidc": oidc}, "dialects": {"ccp": {"script_methods": True}}}
    packages = {"greeter": {"package": str(import_method(METHOD, folder))}}
    running = Server(folder / "server", manager=manager, packages=packages)
    try:
        yield running.start()
    finally:
        running.stop()


def session(
    rscript: str, idp: DevIdp, server: Server, folder: Path, process: str, request: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What the script tells, and the members of the archive that it downloads."""
    script = Path(__file__).with_name("ccp_session.R")
    sent = folder / "request.json"
    sent.write_text(json.dumps(request))
    arguments = [idp.token_endpoint, f"{server.url}/ccp", process, str(sent), str(folder)]
    ran = subprocess.run(
        [rscript, "--vanilla", str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    with zipfile.ZipFile(folder / "output.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(ran.stdout.splitlines()[-1]), members


def test_a_token_runs_out_in_mid_poll_and_the_archive_comes(
    rscript: str, idp: DevIdp, server: Server, tmp_path: Path
) -> None:
    request = {
        "inputs": {"text": "hello", "pause": 6, "numbers": [7], "ccpimage": "bash", "ccpreplicas": "1"},
        "outputs": {"output": {"transmissionMode": "value"}},
        "response": "raw",
    }
    told, members = session(rscript, idp, server, tmp_path, "echo", request)
    assert told["state"] == "successful"
    assert told["logins"] >= 3
    assert told["id"]
    assert members["text.txt"] == b"hello"


def test_ndvi_hello_world_and_an_imported_method(
    rscript: str, idp: DevIdp, server: Server, tmp_path: Path
) -> None:
    bands = load_package(REPOSITORY / "processes" / "ndvi").example
    assert bands is not None
    for process, inputs, expected in (
        ("ndvi", bands["inputs"], "ndvi.tif"),
        ("hello-world", {"name": "R"}, "echo.json"),
        ("greeter", {"name": "it's $(R)", "times": "1"}, "hello.txt"),
    ):
        folder = tmp_path / process
        folder.mkdir()
        request = {
            "inputs": {**inputs, "ccpimage": "bash", "ccpreplicas": "1"},
            "outputs": {"output": {"transmissionMode": "value"}},
            "response": "raw",
        }
        told, members = session(rscript, idp, server, folder, process, request)
        assert told["state"] == "successful", process
        assert expected in members
        if process == "ndvi":
            assert members[expected] == (REPOSITORY / "processes/ndvi/examples/ndvi.tif").read_bytes()
        elif process == "hello-world":
            assert "Hello R!" in members[expected].decode()
        else:
            assert members[expected] == b"hello it's $(R) from 0\n"
