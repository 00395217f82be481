"""What the six tasks give, alone and together."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from expressionkit import assert_same
from flowkit import GRID, Run, apply, array, arrays, geotiff, loaded, node, of, recorded, tmax, workflow

from dragoman.config.settings import FetchSettings
from dragoman.errors import ExecutionError, InputError
from dragoman.model.job import InputValue
from dragoman.packages.program import RunLimits
from dragoman.packages.workflow.form import WORKFLOW
from dragoman.sources.gathered import resolve_gathered
from dragoman.sources.policy import SourcePolicy

if TYPE_CHECKING:
    from pathlib import Path

SEVERAL = {"type": "multiple", "args": [[["string", [[""], {}]], ["float", [[""], {}]]], {}]}
"""An input that may be a text or a number."""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """The first two steps of the recordings' variable."""
    return [geotiff(tmp_path / f"tmax{step}.tif", tmax(step), nodata=-9999.0) for step in (0, 1)]


def result(document: Any, folder: Path, **inputs: Any) -> Any:
    """The one output of a workflow: a masked array, or JSON."""
    run = Run(loaded(document), folder / "run")
    (output,) = run.outputs(**inputs).values()
    return run.raster(output) if output.file else output.value


def test_the_recorded_map_reduce(files: list[Path], tmp_path: Path) -> None:
    total = result(recorded("map_reduce_workflow.json"), tmp_path, arrays_in=files)
    assert_same(total, tmax(0) / tmax(0).max() + tmax(1) / tmax(1).max())


def test_the_recorded_apply(files: list[Path], tmp_path: Path) -> None:
    assert_same(result(recorded("apply_expression.json"), tmp_path, data=files[1]), tmax(1) * 10)


def test_a_mask_hides_where_the_expression_is_true(files: list[Path], tmp_path: Path) -> None:
    document = workflow(
        [array()],
        [node("m", "mask_by_expression", array_in="@x", expression="=x > 10")],
        {"out": "m.array_out"},
    )
    assert_same(result(document, tmp_path, x=files[0]), np.ma.masked_greater(tmax(0), 10))


@pytest.mark.parametrize(
    ("expression", "judge"), [("x - y", -1000), ("y - x", 1000), ("b - a", 1000), ("later - earlier", 1000)]
)
def test_a_fold_takes_variables_in_alphabetical_order(
    expression: str, judge: int, files: list[Path], tmp_path: Path
) -> None:
    document = workflow(
        [arrays()],
        [node("r", "reduce_by_expression", arrays_in="@arrays", expression=f"={expression}")],
        {"out": "r.array_out"},
    )
    assert_same(result(document, tmp_path, arrays=files), tmax(0) * 0 + judge)


def test_a_fold_may_have_a_beginning_and_more_variables(files: list[Path], tmp_path: Path) -> None:
    document = workflow(
        [arrays(), array("start"), {"name": "k", "type": "int"}],
        [
            node(
                "r",
                "reduce_by_expression",
                arrays_in="@arrays",
                expression="=x + y * k",
                initial_array="@start",
                k="@k",
            )
        ],
        {"out": "r.array_out"},
    )
    total = result(document, tmp_path, arrays=files, start=files[0], k=3)
    assert_same(total, tmax(0) + 3 * tmax(0) + 3 * tmax(1))


def test_a_map_knows_where_it_is_and_gives_a_list(files: list[Path], tmp_path: Path) -> None:
    document = workflow(
        [arrays()],
        [
            node(
                "m",
                "map_by_expression",
                arrays_in="@arrays",
                expression="=x * (i + 1)",
                generator=of("@arrays"),
            )
        ],
        {"out": "m.arrays_out"},
    )
    document["workflow"][0]["inputs"]["generator"] = {"source": "literal", "input": True}
    run = Run(loaded(document), tmp_path / "run")
    (output,) = run.outputs(arrays=files).values()
    assert len(output.items) == 2
    assert_same(run.raster(output.items[1]), tmax(1) * 2)


@pytest.mark.parametrize(
    ("expression", "value"),
    [("max(x)", 399.0), ("x[0][7]", 7.0), ("x[0][0]", None), ("median(x)", 202.0), ("max(x) > 3", True)],
)
def test_an_array_without_a_place_is_json(
    expression: str, value: Any, files: list[Path], tmp_path: Path
) -> None:
    assert result(apply(expression), tmp_path, x=files[0]) == value


def test_a_row_is_a_list_with_null_where_it_is_masked(files: list[Path], tmp_path: Path) -> None:
    assert result(apply("x[0]"), tmp_path, x=files[0]) == [None] * 5 + [float(each) for each in range(5, 20)]


def test_whole_numbers_keep_their_type_and_their_mask(files: list[Path], tmp_path: Path) -> None:
    whole = result(apply("int16(x)"), tmp_path, x=files[0])
    assert whole.dtype == np.int16
    assert_same(whole, tmax(0).astype("int16"))


