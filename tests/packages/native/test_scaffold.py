from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from packagekit import run_package

from dragoman.errors import InputError, PackageError
from dragoman.model.resolved import ResolvedValue
from dragoman.packages.native.examples import compare, example_inputs, load_examples
from dragoman.packages.native.loader import load_package
from dragoman.packages.native.scaffold import config_lines, create_package
from dragoman.packages.validation import validate_inputs

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_process_runs_and_gives_what_its_example_says(tmp_path: Path, context: Any) -> None:
    folder = create_package("my-process", tmp_path / "processes")
    process = load_package(folder)
    assert (process.id, process.title) == ("my-process", "My process")
    (example,) = load_examples(folder, process)
    inputs = example_inputs(example, process)
    validate_inputs(process, inputs)
    values = {name: [ResolvedValue(value=v.value) for v in given] for name, given in inputs.items()}
    made = run_package(process, values, context=context, folder=tmp_path / "out")
    assert compare(example, made, tmp_path / "out") == []
    flat = {"area": [ResolvedValue(value={"bbox": [1, 1, 1, 1]})]}
    with pytest.raises(InputError, match="input 'area': the box has no extent"):
        run_package(process, flat, context=context, folder=tmp_path / "out")


@pytest.mark.parametrize("name", ["", "A", "a b", "../a", "a--b", "-a", "1a", "ä", "a" * 65, "a\n"])
def test_a_name_has_to_make_a_good_url(tmp_path: Path, name: str) -> None:
    with pytest.raises(PackageError, match="is not a name for a process; allowed: "):
        create_package(name, tmp_path)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "algorithm.py").write_text("precious")
    with pytest.raises(PackageError, match="mine exists already; nothing was written"):
        create_package("mine", tmp_path)
    assert (tmp_path / "mine" / "algorithm.py").read_text() == "precious"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["algorithm.py"]


def test_the_lines_for_the_configuration_are_a_resource() -> None:
    read = yaml.safe_load("resources:\n" + config_lines("mine", "processes/mine"))
    assert read["resources"]["mine"] == {
        "type": "process",
        "processor": {"name": "dragoman.plugin.PackagedProcessor", "package": "processes/mine"},
    }
