from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.transform import from_origin

from dragoman import Raster
from dragoman.errors import PackageError
from dragoman.model.job import InputValue, Output
from dragoman.packages.native.examples import Example, compare, example_inputs, load_examples
from dragoman.rasters.writing import write_netcdf, write_raster

if TYPE_CHECKING:
    from pathlib import Path


def test_examples_are_read_in_order(make_package: Any) -> None:
    folder = make_package(b="title: B\n", a="title: A\ninputs: {name: Ada}\ntolerance: 1e-5\n")
    first, second = load_examples(folder)
    assert (first.name, first.title, first.inputs, first.tolerance) == ("a", "A", {"name": "Ada"}, 1e-5)
    assert (second.title, second.outputs) == ("B", {})


def test_a_mistake_in_an_example_names_its_line(make_package: Any) -> None:
    folder = make_package(a="title: A\ninput: {}\n")
    with pytest.raises(
        PackageError, match=r"^demo/examples/a.yml:2: input: \"input\" is unknown; allowed: title"
    ):
        load_examples(folder)
    folder = make_package(a="inputs: {name: {file: ../algorithm.py}}\n")
    with pytest.raises(PackageError, match=r"there is no file '../algorithm.py' beside the example"):
        load_examples(folder)


def test_a_value_that_no_client_could_send_names_its_line(make_package: Any) -> None:
    folder = make_package(a="title: A\ninputs:\n  name: {value: x, mediaType: 5}\n")
    with pytest.raises(
        PackageError, match=r"^demo/examples/a.yml:3: inputs.name: 'mediaType' is not a string"
    ):
        load_examples(folder)


def test_inputs_become_what_a_client_would_send(tmp_path: Path, make_process: Any) -> None:
    sent = {
        "a": {"file": "x y.tif"},
        "b": [{"file": "x y.tif"}, {"file": "x y.tif"}],
        "c": [1, 2],
        "d": {"value": "AA", "mediaType": "image/tiff", "encoding": "base64"},
        "e": {"href": "http://example.org/", "type": "text/csv"},
        "f": {"bbox": [1, 2, 3, 4]},
    }
    example = Example(path=tmp_path / "e.yml", inputs=sent)
    made = example_inputs(example)
    file = InputValue(href=(tmp_path / "x y.tif").as_uri())
    assert made["a"] == (file,)
    assert made["b"] == (file, file)
    assert made["c"] == (InputValue(value=[1, 2]),)
    assert made["d"] == (InputValue(value="AA", media_type="image/tiff", encoding="base64"),)
    assert made["e"] == (InputValue(href="http://example.org/", media_type="text/csv"),)
    assert made["f"] == (InputValue(value={"bbox": [1, 2, 3, 4]}),)
    process = make_process("{c: {schema: {type: integer}, maxOccurs: 3}}")
    assert example_inputs(example, process)["c"] == (InputValue(value=1), InputValue(value=2))


@pytest.mark.parametrize(
    ("expected", "actual", "differences"),
    [
        (1, 1.0, []),
        (1.0, 1.0005, []),
        (1000, 1000.9, []),
        (1.0, 1.01, [": is 1.01, expected 1.0"]),
        ({"a": 1}, {"a": 1, "b": 2}, []),
        ({"a": {"b": 1}}, {"a": {}}, [".a.b: is missing"]),
        ([1, 2], [1], [": has 1 items, expected 2"]),
        ([1, {"a": "x"}], [1, {"a": "y"}], ['[1].a: is "y", expected "x"']),
        (None, 0, [": is 0, expected null"]),
        (True, 1, [": is 1, expected true"]),
    ],
)
def test_json_is_compared_by_its_named_members(
    tmp_path: Path, expected: Any, actual: Any, differences: list[str]
) -> None:
    example = Example(path=tmp_path / "e.yml", outputs={"out": expected}, tolerance=1e-3)
    output = Output(id="out", media_type="application/json", value=actual)
    assert compare(example, {"out": output}, tmp_path) == [f"out{text}" for text in differences]


