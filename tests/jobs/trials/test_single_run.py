"""A package run once without a server, as `dragoman run` does it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from packagekit import load_folder

from dragoman.errors import InvalidRequest
from dragoman.jobs.trials.single_run import inputs_of
from dragoman.model.job import InputValue

if TYPE_CHECKING:
    from pathlib import Path

YML = """
version: '1'
inputs:
  name: {schema: {type: string}}
  sizes: {schema: {type: number}, minOccurs: 0, maxOccurs: 9}
  text: {schema: {type: string, contentMediaType: text/plain}, minOccurs: 0}
outputs:
  greeting: {schema: {type: string}}
  table: {schema: {type: string, contentMediaType: text/csv, contentEncoding: binary}}
"""
PY = """
from pathlib import Path

def run(name, sizes: list[float], text: Path | None, *, context):
    print("hello from run")
    context.progress(50, "half")
    if name == "fail":
        broken = [1]
        raise RuntimeError("of mine")
    Path("table.csv").write_text("".join(f"{size},\\n" for size in sizes) + (text.read_text() if text else ""))
    return {"greeting": f"Hi {name}", "table": Path("table.csv")}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "process.yml").write_text(YML)
    (folder / "algorithm.py").write_text(PY)
    return folder


def cli(folder: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "dragoman.cli", *words]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("DRAGOMAN_", "PYGEOAPI_"))}
    return subprocess.run(
        command,
        cwd=folder.parent,
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_its_outputs_are_shown_and_kept(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("more")
    words = ["-i", "name=1", "-i", "sizes=1.5", "-i", "sizes=2", "-i", "text=@in.txt", "-o", "kept"]
    done = cli(folder, "run", "demo", *words)
    assert done.returncode == 0, done.stderr
    assert 'greeting: "Hi 1"\ntable: 1 file, text/csv, ' in done.stdout
    assert "hello from run" in done.stdout
    assert " 50 % half" in done.stderr
    assert (tmp_path / "kept" / "table.csv").read_text() == "1.5,\n2.0,\nmore"
    assert json.loads((tmp_path / "kept" / "outputs.json").read_text()) == {"greeting": "Hi 1"}
    assert not (tmp_path / "table.csv").exists(), "it has a working directory of its own"


def test_a_failure_names_the_author_s_line_and_the_debugger_is_there(folder: Path) -> None:
    done = cli(folder, "run", "demo", "-i", "name=fail", "--pdb", stdin="p broken\nq\n")
    assert done.returncode == 1
    assert "(Pdb) [1]" in done.stdout
    assert "RuntimeError: of mine\n    demo/algorithm.py:9, in run\n" in done.stderr


def test_an_example_that_fails_can_be_debugged(folder: Path, tmp_path: Path) -> None:
    (folder / "examples").mkdir()
    (folder / "examples" / "a.yml").write_text("inputs: {name: fail}\noutputs: {greeting: Hi fail}\n")
    (folder / "examples" / "b.yml").write_text("inputs: {name: good}\noutputs: {greeting: Hi good}\n")
    other = shutil.copytree(folder, tmp_path / "other")
    (other / "algorithm.py").write_text("import gone\ndef run(**rest): ...\n")
    done = cli(folder, "test", "other", "demo", "--pdb", stdin="p 'there'\nq\np broken\nq\n")
    assert done.returncode == 1
    assert "(Pdb) 'there'" in done.stdout
    assert "(Pdb) [1]" in done.stdout
    lines = [line for line in done.stdout.splitlines() if "demo: " in line or "other: " in line]
    assert [line.removeprefix("(Pdb) ") for line in lines] == [
        "FAILED  other: cannot be loaded",
        "FAILED  demo: a.yml",
        "ok      demo: b.yml",
    ]


def test_inputs_are_words_or_files(folder: Path, tmp_path: Path) -> None:
    process = load_folder(folder)
    assert inputs_of(process, ["name=12", "sizes=[1, 2]"]) == {
        "name": (InputValue(value="12"),),
        "sizes": (InputValue(value=1), InputValue(value=2)),
    }
    for word, told in (
        ("name", "got 'name'; allowed: name=value, or name=@file"),
        ("gone=1", "'gone' is no input; allowed: name, sizes, text"),
        ("text=@gone.txt", "input 'text': there is no file 'gone.txt'"),
    ):
        with pytest.raises(InvalidRequest) as raised:
            inputs_of(process, [word])
        assert raised.value.detail == told


def test_a_folder_is_checked_without_a_configuration(folder: Path) -> None:
    done = cli(folder, "check", "demo")
    assert (done.returncode, done.stdout) == (0, "ok      demo 1\n")
    (folder / "algorithm.py").write_text("import gone\ndef run(**rest): ...\n")
    done = cli(folder, "check", "demo")
    assert done.returncode == 1
    assert done.stdout.startswith(
        "broken  demo: demo/algorithm.py:1: cannot be imported: ModuleNotFoundError"
    )


def test_what_comes_out_is_accepted_as_what_is_expected(folder: Path) -> None:
    (folder / "examples").mkdir()
    (folder / "examples" / "a.yml").write_text("title: A\ninputs: {name: Ada, sizes: [1]}\n")
    done = cli(folder, "test", "demo", "--accept")
    assert done.returncode == 0, done.stdout
    assert "A (it is compared with nothing: it names no outputs)" in done.stdout
    assert (folder / "examples" / "a-table.csv").read_text() == "1.0,\n"
    done = cli(folder, "test", "demo")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "ok      demo: A")
