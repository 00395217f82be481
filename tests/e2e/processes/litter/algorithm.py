import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dragoman

SHOW = "import os, tempfile; print(os.path.samefile(os.getcwd(), tempfile.gettempdir()), os.getcwd())"


def run(number: int, meeting: str | None, runs: int, *, context: dragoman.Context) -> dict[str, object]:
    found = sorted(os.listdir())
    Path("tmp.txt").write_text(str(number))
    tempfile.mkdtemp()
    with multiprocessing.Manager() as manager:
        manager.list()
    if meeting:
        (Path(meeting) / str(number)).touch()
        while len(os.listdir(meeting)) < runs:
            time.sleep(0.01)
    shown = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True)
    same, _, folder = shown.stdout.strip().partition(" ")
    own = str(context.scratch)
    return {
        "number": int(Path("tmp.txt").read_text()),
        "found": found,
        "places": [os.getcwd() == own, tempfile.gettempdir() == own, same == "True", folder == own],
        "worker": os.getpid(),
    }
