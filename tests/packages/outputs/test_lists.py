"""Outputs that are lists, declared with ``maxOccurs``: of files, or of plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.transform import from_origin

from dragoman import Raster
from dragoman.errors import OutputError
from dragoman.packages.outputs.writing import write_outputs

RASTERS = "{out: {schema: raster, maxOccurs: unbounded}}"
TABLES = "{out: {schema: {type: string, contentMediaType: text/csv}, minOccurs: 0, maxOccurs: 2}}"
NUMBERS = "{out: {schema: {type: number}, maxOccurs: 3}}"


@pytest.fixture
def write(make_process: Any, context: Any, tmp_path: Path) -> Any:
    """Writes what run returned for the outputs declared; files lie in ``tmp_path / out``."""

    def write_them(outputs: str, returned: object) -> Any:
        process = make_process(outputs=outputs)
        return write_outputs(process, returned, tmp_path / "out", None, context=context)["out"]

    return write_them


def raster(value: float) -> Raster:
    array = np.ma.masked_equal(np.full((1, 2, 2), value, "float32"), -1)
    return Raster(array=array, transform=from_origin(0, 2, 1, 1), crs="EPSG:4326", nodata=-1)


def test_it_is_described_as_an_array(make_process: Any) -> None:
    process = make_process(outputs=TABLES)
    assert process.outputs["out"].schema == {
        "type": "array",
        "minItems": 0,
        "maxItems": 2,
        "items": {"type": "string", "contentMediaType": "text/csv"},
    }
    assert "maxItems" not in make_process(outputs=RASTERS).outputs["out"].schema


@pytest.mark.parametrize("kind", [list, tuple])
def test_rasters_are_files_in_order(write: Any, tmp_path: Path, kind: Any) -> None:
    output = write(RASTERS, kind([raster(1), raster(2)]))
    assert [item.file for item in output.items] == ["out/0.tif", "out/1.tif"]
    assert {item.id for item in output.items} == {"out"}
    assert (output.media_type, output.file, output.value) == ("application/json", None, None)
    for item in output.items:
        assert item.media_type.startswith("image/tiff")
        assert item.size == (tmp_path / "out" / item.file).stat().st_size


def test_paths_texts_and_bytes_are_files_of_the_stated_media_type(
    write: Any, context: Any, tmp_path: Path
) -> None:
    (context.scratch / "a.csv").write_text("a,b\n")
    output = write(TABLES, [context.scratch / "a.csv", "c,d\n"])
    assert [item.media_type for item in output.items] == ["text/csv", "text/csv"]
    assert [(tmp_path / "out" / item.file).read_text() for item in output.items] == ["a,b\n", "c,d\n"]
    assert not (context.scratch / "a.csv").exists(), "it is moved, as a file returned by itself is"


def test_one_path_twice_is_two_files(write: Any, context: Any) -> None:
    (context.scratch / "a.csv").write_text("a,b\n")
    output = write(TABLES, [context.scratch / "a.csv"] * 2)
    assert [item.size for item in output.items] == [4, 4]


def test_small_geojson_is_a_file_each(write: Any) -> None:
    empty = {"type": "FeatureCollection", "features": []}
    output = write("{out: {schema: features, maxOccurs: 5}}", [empty])
    assert [(item.file, item.media_type) for item in output.items] == [
        ("out/0.geojson", "application/geo+json")
    ]


def test_plain_values_are_one_json_value(write: Any, tmp_path: Path) -> None:
    assert write(NUMBERS, (1, 2.5)).value == [1, 2.5]
    assert write(NUMBERS, np.array([1.0, 2.0])).value == [1, 2]
    assert not (tmp_path / "out").exists()


def test_files_of_no_stated_media_type_have_that_of_their_name(write: Any, context: Any) -> None:
    (context.scratch / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n..")
    (item,) = write("{out: {schema: {}, maxOccurs: 2}}", [context.scratch / "a.png"]).items
    assert item.media_type == "image/png"


def test_an_empty_list_is_a_value(write: Any) -> None:
    output = write(TABLES, [])
    assert (output.value, output.items) == ([], ())


@pytest.mark.parametrize(
    ("outputs", "returned", "message"),
    [
        (RASTERS, [], "output 'out': the algorithm returned 0 items; allowed: at least 1"),
        (TABLES, ["a"] * 3, "output 'out': the algorithm returned 3 items; allowed: at least 0, at most 2"),
        (RASTERS, "no list", "output 'out': the algorithm returned a str; allowed: a list, one item a file"),
        (RASTERS, [raster(1), 5], "output 'out[1]': the algorithm returned a int; allowed: image/tiff"),
        (RASTERS, [Path("/etc/passwd")], "output 'out[0]': the file 'passwd' is not in the scratch folder"),
        (RASTERS, None, "the algorithm returned no output 'out'"),
        (NUMBERS, [1, "a"], "output 'out': [1]: got \"a\"; allowed: a number"),
        (NUMBERS, 5, "output 'out': got 5; allowed: an array"),
        (NUMBERS, [1] * 4, "output 'out': got [1, 1, 1, 1]; allowed: an array"),
    ],
)
def test_what_is_no_such_list_fails_the_job(write: Any, outputs: str, returned: object, message: str) -> None:
    with pytest.raises(OutputError) as caught:
        write(outputs, returned)
    assert caught.value.detail.startswith(message)
