from __future__ import annotations

import sys
import tempfile
from typing import TYPE_CHECKING

import pytest
from harness import gone, wait_for
from packagekit import load_folder
from pestokit import write_project

from dragoman.jobs.trials.load_check import probe, probe_all
from dragoman.packages.forms import BUILT_IN

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-P", "-m", "dragoman.cli", "probe"]


def project(folder: Path, start: str) -> Path:
    lines = ["import os, sys, time, subprocess", "class Process:", "    def process(self): ..."]
    lines += ["    def on_start(self):", f"        {start}", ""]
    return write_project(folder, code="\n".join(lines))


def test_a_package_that_loads_has_no_problem_whatever_it_prints(tmp_path: Path) -> None:
    process = load_folder(project(tmp_path / "p", "print('{}'); os.write(1, b'noise')"))
    assert probe(process, BUILT_IN, COMMAND) == ""


@pytest.mark.parametrize(
    ("start", "problem"),
    [
        (
            "raise RuntimeError('no GPU')",
            "p/algorithm/process.py: Process.on_start failed: RuntimeError: no GPU",
        ),
        ("sys.exit(3)", "its setup failed: SystemExit: 3"),
        ("os._exit(4)", "its process ended while it was loaded (code 4)"),
    ],
)
def test_what_keeps_it_from_loading_is_one_line(tmp_path: Path, start: str, problem: str) -> None:
    assert probe(load_folder(project(tmp_path / "p", start)), BUILT_IN, COMMAND) == problem


def test_one_that_never_ends_is_stopped_with_all_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    start = f"open({str(note)!r}, 'w').write(str(subprocess.Popen(['sleep', '300']).pid)); time.sleep(300)"
    process = load_folder(project(tmp_path / "p", start))
    for timeout in (4, 16, 64, 256):  # until its start was reached within that time
        assert probe(process, BUILT_IN, COMMAND, timeout) == f"was not loaded within {timeout} s"
        if note.exists() and note.read_text():
            break
    wait_for(lambda: gone(int(note.read_text())), "what it started has ended")


def test_only_those_with_a_problem_are_named(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours/process.yml").write_text("version: '1'\noutputs: {out: {schema: {}}}\n")
    (tmp_path / "ours/algorithm.py").write_text("import nowhere\ndef run(): ...\n")
    processes = [load_folder(project(tmp_path / "good", "pass"), id="good"), load_folder(tmp_path / "ours")]
    problems = probe_all(processes, BUILT_IN, COMMAND)
    assert list(problems) == ["ours"]
    assert problems["ours"].startswith("ours/algorithm.py:1: cannot be imported: ModuleNotFoundError")


def test_nothing_is_left_among_the_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    for start in ("open('here', 'w').close()", "os._exit(4)"):
        probe(load_folder(project(tmp_path / "p", start)), BUILT_IN, COMMAND)
        assert list(temporary.iterdir()) == []
