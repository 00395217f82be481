from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from packagekit import run_package

from dragoman.errors import InputError, PackageError
from dragoman.model.resolved import ResolvedValue
from dragoman.packages.native.algorithm import load_algorithm
from dragoman.packages.native.loader import load_package
from dragoman.packages.native.program import load_program
from dragoman.packages.program import RunLimits

if TYPE_CHECKING:
    from pathlib import Path

ADA = {"name": [ResolvedValue(value="Ada")]}


def test_a_function_runs(make_package: Any, context: Any, tmp_path: Path) -> None:
    process = load_package(make_package())
    made = run_package(process, ADA, context=context, folder=tmp_path / "out")
    assert made["greeting"].value == "Hello Ada"


def test_a_class_is_set_up_once_and_runs_often(make_package: Any, context: Any, tmp_path: Path) -> None:
    py = """
    class Algorithm:
        def setup(self, context):
            self.count = 10
            context.progress(0, "set up")

        def run(self, name: str, *, context):
            self.count += 1
            return f"{name} {self.count}"
    """
    process = load_package(make_package(py=py))
    program = load_program(process, RunLimits(), context)
    for count in (11, 12):
        made = program.run(ADA, context=context, folder=tmp_path, wanted=None)
        assert made["greeting"].value == f"Ada {count}"
    assert context.told == [(0, "set up")]


def test_an_input_and_a_file_of_the_package_can_be_given_back(
    make_package: Any, context: Any, tmp_path: Path
) -> None:
    yml = "version: '1'\ninputs: {name: {schema: {}}}\noutputs: {name: {schema: {}}, table: {schema: {}}}\n"
    py = """
    from pathlib import Path

    def run(name: Path):
        return {"name": name, "table": Path(__file__).with_name("table.json")}
    """
    folder = make_package(yml, py)
    kept = [folder / "table.json", tmp_path / "elsewhere.json"]
    for path in kept:
        path.write_text("[1]")
    values = {"name": [ResolvedValue(path=kept[1])]}
    outputs = run_package(load_package(folder), values, context=context, folder=tmp_path / "out")
    assert [output.file for output in outputs.values()] == ["name.json", "table.json"]
    assert all(path.exists() for path in kept)


def test_neighbours_can_be_imported(make_package: Any, context: Any, tmp_path: Path) -> None:
    folder = make_package(py="from neighbour import greet as run")
    (folder / "neighbour.py").write_text("def greet(name):\n    return 'Hi ' + name\n")
    made = run_package(load_package(folder), ADA, context=context, folder=tmp_path)
    assert made["greeting"].value == "Hi Ada"
    assert sys.path[0] == str(folder)


def test_a_module_has_its_own_name_for_pools_and_pickles(
    make_package: Any, context: Any, tmp_path: Path
) -> None:
    py = """
    import pickle

    class Word(str):
        pass

    def run(name: str) -> str:
        return str(pickle.loads(pickle.dumps(Word(name)))) + " of " + Word.__module__
    """
    made = run_package(load_package(make_package(py=py)), ADA, context=context, folder=tmp_path)
    assert made["greeting"].value == "Ada of algorithm"


YML = "version: '1'\nentry: mypkg.core:run\ninputs: {name: {schema: {}}}\noutputs: {greeting: {schema: {}}}\n"


@pytest.mark.parametrize("layout", ["demo", "demo/src", "site"])
def test_an_entry_may_be_a_module_of_a_package(
    make_package: Any, context: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    folder = make_package(YML)
    code = folder.parent / layout / "mypkg"
    code.mkdir(parents=True)
    (code / "__init__.py").touch()
    (code / "words.py").write_text("WORD = 'Hi'\n")
    (code / "core.py").write_text("from .words import WORD\ndef run(name): return f'{WORD} {name}'\n")
    monkeypatch.syspath_prepend(folder.parent / "site")
    process = load_package(folder)
    made = run_package(process, ADA, context=context, folder=tmp_path)
    assert made["greeting"].value == "Hi Ada"
    (code / "words.py").write_text("WORD = 'Hello'\n")
    assert load_package(folder).runtime.digest != process.runtime.digest, "its code is part of the version"


def test_an_entry_that_is_nowhere_is_told(make_package: Any) -> None:
    with pytest.raises(PackageError, match=r"demo: has no mypkg/core.py, the module of its entry"):
        load_package(make_package(YML))


def test_a_name_that_is_taken_is_refused(make_package: Any) -> None:
    yml = YML.replace("mypkg.core", "numpy")
    folder = make_package(yml)
    (folder / "numpy.py").write_text("def run(name): ...\n")
    import numpy  # noqa: F401 - loaded, as in a worker

    with pytest.raises(
        PackageError, match=r"demo/numpy.py: 'numpy' is a module that Python or a library has"
    ):
        load_algorithm(load_package(folder))


@pytest.mark.parametrize(
    ("py", "told"),
    [
        (
            "from . import words\ndef run(name): ...",
            "algorithm.py is in no package: import its neighbours by",
        ),
        (
            "import gone\ndef run(name): ...",
            "demo/algorithm.py:1: cannot be imported: ModuleNotFoundError: No module",
        ),
        ("def run(name: Gone): ...", "demo/algorithm.py: run: its annotations cannot be resolved"),
        ("run = 5", "demo/algorithm.py: run: is not a function"),
        ("class Algorithm:\n  def __init__(self, x): ...\n  def run(self, name): ...", "without arguments"),
    ],
)
def test_what_cannot_be_loaded_is_the_packages_fault(make_package: Any, py: str, told: str) -> None:
    source = py if "Gone" not in py else f"from __future__ import annotations\n{py}"
    process = load_package(make_package(py=source))
    with pytest.raises(PackageError) as raised:
        load_algorithm(process)
    assert told in raised.value.detail
    assert "\n" not in raised.value.detail


def test_an_error_of_the_algorithm_comes_through(make_package: Any, context: Any, tmp_path: Path) -> None:
    py = "import dragoman\ndef run(name): raise dragoman.InputError('name', 'is rude')"
    with pytest.raises(InputError, match="input 'name': is rude"):
        run_package(load_package(make_package(py=py)), ADA, context=context, folder=tmp_path)
