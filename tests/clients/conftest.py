"""One server for all clients, and the tools that generate some of them.

The generators live in an environment of their own, since what they need clashes with what we pin: that of
DRAGOMAN_CLIENTS_VENV, else ``.venv-clients`` of the checkout, made from ``requirements.txt`` beside this file.
"""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import requests
from harness import REPOSITORY, Server, serving
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("clients")) as started:
        yield started


@pytest.fixture(scope="session")
def openapi(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The served definition, as a file."""
    answer = requests.get(f"{server.url}/openapi", timeout=120)
    assert answer.status_code == 200
    path = tmp_path_factory.mktemp("openapi") / "openapi.json"
    path.write_bytes(answer.content)
    return path


@pytest.fixture(scope="session")
def tool() -> Callable[[str], Path]:
    """The path of a command in the clients' environment; skips where it is not installed."""

    def find(name: str) -> Path:
        environment = Path(os.environ.get("DRAGOMAN_CLIENTS_VENV") or REPOSITORY / ".venv-clients")
        command = environment / "bin" / name
        if not command.is_file():
            pytest.skip(f"{name} is not in {environment}; `make clients` installs it")
        return command

    return find


@pytest.fixture(scope="session")
def run() -> Callable[..., str]:
    """Runs a command to its end and gives what it printed; fails with that if the command did."""

    def call(*command: str | Path, folder: Path, timeout: float = 600, **variables: str) -> str:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=folder,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{command[0]} ended with {done.returncode}\n{done.stdout[-8000:]}"
        return done.stdout

    return call


@pytest.fixture(scope="session")
def raster() -> Callable[[float], str]:
    """A GeoTIFF of 8 by 8 pixels that all have one value, float32, UTM 18 N, as base64."""

    def make(value: float) -> str:
        profile = {"driver": "GTiff", "width": 8, "height": 8, "count": 1, "dtype": "float32"}
        place = {"crs": "EPSG:32618", "transform": from_origin(500000, 4500000, 30, 30)}
        with MemoryFile() as file:
            with file.open(**profile, **place) as dataset:
                dataset.write(np.full((1, 8, 8), value, "float32"))
            return base64.b64encode(file.read()).decode()

    return make
