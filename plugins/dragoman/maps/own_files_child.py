"""The process that looks at one file of the operator: its task is standard input, its report standard output."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from dragoman.errors import DragomanError
from dragoman.maps.declarations import load_declaration
from dragoman.rasters.gdal_limits import limit_gdal
from dragoman.workers import process_tree

NICE = 5
"""Below jobs and requests."""


def answer() -> None:
    """Make what is drawn of the file, or only open it, where the task has no folder for that.

    Reports ``{"problem": ""}``, or what is wrong, in one line.
    """
    process_tree.die_with_parent()
    os.nice(NICE)
    limit_gdal(os.environ)
    task = json.load(sys.stdin)
    problem = ""
    try:
        from dragoman.maps.own_files import (  # GDAL comes with it, limited by now
            make_own_service,
            open_own_file,
        )

        declaration = load_declaration(task["declaration"])
        if "folder" in task:
            make_own_service(declaration, Path(task["folder"]), Path(task["place"]))
        else:
            open_own_file(declaration)
    except (DragomanError, OSError, ValueError, RuntimeError, MemoryError) as error:
        detail = error.detail if isinstance(error, DragomanError) else f"cannot be read ({error})"
        problem = " ".join(detail.split()) or type(error).__name__
    sys.stdout.write(json.dumps({"problem": problem}))
    sys.stdout.flush()


if __name__ == "__main__":
    answer()
