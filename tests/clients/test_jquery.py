"""The documented client of ncdjango's jobs: jQuery 2, in a browser, on a page of another origin."""

from __future__ import annotations

import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from harness import free_port
from ncdjangokit import ncdjango_server
from tests.clients.test_browser import CHROMIUM, QUIET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

JQUERY = "jquery@2.2.4"
"""The last line of versions in which ``$.post(...).success`` works, as ncdjango's documentation has it."""

PAGE = """<!DOCTYPE html>
<html><body><pre id="told">nothing yet</pre>
<script src="jquery.js"></script>
<script>
document.cookie = "csrftoken=abc";
$.ajaxSetup({headers: {"X-CSRFToken": "abc"}});
$.ajaxPrefilter(function (options) { options.url = "SERVER" + options.url; options.crossDomain = true; });
function tell(text) { $("#told").text(text); }

var data = {job: "sum_numbers", inputs: JSON.stringify({int1: 3, int2: 5}), csrfmiddlewaretoken: "abc"};

$.post("/geoprocessing/rest/jobs/", data).success(function (data) { poll(data.uuid); })
  .error(function (request) { tell("refused " + request.status + " " + request.responseText); });

function poll(uuid) {
  $.get("/geoprocessing/rest/jobs/" + uuid + "/").success(function (data) {
    if (data.status === "success") {
      tell("sum " + JSON.parse(data.outputs).sum + " of " + JSON.parse(data.inputs).int2);
    } else if (data.status === "pending" || data.status === "started") {
      setTimeout(function () { poll(uuid); }, 100);
    } else {
      tell("failed " + data.message);
    }
  });
}
</script></body></html>
"""


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A folder of pages with jQuery, and the port on which they are served."""
    if CHROMIUM is None or shutil.which("npm") is None:
        pytest.skip("Chromium or npm is not installed (Debian: chromium, npm)")
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", JQUERY]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        pytest.skip(f"{JQUERY} cannot be installed: {done.stderr[-300:]}")
    folder = tmp_path / "pages"
    folder.mkdir()
    shutil.copy(tmp_path / "node_modules" / "jquery" / "dist" / "jquery.js", folder)
    port = free_port()
    with ThreadingHTTPServer(("127.0.0.1", port), partial(_Silent, directory=str(folder))) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        yield folder, port
        web.shutdown()
        thread.join()


def test_the_documented_dialogue_in_a_browser(pages: tuple[Path, int], tmp_path: Path) -> None:
    folder, port = pages
    server = ncdjango_server(tmp_path / "ncdjango", cors={"origins": [f"http://127.0.0.1:{port}"]})
    try:
        server.start()
        (folder / "index.html").write_text(PAGE.replace("SERVER", server.url))
        assert CHROMIUM is not None
        command = [
            CHROMIUM,
            *QUIET,
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            f"http://127.0.0.1:{port}/index.html",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    finally:
        server.stop()
    assert "sum 8 of 5" in done.stdout, done.stdout
