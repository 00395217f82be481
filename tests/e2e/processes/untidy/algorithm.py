import os
import shutil
import sys
import time
from pathlib import Path

import dragoman


def run(how: str, *, context: dragoman.Context) -> dict[str, object]:
    umask = os.umask(0o022)
    os.umask(umask)
    found = {"worker": os.getpid(), "folder": os.path.relpath(os.getcwd(), context.scratch), "umask": umask}
    if how == "nothing":
        print("nothing to standard output")
        print("and to standard error", file=sys.stderr)
    elif how == "close":
        sys.stdout.close()
    elif how == "none":
        sys.stdout = sys.stderr = None
    elif how == "descriptors":
        os.close(1)
        os.close(2)
    elif how == "folder":
        os.chdir("/")
    elif how == "umask":
        os.umask(0o777)
    elif how == "files":
        _make_files(context.scratch)
        context.progress(50)
        time.sleep(600)
    elif how == "gone":
        shutil.rmtree(context.scratch)
    return found


def _make_files(folder: Path) -> None:
    for number in range(30_000):
        if number % 1000 == 0:
            (folder / str(number)).mkdir()
        (folder / str(number // 1000 * 1000) / f"{number}.txt").touch()
