"""The pages in a real browser: they stand without scripts and without any other server."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from harness import Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    with serving(tmp_path_factory.mktemp("browser")) as started:
        yield started


def _dom(url: str, profile: Path) -> str:
    assert CHROMIUM is not None
    command = [CHROMIUM, *QUIET, f"--user-data-dir={profile}", "--dump-dom", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return done.stdout


def test_every_page_is_shown_to_a_browser(server: Server, tmp_path: Path) -> None:
    job_id = server.submit("writer", size=10)
    server.finished(job_id)
    pages = {
        "": "Processes",
        "conformance": "ogcapi-processes-1/1.0/conf/core",
        "processes": "Normalised difference vegetation index",
        "processes/ndvi": "Near-infrared band",
        "jobs": job_id,
        f"jobs/{job_id}": "successful",
        f"jobs/{job_id}/results": "written",
        "openapi": "/processes/ndvi/execution",
        "jobs/none": "there is no job",
    }
    for path, text in pages.items():
        dom = _dom(f"{server.url}/{path}", tmp_path)
        assert text in dom, path
        assert "<script" not in dom, path
        assert "<h1" in dom, path
