from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from packagekit import load_folder
from pestokit import BY_CLASS, INPUT_OUTPUT, project_files, write_project

from dragoman.errors import InputError, InvalidInputs, OutputError, PackageError
from dragoman.model.job import InputValue
from dragoman.model.resolved import ResolvedValue
from dragoman.packages.pesto import fields
from dragoman.packages.pesto.program import load_pesto, pruned
from dragoman.packages.validation import validate_inputs
from dragoman.rasters.images import read_image, write_image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.job import Output

RNG = np.random.default_rng(7)


@pytest.fixture
def run(context: Any, tmp_path: Path) -> Any:
    """Run a project on JSON values and, for arrays, image files."""

    def call(folder: Path, wanted: Any = None, **inputs: Any) -> Mapping[str, Output]:
        program = load_pesto(load_folder(folder), None)
        values = {
            name: [resolved(item, f"{name}-{index}") for index, item in enumerate(given)]
            for name, given in ((n, v if isinstance(v, list) else [v]) for n, v in inputs.items())
        }
        return program.run(values, context=context, folder=tmp_path / "out", wanted=wanted)

    def resolved(value: Any, stem: str) -> ResolvedValue:
        if isinstance(value, np.ndarray):
            return ResolvedValue(path=write_image(value, tmp_path / stem))
        return ResolvedValue(value=value)

    return call


def test_a_required_list_of_images_may_be_empty_but_not_missing(run: Any, tmp_path: Path) -> None:
    files = project_files()
    files["api/input_schema.json"]["required"] = ["scene", "others"]
    folder = write_project(tmp_path / "p", files)
    process = load_folder(folder)
    scene = (InputValue(value="QUJD"),)
    validate_inputs(process, {"scene": scene, "others": ()})
    with pytest.raises(InvalidInputs, match="'others': is required"):
        validate_inputs(process, {"scene": scene})
    outputs = run(folder, scene=np.zeros((1, 2, 2), "uint8"), others=[])
    assert outputs["seen"].value["others"] == []


def returning(expression: str) -> str:
    return f"import numpy as np\n\nclass Process:\n    def process(self, **inputs):\n        return {expression}\n"


@pytest.mark.parametrize(
    ("dtype", "bands", "ending"),
    [
        ("uint8", 1, ".png"),
        ("uint16", 3, ".png"),
        ("uint8", 5, ".tif"),
        ("uint16", 4, ".tif"),
        ("float32", 1, ".tif"),
    ],
)
def test_images_come_and_go_with_their_bands_and_type(
    run: Any, tmp_path: Path, dtype: str, bands: int, ending: str
) -> None:
    scene = (RNG.random((bands, 20, 30)) * 200).astype(dtype)
    outputs = run(write_project(tmp_path / "p"), scene=scene)
    assert outputs["seen"].value["shape"] == [bands, 20, 30]
    assert outputs["seen"].value["dtype"] == dtype
    bright = outputs["bright"]
    assert bright.file == f"bright{ending}"
    assert bright.media_type == ("image/png" if ending == ".png" else "image/tiff; application=geotiff")
    made = read_image(tmp_path / "out" / bright.file)
    assert made.dtype == scene.dtype
    np.testing.assert_array_equal(made, scene)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_a_complex_image_stays_complex(run: Any, tmp_path: Path, dtype: str) -> None:
    scene = (RNG.random((1, 20, 30)) + 1j * RNG.random((1, 20, 30))).astype(dtype)
    code = returning('{"bright": inputs["scene"], "note": inputs["scene"].dtype.name}')
    outputs = run(write_project(tmp_path / "p", code=code), scene=scene)
    assert (outputs["bright"].file, outputs["note"].value) == ("bright.tif", dtype)
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "bright.tif"), scene)