def test_a_missing_output_is_told(tmp_path: Path) -> None:
    example = Example(path=tmp_path / "e.yml", outputs={"out": 1})
    assert compare(example, {}, tmp_path) == ["out: is missing"]


def compare_files(folder: Path, suffix: str, media_type: str) -> list[str]:
    example = Example(path=folder / "e.yml", outputs={"out": {"file": f"wanted{suffix}"}}, tolerance=1e-3)
    output = Output(id="out", media_type=media_type, file=f"given{suffix}", size=1)
    return compare(example, {"out": output}, folder)


def raster_of(values: Any, **changes: Any) -> Raster:
    array = np.ma.masked_invalid(np.asarray(values, dtype="float32")).reshape(1, 2, 2)
    said: dict[str, Any] = {
        "transform": from_origin(0, 2, 1, 1),
        "crs": rasterio.CRS.from_epsg(4326),
        "nodata": np.nan,
    }
    return Raster(array=array, **(said | changes))


@pytest.mark.parametrize(
    ("given_raster", "told"),
    [
        (raster_of([1, 2, 3.0001, np.nan]), None),
        (raster_of([1, 2, 3.1, np.nan]), "[1]: 1 of 4 values differ, by up to 0.0999"),
        (raster_of([1, 2, 3, 4]), "[1]: 1 of 4 values are missing in one and not in the other"),
        (raster_of([1, 2, 3, np.nan], nodata=-1), ".nodata: is -1.0, expected nan"),
        (
            raster_of([1, 2, 3, np.nan], crs=rasterio.CRS.from_epsg(32631)),
            ".crs: is EPSG:32631, expected EPSG:4326",
        ),
        (raster_of([1, 2, 3, np.nan], transform=from_origin(0, 2, 2, 2)), ".transform: is (2.0"),
    ],
)
def test_rasters_are_compared_by_grid_mask_and_values(
    tmp_path: Path, given_raster: Raster, told: str | None
) -> None:
    write_raster(tmp_path / "wanted.tif", raster_of([1, 2, 3, np.nan]))
    write_raster(tmp_path / "given.tif", given_raster)
    found = compare_files(tmp_path, ".tif", "image/tiff")
    assert found == [] if told is None else found[0].startswith(f"out{told}")


def test_netcdf_is_compared_by_variables(tmp_path: Path) -> None:
    def dataset(values: list[float], name: str = "t", **attrs: str) -> xr.Dataset:
        return xr.Dataset({name: ("x", values, attrs)}, coords={"x": [10, 20]})

    write_netcdf(tmp_path / "wanted.nc", dataset([1, np.nan], units="K"))
    for given_dataset, told in (
        (dataset([1.0001, np.nan], units="K"), None),
        (dataset([2, np.nan], units="K"), "out.t: 1 of 2 values differ"),
        (dataset([1, 5], units="K"), "out.t: 1 of 2 values are missing"),
        (dataset([1, np.nan], units="C"), "out.t@units: is C, expected K"),
        (dataset([1, np.nan], name="u"), "out.t: is missing"),
    ):
        write_netcdf(tmp_path / "given.nc", given_dataset)
        found = compare_files(tmp_path, ".nc", "application/x-netcdf")
        assert found == [] if told is None else found[0].startswith(told)


def test_other_files_are_compared_as_json_or_bytes(tmp_path: Path) -> None:
    (tmp_path / "wanted.json").write_text('{"a": 1.0}')
    (tmp_path / "given.json").write_text('{"a": 1, "b": 2}')
    assert compare_files(tmp_path, ".json", "application/json") == []
    (tmp_path / "given.json").write_text("{")
    assert "is not JSON" in compare_files(tmp_path, ".json", "application/json")[0]
    (tmp_path / "wanted.bin").write_bytes(b"a")
    (tmp_path / "given.bin").write_bytes(b"b")
    found = compare_files(tmp_path, ".bin", "application/octet-stream")
    assert found == ["out: the file is not the same as wanted.bin"]
