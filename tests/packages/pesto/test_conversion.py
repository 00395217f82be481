from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from packagekit import load_folder
from pestokit import BY_CLASS, INPUT_OUTPUT, project_files, write_project

from dragoman.errors import PackageError
from dragoman.packages.pesto import conversion
from dragoman.packages.pesto.conversion import import_project
from dragoman.packages.pesto.program import load_pesto

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.model.process import Process


def comparable(process: Process) -> Process:
    return replace(process, runtime=replace(process.runtime, digest=""))


@pytest.mark.parametrize("profiles", [(), ("stateful",)])
def test_both_forms_are_the_same_process(tmp_path: Path, profiles: tuple[str, ...]) -> None:
    folder = write_project(tmp_path / "p")
    project = load_folder(folder, profiles=profiles)
    assert import_project(folder, profiles) == folder / "process.yml"
    moved = load_folder(folder)
    assert comparable(moved) == replace(comparable(project), runtime=comparable(moved).runtime)
    assert list(moved.inputs) == list(project.inputs)
    assert moved.runtime.form == "pesto"


def test_the_folder_stands_without_pesto(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p", code=BY_CLASS, classes=INPUT_OUTPUT)
    import_project(folder)
    shutil.rmtree(folder / "pesto")
    assert load_pesto(load_folder(folder), None).algorithm.input_class is not None


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    (folder / "process.yml").write_text("mine")
    with pytest.raises(PackageError, match=r"^p/process\.yml: is there already; it is not overwritten$"):
        import_project(folder)
    assert (folder / "process.yml").read_text() == "mine"


def test_only_a_project_that_can_be_read_is_moved(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PackageError, match="is no PESTO project"):
        import_project(tmp_path / "empty")
    files = project_files()
    files["api/version.json"] = "{"
    with pytest.raises(PackageError, match=r"version\.json:1"):
        import_project(write_project(tmp_path / "p", files))
    assert not (tmp_path / "p" / "process.yml").exists()


def given(name: str, schema: Any) -> Any:
    return lambda files: files["api/input_schema.json"].update({name: schema})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            given("mon image", {"type": "string"}),
            r"^p/pesto/api/input_schema\.json:\d+: 'mon image': a process\.yml has letters, digits",
        ),
        (
            given("gain", {"type": "number", "default": "x"}),
            r'^p/pesto/api/input_schema\.json:\d+: gain: default: got "x"; allowed: a number$',
        ),
        (
            lambda files: files.update({"api/output_schema.json": {}}),
            r"^p/pesto/api/output_schema\.json:1: has no outputs; a process\.yml needs one",
        ),
        (
            given("gain", {"type": "number", "maximum": "x" * 3}),
            r"^p/pesto/api/input_schema\.json:\d+: gain: is not a JSON Schema",
        ),
    ],
)
def test_what_process_yml_cannot_say_is_named_where_its_author_wrote_it(
    tmp_path: Path, change: Any, message: str
) -> None:
    files = project_files()
    change(files)
    with pytest.raises(PackageError, match=message):
        import_project(write_project(tmp_path / "p", files))
    assert not (tmp_path / "p" / "process.yml").exists()


def test_whatever_else_is_wrong_does_not_point_into_a_file_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PackageError("p/process.yml:4: inputs.x: is odd")

    monkeypatch.setattr(conversion, "load_interface", refuse)
    with pytest.raises(PackageError, match=r"^p/pesto: cannot be said in a process\.yml: inputs\.x: is odd$"):
        import_project(write_project(tmp_path / "p"))


def test_text_that_looks_like_something_else_stays_text(tmp_path: Path) -> None:
    files = project_files()
    files["api/description.json"] |= {"version": "1e5", "title": "2024-01-01", "family": "no"}
    folder = write_project(tmp_path / "p", files)
    project = load_folder(folder)
    import_project(folder)
    moved = load_folder(folder)
    assert (moved.version, moved.title) == ("1e5", "2024-01-01")
    assert moved.dialects == project.dialects


def changed(folder: Path, change: Any) -> None:
    path = folder / "process.yml"
    data = yaml.safe_load(path.read_text())
    change(data)
    path.write_text(yaml.safe_dump(data, sort_keys=False))


def test_what_pesto_clients_are_told_has_to_name_the_inputs(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    import_project(folder)
    changed(folder, lambda data: data["inputs"].pop("offset"))
    with pytest.raises(
        PackageError, match=r"^p/process\.yml:\d+: dialects\.pesto\.input: offset: is here or in"
    ):
        load_folder(folder)


def test_without_hints_it_is_a_process_like_any_other(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    import_project(folder)
    changed(folder, lambda data: (data.pop("dialects"), data["inputs"].pop("offset")))
    process = load_folder(folder)
    assert process.dialects == {}
    assert "oneOf" in process.outputs["bright"].schema