def test_a_list_of_images_keeps_its_order(run: Any, tmp_path: Path) -> None:
    tiles = run(write_project(tmp_path / "p"), scene=RNG.integers(0, 9, (1, 4, 4), "uint8"))["tiles"]
    assert [item.file for item in tiles.items] == [f"tiles/{number}.png" for number in range(12)]
    found = [read_image(tmp_path / "out" / str(item.file)).flat[0] for item in tiles.items]
    assert found == list(range(12))


def test_what_is_absent_is_none_and_only_declared_members_of_objects_come(run: Any, tmp_path: Path) -> None:
    seen = run(
        write_project(tmp_path / "p"),
        scene=RNG.integers(0, 9, (1, 4, 4), "uint8"),
        others=[np.zeros((1, 2, 2), "uint8"), np.zeros((1, 3, 3), "uint8")],
        window={"left": 3, "right": 4, "inner": {"a": 1, "b": 2}},
        footprint={"type": "Polygon", "coordinates": [], "crs": "own"},
    )["seen"].value
    assert (seen["offset"], seen["style"]) == (None, None)
    assert seen["others"] == [2, 3]
    assert seen["window"] == {"left": 3, "inner": {"a": 1}}
    assert seen["footprint"]["crs"] == "own", "what a $ref stands for is not cut"


def test_what_is_none_is_null_and_numbers_are_json(run: Any, tmp_path: Path) -> None:
    outputs = run(write_project(tmp_path / "p"), scene=np.full((1, 4, 4), 7, "uint8"))
    assert list(outputs) == ["bright", "tiles", "seen", "mean", "note"]
    assert (outputs["mean"].value, outputs["mean"].media_type) == (7.0, "application/json")
    assert (outputs["note"].value, outputs["note"].file) == (None, None)
    code = returning('{"bright": None, "tiles": None}')
    outputs = run(write_project(tmp_path / "q", code=code), scene=np.zeros((1, 4, 4), "uint8"))
    assert [(o.file, o.items, o.value) for o in outputs.values()] == [(None, (), None)] * 2


def stateful(folder: Path, returned: str) -> Path:
    files = project_files()
    files["api/description.json"]["asynchronous"] = True
    return write_project(folder, files, code=returning(returned))


def test_what_is_undeclared_is_dropped_where_results_are_fetched_and_else_named(
    run: Any, tmp_path: Path
) -> None:
    scene, returned = np.zeros((1, 4, 4), "uint8"), '{"mean": 1, "more": object()}'
    assert list(run(stateful(tmp_path / "p", returned), scene=scene)) == ["mean"]
    with pytest.raises(OutputError, match=r"^'more': the algorithm returned it, but"):
        run(write_project(tmp_path / "q", code=returning(returned)), scene=scene)


@pytest.mark.parametrize(
    ("number", "text"), [("np.nan", "nan"), ("-np.inf", "-inf"), ("np.float32('inf')", "inf")]
)
def test_a_number_that_json_lacks_is_not_lost(run: Any, tmp_path: Path, number: str, text: str) -> None:
    scene, returned = np.zeros((1, 4, 4), "uint8"), f'{{"mean": {number}, "seen": {{"a": {number}}}}}'
    outputs = run(stateful(tmp_path / "p", returned), scene=scene)
    assert (outputs["mean"].value, outputs["seen"].value) == (text, {"a": None})
    with pytest.raises(OutputError, match=f"output 'mean': is {text}, for which JSON has no number"):
        run(write_project(tmp_path / "q", code=returning(returned)), scene=scene)


def test_a_number_of_single_precision_shows_its_own_digits(run: Any, tmp_path: Path) -> None:
    project = write_project(tmp_path / "p", code=returning('{"mean": np.float32(0.1)}'))
    assert run(project, scene=np.zeros((1, 4, 4), "uint8"))["mean"].value == 0.1


def test_what_is_masked_is_the_fill_value(run: Any, tmp_path: Path) -> None:
    masked = 'np.ma.array(np.arange(4).reshape(2, 2), "uint8", mask=[[0, 1], [0, 0]], fill_value=9)'
    outputs = run(
        write_project(tmp_path / "p", code=returning(f'{{"bright": {masked}}}')),
        scene=np.zeros((1, 4, 4), "uint8"),
    )
    assert read_image(tmp_path / "out" / outputs["bright"].file).tolist() == [[[0, 9], [2, 3]]]


