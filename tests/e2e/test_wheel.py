"""The wheel: what a user installs into a pygeoapi has all that it needs, and serves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
import yaml
from existing import Existing
from harness import BIN, HANG, REPOSITORY, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

OTHER_PYTHON = "3.13"


def _run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DRAGOMAN_", "PYGEOAPI_", "PYTHONPATH"))}
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd, env=kept, capture_output=True, text=True, timeout=2 * HANG, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options: list[str | Path] = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder]
    done = _run(sys.executable, "-m", "pip", "wheel", *options, REPOSITORY)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("dragoman-*.whl")
    return path


def _other_python() -> Path:
    """A Python 3.13 that can be run; skips where there is none."""
    places = [shutil.which(f"python{OTHER_PYTHON}")]
    places += sorted(map(str, Path.home().glob(f".pyenv/versions/{OTHER_PYTHON}*/bin/python3")))
    for place in filter(None, places):
        if _run(place, "-c", "import venv").returncode == 0:
            return Path(place)
    pytest.skip(f"there is no Python {OTHER_PYTHON} here")


def _beside_ours(folder: Path, wheel: Path) -> Path:
    """An environment with the wheel; what that needs is taken from ours, where dragoman itself is not."""
    venv.create(folder, with_pip=False, symlinks=True)
    done = _run(
        BIN / "python",
        "-m",
        "pip",
        "--python",
        folder / "bin/python",
        "install",
        "--no-deps",
        "--no-index",
        wheel,
    )
    assert done.returncode == 0, done.stderr
    (own,) = folder.glob("lib/python*/site-packages")
    (ours,) = Path(sys.prefix).glob("lib/python*/site-packages")
    (own / "needed.pth").write_text(f"{ours}\n")  # whose own .pth, that of the checkout, does not count
    for name in ("pygeoapi", "gunicorn"):
        lines = (BIN / name).read_text().splitlines()[1:]
        (folder / "bin" / name).write_text("\n".join([f"#!{folder}/bin/python", *lines]))
        (folder / "bin" / name).chmod(0o755)
    return folder


def _of_its_own(folder: Path, wheel: Path) -> Path:
    """An environment of the other Python into which all is really installed; skips where that cannot be had."""
    assert _run(_other_python(), "-m", "venv", folder).returncode == 0
    done = _run(folder / "bin/pip", "install", "--quiet", "-c", REPOSITORY / "constraints.txt", wheel)
    if done.returncode != 0 and ("connection" in done.stderr.lower() or "No matching" in done.stderr):
        pytest.skip(f"what the wheel needs cannot be had here: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module", params=["ours", OTHER_PYTHON])
def installed(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment that the wheel was installed into."""
    folder = tmp_path_factory.mktemp("installed") / "environment"
    made = _beside_ours(folder, wheel) if request.param == "ours" else _of_its_own(folder, wheel)
    return made / "bin"


def test_it_brings_processes_documents_and_licence(installed: Path, tmp_path: Path) -> None:
    script = "from dragoman.config.bundled import bundled_root as r, bundled_names as n; print(r(), *n())"
    root, *names = _run(installed / "python", "-c", script, cwd=tmp_path).stdout.split()
    assert Path(root).is_relative_to(installed.parent)
    assert names == sorted(file.parent.name for file in (REPOSITORY / "processes").glob("*/process.yml"))
    for folder in ("docs", "openapi"):
        assert {file.name for file in (REPOSITORY / folder).iterdir()} <= set(os.listdir(Path(root) / folder))
    (licence,) = installed.parent.glob("lib/python*/site-packages/dragoman-*.dist-info/licenses/LICENSE")
    assert "MIT License" in licence.read_text()


@pytest.fixture
def started(installed: Path, tmp_path: Path) -> Iterator[Server]:
    """What ``dragoman init --server`` wrote, served as it is; only the port is the test's."""
    written = _run(installed / "dragoman", "init", "--server", "geo", cwd=tmp_path)
    assert "dragoman serve" in written.stdout, written.stderr
    server = Server(tmp_path / "unused")
    server.bin, server.folder = installed, tmp_path / "geo"
    server.config, server.home = server.folder / "pygeoapi-config.yml", server.folder / "var"
    text = server.config.read_text().replace("DRAGOMAN_PORT:-5000", f"DRAGOMAN_PORT:-{server.port}")
    server.config.write_text(text.replace("http://localhost:5000", server.url))
    try:
        yield server.start()
    finally:
        server.stop()


def test_the_starter_serves_as_it_is(started: Server) -> None:
    listed = requests.get(f"{started.url}/processes", timeout=HANG).json()["processes"]
    declared = yaml.safe_load(started.config.read_text())["resources"]
    assert [process["id"] for process in listed] == list(declared)
    example = requests.get(f"{started.url}/openapi", timeout=HANG).json()
    assert "/processes/ndvi/execution" in example["paths"]
    job_id = started.submit("echo", text="Hello")
    assert started.finished(job_id)["status"] == "successful"
    tried = started.cli("test", "ndvi", "dragoman:reduce-dimension")
    assert tried.returncode == 0, tried.stdout + tried.stderr


def test_it_comes_to_a_pygeoapi_with_collections(installed: Path, tmp_path: Path) -> None:
    existing = Existing(tmp_path)
    existing.bin = installed
    config = yaml.safe_load(existing.config.read_text())
    config["resources"]["ndvi"] = {
        "type": "process",
        "processor": {"name": "dragoman.plugin.PackagedProcessor", "package": "dragoman:ndvi"},
    }
    existing.config.write_text(yaml.safe_dump(config))
    try:
        existing.start()
        for path in ("/", "/?f=html", "/?f=jsonld", "/?lang=fr", "/collections/obs/items", "/processes/ndvi"):
            answer = requests.get(f"{existing.url}{path}", timeout=HANG)
            assert (answer.status_code, answer.headers["X-API-Version"]) == (200, "1.2.3"), path
        assert existing.execute("hello-world", wait=True, name="you").json()["value"] == "Hello you!"
    finally:
        existing.stop()