def test_bands_are_the_first_axis(tmp_path: Path) -> None:
    bands = np.ma.stack([tmax(0), tmax(1)])
    file = geotiff(tmp_path / "bands.tif", bands, nodata=-1.0)
    assert_same(result(apply("mean(x, 0) + x[1]"), tmp_path, x=file), bands.mean(axis=0) + tmax(1))


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    values = np.arange(3000 * 2600, dtype="float32").reshape(3000, 2600)
    file = geotiff(tmp_path / "large.tif", values)
    documents = []
    for number in (1, 2):
        run = Run(loaded(apply("x / max(x) + mean(x)")), tmp_path / str(number))
        (output,) = run.outputs(x=file).values()
        documents.append((run.folder / "outputs" / str(output.file)).read_bytes())
    assert documents[0] == documents[1]


def test_progress_counts_nodes_and_never_falls(files: list[Path], tmp_path: Path) -> None:
    run = Run(loaded(recorded("map_reduce_workflow.json")), tmp_path / "run")
    run.outputs(arrays_in=files)
    percents = [percent for percent, _ in run.reports]
    assert percents == sorted(percents)
    assert any("normalize_inputs" in message for _, message in run.reports)


def test_only_what_is_asked_for_is_run(files: list[Path], tmp_path: Path) -> None:
    document = workflow(
        [array()],
        [
            node("good", "apply_expression", array_in="@x", expression="=x * 2"),
            node("bad", "apply_expression", array_in="@x", expression="=x[999]"),
        ],
        {"double": "good.array_out", "item": "bad.array_out"},
    )
    run = Run(loaded(document), tmp_path / "run")
    assert list(run.outputs(["double"], x=files[0])) == ["double"]
    with pytest.raises(InputError, match=r"input 'x': node 'bad': column 2: there is no item 999"):
        run.outputs(["item"], x=files[0])


def test_rasters_that_are_not_on_one_grid_are_refused(files: list[Path], tmp_path: Path) -> None:
    moved = geotiff(tmp_path / "moved.tif", tmax(0), transform=GRID @ Affine.translation(3, 0))
    with pytest.raises(
        InputError, match=r"input 'arrays_in': node 'sum_arrays': column 3: rasters that are not on"
    ):
        result(recorded("map_reduce_workflow.json"), tmp_path, arrays_in=[files[0], moved])