def test_only_what_is_wanted_is_written(run: Any, tmp_path: Path) -> None:
    outputs = run(write_project(tmp_path / "p"), wanted={"mean"}, scene=np.zeros((1, 4, 4), "uint8"))
    assert list(outputs) == ["mean"]
    assert not (tmp_path / "out").exists()


def test_a_2d_array_gets_a_band_and_truth_is_uint8(run: Any, tmp_path: Path) -> None:
    code = returning('{"bright": np.eye(5) > 0, "tiles": (np.zeros((3, 4)),), "note": "n" * 20000}')
    outputs = run(write_project(tmp_path / "p", code=code), scene=np.zeros((1, 4, 4), "uint8"))
    assert read_image(tmp_path / "out" / outputs["bright"].file).shape == (1, 5, 5)
    assert outputs["tiles"].items[0].file == "tiles/0.tif"
    assert (outputs["note"].file, outputs["note"].media_type) == ("note.txt", "text/plain")


def test_an_empty_list_of_images_is_an_empty_list(run: Any, tmp_path: Path) -> None:
    project = write_project(tmp_path / "p", code=returning('{"tiles": []}'))
    tiles = run(project, scene=np.zeros((1, 4, 4), "uint8"))["tiles"]
    assert (tiles.items, tiles.value) == ((), [])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("7", "the algorithm returned a int; allowed: a mapping"),
        ('{"bright": np.zeros(3)}', r"output 'bright': .*shape \(bands, rows, cols\), not \(3,\)"),
        ('{"bright": np.zeros((1, 2, 2), "datetime64[s]")}', "output 'bright': .*datetime64"),
        ('{"tiles": ["text"]}', "output 'tiles': "),
        ('{"seen": {"a": object()}}', "output 'seen': .*no JSON form"),
    ],
)
def test_an_output_of_the_wrong_kind_is_named(run: Any, tmp_path: Path, returned: str, message: str) -> None:
    project = write_project(tmp_path / "p", code=returning(returned))
    with pytest.raises(OutputError, match=message):
        run(project, scene=np.zeros((1, 4, 4), "uint8"))


def test_what_is_no_image_is_the_callers_fault(context: Any, tmp_path: Path) -> None:
    (tmp_path / "scene.txt").write_text("no image")
    program = load_pesto(load_folder(write_project(tmp_path / "p")), None)
    values = {"scene": [ResolvedValue(path=tmp_path / "scene.txt")]}
    with pytest.raises(InputError, match="scene"):
        program.run(values, context=context, folder=tmp_path, wanted=None)


