"""Runs generated programs as their users do: each by its own interpreter, in an empty folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = {
    "r": ("Rscript", "--vanilla"),
    "python": (sys.executable, "-I"),
    "javascript": ("node",),
    "curl": ("bash",),
    "jupyter": (sys.executable, "-m", "jupyter", "execute"),
    "julia": ("julia",),
}
NEEDS = {"curl": ("curl", "jq")}
R_PACKAGES = ("httr", "jsonlite")
PATIENCE = 240
"""Seconds after which a program is taken to hang."""


def command_of(language: str) -> list[str]:
    """What runs a program of this language; skips where that is not installed."""
    command, *options = COMMANDS[language]
    for name in (command, *NEEDS.get(language, ())):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not here")
    if language == "r":
        script = "".join(f"stopifnot(requireNamespace('{name}', quietly = TRUE));" for name in R_PACKAGES)
        if subprocess.run([command, "-e", script], capture_output=True, check=False).returncode:
            pytest.skip("R has not all of its packages httr and jsonlite; Debian: r-cran-httr")
    return [command, *options]


def run_stub(
    language: str, name: str, text: str, folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program, whose file has that name, in a folder in which it is alone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DRAGOMAN_", "PYTHON"))}
    return subprocess.run(
        [*command_of(language), name],
        cwd=folder,
        env={**kept, "no_proxy": "127.0.0.1,localhost", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def saved(folder: Path, program: str) -> dict[str, bytes]:
    """What the program left, by name, but for itself."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != program}