def test_what_is_no_raster_names_its_input(tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("hello")
    with pytest.raises(InputError, match=r"input 'x': not a raster"):
        result(apply("x"), tmp_path, x=tmp_path / "text.tif")


@pytest.fixture
def climate(tmp_path: Path) -> Path:
    """The recordings' variable with three times, rows from south to north."""
    values = np.stack([tmax(step).filled(np.nan)[::-1] for step in range(3)])
    path = tmp_path / "climate.nc"
    xr.Dataset(
        {"tmax": (("time", "lat", "lon"), values)},
        coords={
            "time": ("time", [0, 1, 2], {"units": "days since 2017-08-05"}),
            "lat": ("lat", 30.25 + 0.5 * np.arange(20), {"units": "degrees_north"}),
            "lon": ("lon", -119.75 + 0.5 * np.arange(20), {"units": "degrees_east"}),
        },
    ).to_netcdf(path, engine="h5netcdf")
    return path


def of_dataset(path: str, variable: str, expression: str) -> Any:
    return workflow(
        [{"name": "file", "type": "string"}],
        [
            node("load", "load_dataset", path=path),
            node("read", "array_from_dataset", dataset="load.dataset_out", variable=f"={variable}"),
            node("step", "apply_expression", array_in="read.array_out", expression=f"={expression}"),
        ],
        {"out": "step.array_out"},
    )


def test_a_variable_of_a_file_beside_the_workflow(climate: Path, tmp_path: Path) -> None:
    run = Run(loaded(of_dataset("=climate.nc", "tmax", "x[1]"), folder=tmp_path), tmp_path / "run")
    (output,) = run.outputs(file="").values()
    assert_same(run.raster(output), tmax(1))
    run = Run(loaded(of_dataset("=climate.nc", "tmax", "mean(x, 0)"), folder=tmp_path), tmp_path / "mean")
    (output,) = run.outputs(file="").values()
    assert_same(run.raster(output), tmax(1))


@pytest.mark.parametrize(
    ("path", "variable", "problem"),
    [
        ("=other.nc", "tmax", "node 'load': there is no file 'other.nc'"),
        ("=climate.nc", "nope", "node 'read': there is no variable 'nope'; allowed: tmax"),
    ],
)
def test_a_file_or_variable_that_is_not_there(
    path: str, variable: str, problem: str, climate: Path, tmp_path: Path
) -> None:
    run = Run(loaded(of_dataset(path, variable, "x[1]"), folder=tmp_path), tmp_path / "run")
    with pytest.raises(ExecutionError) as error:
        run.outputs(file="")
    assert error.value.detail == problem


def test_a_clients_path_obeys_the_data_roots(climate: Path, tmp_path: Path) -> None:
    process = loaded(of_dataset("@file", "tmax", "x[1]"), folder=tmp_path)
    run = Run(process, tmp_path / "run")
    program = WORKFLOW.program(process, RunLimits(), None)  # type: ignore[arg-type]  # it is not asked for anything
    spec, value = process.inputs["file"], InputValue(value=str(climate))
    outside = SourcePolicy(fetch=FetchSettings())
    with pytest.raises(InputError, match="input 'file'"):
        program.resolve(spec, value, tmp_path / "in", outside)
    inside = SourcePolicy(fetch=FetchSettings(), data_roots=(tmp_path,))
    resolved = program.resolve(spec, value, tmp_path / "in", inside)
    assert resolved.path is not None
    (output,) = run.outputs(file=resolved.path).values()
    assert_same(run.raster(output), tmax(1))


@pytest.mark.parametrize("kind", [{"type": "string"}, {"type": "any"}, SEVERAL])
@pytest.mark.parametrize("media_type", ["text/plain", "application/json"])
def test_what_a_client_sends_as_content_is_no_path(
    kind: dict[str, Any], media_type: str, climate: Path, tmp_path: Path
) -> None:
    document = of_dataset("@file", "tmax", "x[1]")
    document["inputs"] = [{"name": "file", **kind}]
    process = loaded(document, folder=tmp_path)
    program = WORKFLOW.program(process, RunLimits(), None)  # type: ignore[arg-type]  # it is not asked for anything
    text = quote(str(climate) if media_type == "text/plain" else json.dumps(str(climate)))
    policy = SourcePolicy(fetch=FetchSettings(), data_roots=(tmp_path / "elsewhere",))
    sent = InputValue(href=f"data:{media_type},{text}")
    resolved = program.resolve(process.inputs["file"], sent, tmp_path / "in", policy)
    assert resolved.path != climate
    value = resolved.value if resolved.path is None else resolved.path
    with pytest.raises(InputError, match=r"input 'file': .*not a raster"):
        Run(process, tmp_path / "run").outputs(file=value)


@pytest.mark.parametrize("kind", [{"type": "string"}, {"type": "any"}, SEVERAL])
@pytest.mark.parametrize("absolute", [True, False])
def test_a_text_that_was_looked_for_under_no_data_root_is_no_path(
    kind: dict[str, Any], absolute: bool, climate: Path, tmp_path: Path
) -> None:
    document = of_dataset("@file", "tmax", "x[1]")
    document["inputs"] = [{"name": "file", **kind}]
    run = Run(loaded(document, folder=tmp_path), tmp_path / "run")
    with pytest.raises(InputError, match="input 'file': node 'load': the path is no file"):
        run.outputs(file=str(climate) if absolute else climate.name)


@pytest.mark.parametrize("kind", [{"type": "string"}, {"type": "any"}, SEVERAL])
def test_a_dataset_by_reference_is_that_file(kind: dict[str, Any], climate: Path, tmp_path: Path) -> None:
    document = of_dataset("@file", "tmax", "x[1]")
    document["inputs"] = [{"name": "file", **kind}]
    process = loaded(document, folder=tmp_path / "flows")
    program = WORKFLOW.program(process, RunLimits(), None)  # type: ignore[arg-type]  # it is not asked for anything
    policy = SourcePolicy(fetch=FetchSettings(), data_roots=(tmp_path,))
    inline = "data:application/x-netcdf;base64," + b64encode(climate.read_bytes()).decode()
    for number, href in enumerate((climate.as_uri(), inline)):
        resolved = program.resolve(
            process.inputs["file"], InputValue(href=href), tmp_path / f"in{number}", policy
        )
        assert resolved.path is not None
        run = Run(process, tmp_path / f"run{number}")
        (output,) = run.outputs(file=resolved.path).values()
        assert_same(run.raster(output), tmax(1))


def test_a_dataset_that_was_gathered_is_that_file(climate: Path, tmp_path: Path) -> None:
    """As AppStore's assets come; whatever their server calls them."""
    process = loaded(of_dataset("@file", "tmax", "x[1]"), folder=tmp_path / "flows")
    program = WORKFLOW.program(process, RunLimits(), None)  # type: ignore[arg-type]  # it is not asked for anything
    for number, media_type in enumerate((None, "text/plain", "application/x-netcdf")):
        own = tmp_path / f"own{number}"
        resolved = resolve_gathered(program.process.inputs["file"], climate, media_type, own)
        assert resolved.path is not None
        assert resolved.path.read_bytes() == climate.read_bytes()
    assert process.inputs["file"].schema == {"type": "string"}
    (output,) = (run := Run(process, tmp_path / "run")).outputs(file=climate).values()
    assert_same(run.raster(output), tmax(1))