def test_what_is_no_image_in_a_list_is_named_by_its_place(context: Any, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("no image")
    program = load_pesto(load_folder(write_project(tmp_path / "p")), None)
    good = ResolvedValue(path=write_image(np.zeros((1, 2, 2), "uint8"), tmp_path / "good"))
    values = {"scene": [good], "others": [good, ResolvedValue(path=tmp_path / "text.txt")]}
    with pytest.raises(InputError, match=r"input 'others': \[1\]: not a raster"):
        program.run(values, context=context, folder=tmp_path, wanted=None)


def test_an_image_beyond_the_cap_is_refused(context: Any, tmp_path: Path) -> None:
    path = write_image(np.zeros((1, 10, 10), "uint8"), tmp_path / "scene")
    program = load_pesto(load_folder(write_project(tmp_path / "p")), 99)
    with pytest.raises(InputError, match="at most 99"):
        program.run({"scene": [ResolvedValue(path=path)]}, context=context, folder=tmp_path, wanted=None)


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_the_newer_form_takes_and_returns_dataclasses(run: Any, tmp_path: Path, future: str) -> None:
    folder = write_project(tmp_path / "p", code=future + BY_CLASS, classes=INPUT_OUTPUT)
    outputs = run(folder, scene=np.zeros((1, 4, 4), "uint8"), offset=3)
    assert [name for name, output in outputs.items() if output.file or output.value] == ["bright", "seen"]
    assert outputs["seen"].value == {"offset": 3, "others": None}
    assert Path(sys.modules["pesto.cli.fields"].__file__ or "") == Path(fields.__file__), (
        "PESTO is not installed"
    )


def test_what_schemagen_takes_from_the_fields_is_there() -> None:
    assert {str: "string", int: "integer", float: "number"} == fields.NATIVES


def test_a_single_parameter_of_another_type_is_an_input(run: Any, tmp_path: Path) -> None:
    files = project_files()
    files["api/input_schema.json"] = {"scene": {"$ref": "#/definitions/Image"}}
    code = "class Process:\n    def process(self, scene):\n        return {'seen': {'shape': scene.shape}}\n"
    folder = write_project(tmp_path / "p", files, code=code, classes=INPUT_OUTPUT)
    assert run(folder, scene=np.zeros((1, 4, 5), "uint8"))["seen"].value == {"shape": [1, 4, 5]}


def test_an_installed_pesto_goes_before_ours(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tmp_path / "site" / "pesto" / "cli"
    real.mkdir(parents=True)
    for package in (real, real.parent):
        (package / "__init__.py").write_text("")
    (real / "fields.py").write_text(Path(fields.__file__).read_text() + "\nREAL = True\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    folder = write_project(tmp_path / "p", code=BY_CLASS, classes=INPUT_OUTPUT)
    run(folder, scene=np.zeros((1, 4, 4), "uint8"))
    assert sys.modules["pesto.cli.fields"].REAL


def test_two_projects_with_a_module_of_the_same_name_do_not_meet(run: Any, tmp_path: Path) -> None:
    for name in ("one", "two"):
        code = f"from algorithm.own import NAME\n{returning('{"note": NAME}')}"
        folder = write_project(tmp_path / name, code=code)
        (folder / "algorithm" / "own.py").write_text(f"NAME = {name!r}\n")
    scene = np.zeros((1, 4, 4), "uint8")
    assert run(tmp_path / "one", scene=scene)["note"].value == "one"
    assert run(tmp_path / "two", scene=scene)["note"].value == "two"


def test_on_start_is_called_once(tmp_path: Path, context: Any) -> None:
    program = load_pesto(load_folder(write_project(tmp_path / "p")), None)
    scene = {"scene": [ResolvedValue(path=write_image(np.zeros((1, 2, 2), "uint8"), tmp_path / "scene"))]}
    for _ in range(2):
        outputs = program.run(scene, context=context, folder=tmp_path / "out", wanted=None)
        assert outputs["seen"].value["started"] == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "import nowhere\nclass Process:\n    def process(self): ...\n",
            r"^p/algorithm/process\.py:1: cannot be imported: Mod",
        ),
        (
            "class Process:\n    def process(self): ...\n    def on_start(self): raise ValueError('no\\nmodel')\n",
            r"^p/algorithm/process\.py: Process\.on_start failed: ValueError: no model$",
        ),
        (
            "class Process:\n    def __init__(self, a): ...\n    def process(self): ...\n",
            r"^p/algorithm/process\.py: Process\(\) failed: TypeError",
        ),
        ("from types import SimpleNamespace as Process\n", r"has no plain method process$"),
    ],
)
def test_a_class_that_does_not_start_is_named(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(PackageError, match=message):
        load_pesto(load_folder(write_project(tmp_path / "p", code=code)), None)


def test_pruning_follows_lists_and_lets_unknown_shapes_be() -> None:
    schema = {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "integer"}}}}
    assert pruned([{"a": 1, "b": 2}, 7], schema) == [{"a": 1}, 7]
    assert pruned({"a": 1}, {"type": "object"}) == {"a": 1}
    assert pruned(None, schema) is None
