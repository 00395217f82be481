"""The documented client of ncdjango's jobs: jQuery 2, in a browser, on a page of another origin."""

from __future__ import annotations

import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from harness import free_port, wait_for
from ncdjangokit import ncdjango_server
from tests.clients.test_browser import CHROMIUM, QUIET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

JQUERY = "jquery@2.2.4"
"""The last line of versions in which ``$.post(...).success`` works, as ncdjango's documentation has it."""

PAGE = """<!DOCTYPE html>
<html><body>
<script src="jquery.js"></script>
<script>
document.cookie = "csrftoken=abc";
$.ajaxSetup({headers: {"X-CSRFToken": "abc"}});
$.ajaxPrefilter(function (options) { options.url = "SERVER" + options.url; options.crossDomain = true; });
function tell(text) { var told = new XMLHttpRequest(); told.open("POST", "/told"); told.send(text); }

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


class Pages(ThreadingHTTPServer):
    """A folder of pages, and what they tell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []
        super().__init__(("127.0.0.1", free_port()), partial(_Handler, directory=str(folder)))


class _Handler(SimpleHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Pages)
        self.server.told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    """A folder of pages with jQuery, served."""
    if CHROMIUM is None or shutil.which("npm") is None:
        pytest.skip("Chromium or npm is not installed (Debian: chromium, npm)")
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", JQUERY]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        pytest.skip(f"{JQUERY} cannot be installed: {done.stderr[-300:]}")
    folder = tmp_path / "pages"
    folder.mkdir()
    shutil.copy(tmp_path / "node_modules" / "jquery" / "dist" / "jquery.js", folder)
    with Pages(folder) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        yield web
        web.shutdown()
        thread.join()


def test_the_documented_dialogue_in_a_browser(pages: Pages, tmp_path: Path) -> None:
    origin = f"http://127.0.0.1:{pages.server_port}"
    server = ncdjango_server(tmp_path / "ncdjango", cors={"origins": [origin]})
    assert CHROMIUM is not None
    command = [CHROMIUM, *QUIET, "--remote-debugging-port=0", f"--user-data-dir={tmp_path / 'profile'}"]
    try:
        server.start()
        (pages.folder / "index.html").write_text(PAGE.replace("SERVER", server.url))
        browser = subprocess.Popen(
            [*command, f"{origin}/index.html"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_for(lambda: pages.told, "the page tells what came")
        finally:
            browser.terminate()
            browser.wait(60)
    finally:
        server.stop()
    assert pages.told == ["sum 8 of 5"]
