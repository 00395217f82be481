"""A task's page in a real browser: its pictures are seen, and its scripts reach nobody."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from appstorekit import AppStore, asset, data_of, serving_apps
from fileserver import serving_files
from tests.clients.test_browser import QUIET

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def test_the_page_shows_its_pictures_and_is_no_way_to_the_server(tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    with serving_files() as files, serving_apps(tmp_path / "server", [files.netloc]) as server:
        store = AppStore(server.url, "gallery")
        task_id = store.create(assets_total=1)
        store.feed(task_id, [asset(files.url("good", "a.png"), "a.png")])
        assert store.ended(task_id)["result_type"] == "WEBSITE"
        url = data_of(store.result(task_id))["url"]
        command = [CHROMIUM, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000"]
        done = subprocess.run(
            [*command, "--dump-dom", url], capture_output=True, text=True, timeout=300, check=True
        )
        assert "<title>seen</title>" in done.stdout, done.stdout
        assert '<p id="said">kept away</p>' in done.stdout, done.stdout
