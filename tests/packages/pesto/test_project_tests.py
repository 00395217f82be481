from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from packagekit import load_folder
from pestokit import write_project

from dragoman.errors import PackageError
from dragoman.jobs.trials.example_runs import run_examples
from dragoman.packages.pesto.project_tests import load_tests
from dragoman.rasters.images import write_image

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one test, as its author would write it."""
    folder = write_project(tmp_path / "p")
    given = folder / "pesto/tests/resources/test_1/input"
    expected = given.parent / "output"
    (given / "others").mkdir(parents=True)
    (given / "window").mkdir()
    (expected / "tiles").mkdir(parents=True)
    scene = np.arange(20, dtype="uint8").reshape(1, 4, 5)
    write_image(scene, given / "scene")
    for number in (0, 1, 10, 2):
        write_image(np.zeros((1, number + 1, 3), "uint8"), given / "others" / str(number))
    (given / "offset.int").write_text("3\n")
    (given / "window" / "left.integer").write_text("4")
    write_image(scene + 3, expected / "bright")
    for number in range(12):
        write_image(np.full((4, 5), number, "uint8"), expected / "tiles" / str(number))
    (expected / "mean.float").write_text("9.5")
    seen = {
        "started": 1,
        "shape": [1, 4, 5],
        "dtype": "uint8",
        "others": [1, 2, 3, 11],
        "offset": 3,
        "style": None,
        "window": {"left": 4},
        "footprint": None,
    }
    (expected / "seen.json").write_text(json.dumps(seen))
    return folder


def test_a_test_is_read_by_the_endings_of_its_files(project: Path) -> None:
    (test,) = load_tests(project)
    assert test.title == "test_1"
    assert (test.inputs["offset"], test.inputs["window"]) == (3, {"left": 4})
    assert [path.stem for path in test.inputs["others"]] == ["0", "1", "2", "10"]
    values = test.values(load_folder(project))
    assert [value.href for value in values["scene"]] == [(test.path / "input" / "scene.png").as_uri()]
    assert len(values["others"]) == 4
    assert values["window"][0].value == {"left": 4}


def test_a_project_that_does_as_its_tests_say_passes(project: Path) -> None:
    assert list(run_examples(project)) == [("test_1", [])]


def test_differences_are_named(project: Path) -> None:
    expected = project / "pesto/tests/resources/test_1/output"
    write_image(np.zeros((1, 4, 5), "uint8"), expected / "bright")
    write_image(np.zeros((1, 9, 9), "uint8"), expected / "tiles" / "3")
    (expected / "mean.float").unlink()
    (expected / "note.string").write_text("hello")
    ((_, found),) = run_examples(project)
    assert "bright: 20 of 20 values differ" in found
    assert "tiles[3]: has the shape (1, 4, 5), expected (1, 9, 9)" in found
    assert "mean: is not expected" in found
    assert 'note: is null, expected "hello"' in found


def test_a_file_that_cannot_be_read_is_named(project: Path) -> None:
    (project / "pesto/tests/resources/test_1/input/offset.int").write_text("three")
    with pytest.raises(PackageError, match=r"^p/pesto/tests/resources/test_1/input/offset\.int: "):
        load_tests(project)
