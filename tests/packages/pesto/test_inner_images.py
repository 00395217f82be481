"""Images within objects and lists of lists: a text on the wire, an array for the algorithm, guarded as any other."""

from __future__ import annotations

import base64
import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from packagekit import load_folder
from pestokit import project_files, write_project

from dragoman.config.settings import FetchSettings
from dragoman.errors import InputError, InvalidInputs
from dragoman.jobs.trials.example_runs import run_examples
from dragoman.model.job import InputValue
from dragoman.model.roi import Band, Roi
from dragoman.packages.outputs.roi import crop_inputs
from dragoman.packages.pesto.conversion import import_project
from dragoman.packages.pesto.inner_images import resolve_with_images
from dragoman.packages.pesto.program import load_pesto
from dragoman.packages.validation import validate_inputs, validate_resolved
from dragoman.rasters.images import write_image
from dragoman.sources.policy import SourcePolicy

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.model.process import Process
    from dragoman.model.resolved import ResolvedValue
    from dragoman.packages.program import WatchedContext

IMAGE = {"$ref": "#/definitions/Image"}
CODE = """
def shapes(value):
    if isinstance(value, dict):
        return {name: shapes(member) for name, member in value.items()}
    if isinstance(value, list):
        return [shapes(item) for item in value]
    return list(value.shape) if hasattr(value, "shape") else value


class Process:
    def process(self, pair, grid, named, texts):
        return {"seen": shapes({"pair": pair, "grid": grid, "named": named, "texts": texts})}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = project_files()
    pair = {"before": IMAGE, "after": {"$ref": "#/definitions/Images"}, "name": {"type": "string"}}
    files["api/input_schema.json"] = {
        "pair": {"type": "array", "items": {"type": "object", "properties": pair}},
        "grid": {"type": "array", "items": {"type": "array", "items": IMAGE}},
        "named": {"$ref": "#/definitions/tile"},
        "texts": {"type": "object", "properties": {"a": {"type": "string"}}},
    }
    files["api/user_definitions.json"]["tile"] = {"type": "object", "properties": {"scene": IMAGE}}
    return write_project(tmp_path / "p", files, code=CODE)


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def image(path: Path, bands: int = 2) -> Path:
    return write_image(np.zeros((bands, 6, 7), "uint8"), path)


def resolved(process: Process, given: dict[str, Any], roots: Path) -> dict[str, list[ResolvedValue]]:
    validate_inputs(process, {name: (InputValue(value=value),) for name, value in given.items()})
    policy = SourcePolicy(fetch=FetchSettings(), data_roots=(roots,))
    made = {
        name: resolve_with_images(process.inputs[name], InputValue(value=value), roots / "inputs", policy)
        for name, value in given.items()
    }
    for name, value in made.items():
        validate_resolved(process, name, value)
    return {name: [value] for name, value in made.items()}


@pytest.mark.parametrize("moved", [False, True])
def test_they_are_arrays_for_the_algorithm(
    folder: Path, tmp_path: Path, moved: bool, context: WatchedContext
) -> None:
    if moved:
        import_project(folder)
        shutil.rmtree(folder / "pesto")
    process = load_folder(folder)
    path = image(tmp_path / "my scene")
    text = encoded(path)
    given = {
        "pair": [{"before": text, "after": [text, f"file://{path}"], "name": "x", "more": 1}],
        "grid": [[text], []],
        "named": {"scene": path.as_uri(), "kept": 1},
        "texts": {"a": "file:///etc/passwd"},
    }
    values = resolved(process, given, tmp_path)
    outputs = load_pesto(process, None).run(values, context=context, folder=tmp_path / "out", wanted=None)
    shape = [2, 6, 7]
    assert outputs["seen"].value == {
        "pair": [{"before": shape, "after": [shape, shape], "name": "x"}],
        "grid": [[shape], []],
        "named": {"scene": shape, "kept": 1},
        "texts": {"a": "file:///etc/passwd"},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file:///etc/passwd", "not in a folder that this server may read"),
        ("http://127.0.0.1/a.tif", "not on the public network"),
        ("/etc/passwd", "is no image; allowed: base64 text, or a URL"),
        ("", "is no image"),
    ],
)
def test_they_are_guarded_and_named(folder: Path, tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        resolved(load_folder(folder), {"pair": [{}, {"after": [text]}]}, tmp_path)
    assert caught.value.problems[0].input_id == "pair[1].after[0]"


def test_what_is_no_image_is_named_where_it_is_read(
    folder: Path, tmp_path: Path, context: WatchedContext
) -> None:
    process = load_folder(folder)
    values = resolved(process, {"named": {"scene": base64.b64encode(b"text").decode()}}, tmp_path)
    with pytest.raises(InputError, match=r"input 'named\.scene': not a raster"):
        load_pesto(process, None).run(values, context=context, folder=tmp_path, wanted=None)
    with pytest.raises(InvalidInputs, match=r"scene: got 3; allowed: a string"):
        resolved(process, {"named": {"scene": 3}}, tmp_path)


def test_an_object_by_reference_may_hold_them(folder: Path, tmp_path: Path) -> None:
    process = load_folder(folder)
    (tmp_path / "named.json").write_text(json.dumps({"scene": encoded(image(tmp_path / "scene"))}))
    policy = SourcePolicy(fetch=FetchSettings(), data_roots=(tmp_path,))
    sent = InputValue(href=(tmp_path / "named.json").as_uri())
    made = resolve_with_images(process.inputs["named"], sent, tmp_path / "inputs", policy)
    validate_resolved(process, "named", made)
    assert made.value["scene"].parent == tmp_path / "inputs"


def test_a_region_crops_them(folder: Path, tmp_path: Path, context: WatchedContext) -> None:
    process = load_folder(folder)
    values = resolved(process, {"named": {"scene": image(tmp_path / "scene").as_uri()}}, tmp_path)
    values, _ = crop_inputs(
        Roi(targets_in=(), lines=Band(first=1, number=2)), values, tmp_path / "roi", context
    )
    outputs = load_pesto(process, None).run(values, context=context, folder=tmp_path, wanted=None)
    assert outputs["seen"].value["named"] == {"scene": [2, 2, 7]}


def test_a_test_of_the_project_may_hold_them(folder: Path) -> None:
    test = folder / "pesto/tests/resources/test_1"
    (test / "input/named").mkdir(parents=True)
    (test / "output").mkdir()
    image(test / "input/named/scene")
    seen = {"pair": None, "grid": None, "named": {"scene": [2, 6, 7]}, "texts": None}
    (test / "output/seen.json").write_text(json.dumps(seen))
    assert list(run_examples(folder)) == [("test_1", [])]
