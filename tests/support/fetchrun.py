"""A supervisor that has files fetched, in a process of the test's own: it may be killed, and kills what it started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fetchkit import FileServer

PRELUDE = """
import json, os, signal, sys, time
from pathlib import Path
from fetchkit import FetchingSupervisor, settings_for
from dragoman.sources.fetching.partial import part_of
arguments = json.loads(sys.argv[1])
folder, url = Path(arguments["folder"]), arguments["url"]
def tell(*values):
    print(json.dumps(values), flush=True)
def start(**options):
    return FetchingSupervisor(settings_for(arguments["port"], **options))
"""


def start_supervisor(code: str, files: FileServer, folder: Path, *prefix: str) -> subprocess.Popen[str]:
    """A process that runs ``code`` after the prelude, begun by the command ``prefix``, if there is one."""
    arguments = {"folder": str(folder), "url": files.url("/a"), "port": files.port}
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", PRELUDE + textwrap.dedent(code), json.dumps(arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )


def run_supervisor(code: str, files: FileServer, folder: Path, *prefix: str) -> Any:
    """What ``code`` tells at last."""
    process = start_supervisor(code, files, folder, *prefix)
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])
