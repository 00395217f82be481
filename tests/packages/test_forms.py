"""The table of forms: which form a folder has, and a form added by one line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from harness import TEST_PROCESSES
from packagekit import load_folder
from pestokit import write_project
from toyform import FORMS, TOY, write_toy

from dragoman import composition
from dragoman.errors import PackageError
from dragoman.jobs.json_codec import dump_runtime, load_runtime
from dragoman.model.process import Runtime
from dragoman.packages.catalogue import Declaration, build_catalogue, bundled
from dragoman.packages.forms import BUILT_IN
from dragoman.packages.native.loader import load_package
from dragoman.packages.pesto.conversion import import_project

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.packages.forms import Forms

FOLDERS = sorted(path.parent for root in (bundled(), TEST_PROCESSES) for path in root.glob("*/process.yml"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_a_package_is_the_same_process_through_the_table_and_again_in_a_worker(folder: Path) -> None:
    process = composition.FORMS.load(folder)
    assert process == load_package(folder)
    runtime = load_runtime(dump_runtime(process.runtime))
    assert runtime == process.runtime
    assert composition.FORMS.load_again(process.id, runtime) == process


@pytest.mark.parametrize("profiles", [(), ("big",), ("stateful", "big")])
def test_a_project_is_the_same_again_with_its_profiles(tmp_path: Path, profiles: tuple[str, ...]) -> None:
    folder = write_project(tmp_path / "p")
    for name in profiles:
        (folder / f"pesto/api/config.{name}.json").write_text('{"padding": 7}')
    process = load_folder(folder, profiles=profiles)
    assert process.config["padding"] == (7 if profiles else 0)
    assert BUILT_IN.load_again(process.id, process.runtime) == process


@pytest.mark.parametrize("forms", [BUILT_IN, composition.FORMS, FORMS])
def test_every_form_goes_by_its_own_name(forms: Forms) -> None:
    assert [form.name for form in forms] == [name for name, _ in forms.places]


def test_one_that_is_unknown_is_named_with_those_there_are() -> None:
    with pytest.raises(PackageError, match=r"^no package has the form 'scroll'; known forms: pesto, native$"):
        BUILT_IN["scroll"]
    with pytest.raises(PackageError, match="'toy'"):
        BUILT_IN.load_again("p", Runtime(form="toy"))


def test_the_interface_in_a_process_file_decides_however_it_is_written(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p")
    assert form_of(folder) == "pesto"
    import_project(folder)
    assert form_of(folder) == "pesto"
    file = folder / "process.yml"
    text = file.read_text()
    file.write_text(text.replace("interface: pesto", "'interface': \"pesto\""))
    assert form_of(folder) == "pesto"
    file.write_text(text.replace("interface: pesto", "# interface: pesto"))
    assert form_of(folder) == "native"
    file.write_text("interface: pesto\n: [")
    assert form_of(folder) == "native"  # which says what is wrong with it
    with pytest.raises(PackageError, match=r"^p/process\.yml:2"):
        BUILT_IN.load(folder)


def form_of(folder: Path) -> str | None:
    form = BUILT_IN.recognised(folder)
    return None if form is None else form.name


def test_a_folder_of_no_form_is_told_what_it_lacks(tmp_path: Path) -> None:
    assert form_of(tmp_path) is None
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(PackageError, match=r": has no process\.yml$"):
            BUILT_IN.load(folder)


def test_looking_for_the_form_of_a_folder_imports_no_other_form_than_needed(make_package: Any) -> None:
    forms = BUILT_IN.plus(processor="gone:NOTHING")
    assert forms.load(make_package()).id == "demo"


def test_equal_runtimes_are_one_key_and_options_tell_them_apart() -> None:
    def runtime(*profiles: str) -> Runtime:
        return Runtime(form="pesto", folder="/p", options={"profiles": list(profiles)}, digest="d")

    workers = {runtime("a"): 1, runtime("b"): 2}
    assert workers[runtime("a")] == 1
    assert workers[load_runtime(dump_runtime(runtime("b")))] == 2
    assert hash(runtime("a")) == hash(runtime("a"))


def test_a_new_form_is_served_beside_the_others(make_package: Any, tmp_path: Path) -> None:
    declarations = [
        Declaration(id="hello", folder=write_toy(tmp_path / "toy")),
        Declaration(id="loud", form="toy", folder=tmp_path / "toy", options={"loud": True}),
        Declaration(id="ours", folder=make_package()),
    ]
    catalogue = build_catalogue(declarations, FORMS)
    assert [(process.id, process.runtime.form) for process in catalogue] == [
        ("hello", "toy"),
        ("loud", "toy"),
        ("ours", "native"),
    ]
    assert catalogue.get("loud").runtime.options == {"loud": True}
    assert FORMS["toy"] is TOY is sys.modules["toyform"].TOY
    assert build_catalogue(declarations[:1], BUILT_IN).problems[0].detail == "toy: has no process.yml"
