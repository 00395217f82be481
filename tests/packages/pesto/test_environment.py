"""What PESTO builds into an image: its variables are set where the project runs, its files are told of."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from packagekit import load_folder
from pestokit import project_files, write_project

from dragoman.errors import PackageError
from dragoman.packages.pesto.conversion import import_project
from dragoman.packages.pesto.program import load_pesto
from dragoman.packages.pesto.project import notes

if TYPE_CHECKING:
    from pathlib import Path

CODE = """
import os
MODEL = os.environ["MODEL"], os.environ["PESTO_PROFILE"]


class Process:
    def process(self, **inputs):
        return {"seen": MODEL}
"""


def project(folder: Path, environments: Any, requirements: Any = None) -> Path:
    files = project_files()
    files["build/build.json"]["version"] = "3.0"
    files["build/requirements.json"] = {"environments": environments, "requirements": requirements or {}}
    files["build/requirements.stateful.json"] = {"requirements": {"weights": {"from": "a", "to": "/opt/b"}}}
    return write_project(folder, files, code=CODE)


@pytest.mark.parametrize("moved", [False, True])
def test_the_variables_are_there_before_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    monkeypatch.setenv("BASE", "/opt")
    monkeypatch.setenv("PYTHONPATH", "mine")
    variables = {"ROOT": "${BASE}/models", "MODEL": "$ROOT/$NOTHING/1", "COUNT": 3, "PYTHONPATH": "/x"}
    folder, profiles = project(tmp_path / "p", variables), ["stateful"]
    if moved:
        import_project(folder, profiles)
        shutil.rmtree(folder / "pesto")
        profiles = []
    program = load_pesto(load_folder(folder, profiles=profiles), None)
    assert program.algorithm.run({}) == {"seen": ("/opt/models//1", "3.0-stateful")}
    assert (os.environ["COUNT"], os.environ["PYTHONPATH"]) == ("3", "mine")


@pytest.mark.parametrize("wrong", [["A=1"], {"A=B": "1"}, {"A": {"b": 1}}, {"A": "\0"}, {"": "1"}])
def test_what_is_no_variable_is_refused(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(PackageError, match=r"^p/pesto/build/requirements\.json:\d+: environments: "):
        load_folder(project(tmp_path / "p", wrong))


def test_a_variable_of_a_process_yml_is_held_to_the_same(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", {"MODEL": "x"})
    path = import_project(folder)
    path.write_text(path.read_text().replace("MODEL: x", "A=B: x"))
    with pytest.raises(PackageError, match="'A=B'"):
        load_pesto(load_folder(folder), None)


def test_files_that_are_not_copied_are_told(tmp_path: Path) -> None:
    requirements = {"model": {"from": "gs://b/m", "to": "/opt/m"}, "lib": {"from": "lib.whl", "type": "pip"}}
    folder = project(tmp_path / "p", {}, requirements)
    words = "pesto/build/requirements.json: requirements ({}) are neither copied nor installed here"
    public = "config: everybody may read it at /config, as in PESTO; no secrets may be in it (zoom, padding)"
    assert notes(load_folder(folder)) == [words.format("model, lib"), public]
    assert notes(load_folder(folder, profiles=["stateful"])) == [words.format("model, lib, weights"), public]
    assert notes(load_folder(write_project(tmp_path / "q"))) == [public]
