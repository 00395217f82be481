from __future__ import annotations

import datetime
import io
import json
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import from_origin

from dragoman import Raster
from dragoman.errors import OutputError
from dragoman.packages.outputs.file_check import JSON_BYTES, is_tiff
from dragoman.packages.outputs.writing import write_outputs
from dragoman.rasters.writing import write_raster
from dragoman.schemas.json_values import to_json


@pytest.fixture
def write(make_process: Any, context: Any, tmp_path: Path) -> Any:
    """Writes what run returned for the outputs declared; files lie in ``tmp_path / out``."""

    def write_them(outputs: str, returned: object, wanted: Any = None, inputs: Any = ()) -> Any:
        process = make_process(outputs=outputs)
        lent = [*inputs, Path(process.runtime.folder)]
        return write_outputs(process, returned, tmp_path / "out", wanted, context=context, lent=lent)

    return write_them


def raster() -> Raster:
    array = np.ma.masked_equal(np.arange(6, dtype="float32").reshape(1, 2, 3), 4)
    crs = rasterio.CRS.from_epsg(4326)
    return Raster(array=array, transform=from_origin(0, 2, 1, 1), crs=crs, nodata=float("nan"))


def tiff(path: Path) -> int:
    """Writes a small GeoTIFF; its size."""
    write_raster(path, raster())
    return path.stat().st_size


PNG = b"\x89PNG\r\n\x1a\n..."
NUMBER = "{out: {schema: {type: number}}}"
MEAN = "{out: {schema: {type: object, properties: {mean: {type: number}}}}}"
TWO = "{a: {schema: {type: integer}}, b: {schema: {type: string}}}"


def test_small_json_stays_with_the_job(write: Any, tmp_path: Path) -> None:
    made = write(TWO, {"b": "x", "a": 1, "more": object()})
    assert list(made) == ["a", "b"]
    assert (made["a"].value, made["a"].media_type, made["a"].file) == (1, "application/json", None)
    assert (made["b"].value, made["b"].media_type) == ("x", "text/plain")
    assert not (tmp_path / "out").exists()


def test_only_what_is_wanted_is_written(write: Any) -> None:
    assert list(write(TWO, {"a": 1, "b": "x"}, wanted={"b"})) == ["b"]


def test_one_output_may_be_returned_bare(write: Any) -> None:
    assert write(NUMBER, 5)["out"].value == 5
    assert write(NUMBER, {"out": 5})["out"].value == 5
    assert write("{out: {schema: {type: object}}}", {"a": 5})["out"].value == {"a": 5}


def test_large_json_becomes_a_file(write: Any, tmp_path: Path) -> None:
    features = {"type": "FeatureCollection", "features": [], "note": "ä" * 20_000}
    made = write("{out: {schema: features}}", features)["out"]
    assert (made.file, made.media_type) == ("out.geojson", "application/geo+json")
    assert made.size == (tmp_path / "out" / "out.geojson").stat().st_size
    assert json.loads((tmp_path / "out" / "out.geojson").read_text()) == features
    made = write("{out: {schema: {type: string}}}", "x" * 20_000)["out"]
    assert (made.file, made.size, made.media_type) == ("out.txt", 20_000, "text/plain")


class Level(str, Enum):  # noqa: UP042 - StrEnum shows its value, this its name
    LOW = "a"


class Size(int):
    def __str__(self) -> str:
        return "large"


def test_subclasses_and_keys_are_as_json_writes_them() -> None:
    value = {Level.LOW: Level.LOW, 1.5: Size(3), None: [True], False: 1, Size(7): 2, float("inf"): 3}
    assert json.dumps(to_json(value)) == json.dumps(value)
    assert to_json({np.bool_(True): 1, np.int8(3): 2, np.float64(2.5): 3}) == {"true": 1, "3": 2, "2.5": 3}
    deep: Any = 7
    for _ in range(150):
        deep = [deep]
    assert to_json(deep) == deep


def test_numbers_of_numpy_become_json(write: Any) -> None:
    stats = {
        "mean": np.float32(0.5),
        "none": np.nan,
        "hist": np.arange(2),
        "masked": np.ma.masked_equal([1, 2], 2),
    }
    made = write("{out: {schema: {type: object}}}", stats)["out"].value
    assert made == {"mean": 0.5, "none": None, "hist": [0, 1], "masked": [1, None]}
    assert type(made["mean"]) is float
    assert to_json({"d": datetime.date(2024, 1, 2), 1: np.datetime64("2024-01-02")}) == {
        "d": "2024-01-02",
        "1": "2024-01-02",
    }


def test_a_raster_is_written_as_geotiff(write: Any, tmp_path: Path) -> None:
    made = write("{out: {schema: raster}}", {"out": raster()})["out"]
    assert (made.file, made.media_type) == ("out.tif", "image/tiff; application=geotiff")
    with rasterio.open(tmp_path / "out" / "out.tif") as dataset:
        assert np.isnan(dataset.nodata)
        assert dataset.read(1, masked=True).mask.sum() == 1


def test_a_dataset_is_written_as_netcdf(write: Any, tmp_path: Path) -> None:
    made = write("{out: {schema: netcdf}}", xr.Dataset({"t": ("x", [1.0, 2.0])}))["out"]
    assert (made.file, made.media_type) == ("out.nc", "application/x-netcdf")
    assert made.size == (tmp_path / "out" / "out.nc").stat().st_size


def test_bytes_and_text_become_files_where_the_schema_is_binary(write: Any, tmp_path: Path) -> None:
    made = write("{out: {schema: {type: string, contentEncoding: binary, contentMediaType: image/png}}}", PNG)
    assert (made["out"].file, made["out"].media_type, made["out"].size) == ("out.png", "image/png", len(PNG))
    made = write(
        "{out: {schema: {type: string, contentEncoding: binary, contentMediaType: text/csv}}}", "a,b"
    )
    assert (tmp_path / "out" / made["out"].file).read_text() == "a,b"
    made = write("{out: {schema: {type: string, contentMediaType: text/csv}}}", "a,b")
    assert (made["out"].value, made["out"].media_type) == ("a,b", "text/csv")


def test_a_path_is_moved_from_scratch(write: Any, context: Any, tmp_path: Path) -> None:
    file = context.scratch / "made.tif"
    size = tiff(file)
    made = write("{out: {schema: raster}}", file)["out"]
    assert (made.file, made.size) == ("out.tif", size)
    assert not file.exists()
    tiff(tmp_path / "out" / "mine")
    assert write("{out: {schema: raster}}", tmp_path / "out" / "mine")["out"].size == size


def test_an_input_and_a_file_of_the_package_are_copied(write: Any, tmp_path: Path) -> None:
    given_file = tmp_path / "input.tif"
    size = tiff(given_file)
    assert write("{out: {schema: raster}}", given_file, inputs=[given_file])["out"].size == size
    assert given_file.exists()
    package_file = tmp_path / "demo" / "table.json"
    package_file.parent.mkdir(exist_ok=True)
    package_file.write_bytes(b"{}")
    made = write("{out: {schema: {}}}", package_file)["out"]
    assert (made.file, made.media_type) == ("out.json", "application/json")
    assert package_file.exists()


def test_one_file_may_be_two_outputs(write: Any, context: Any) -> None:
    file = context.scratch / "made.tif"
    size = tiff(file)
    made = write("{a: {schema: raster}, b: {schema: raster}}", {"a": file, "b": file})
    assert [made[name].size for name in "ab"] == [size, size]


@pytest.mark.parametrize(
    ("outputs", "returned", "told"),
    [
        (TWO, {"a": 1}, "the algorithm returned no output 'b'"),
        (TWO, {"a": 1, "b": None}, "the algorithm returned no output 'b'"),
        (TWO, 5, "the algorithm returned a int; allowed: a mapping with a, b"),
        (TWO, {"a": "x", "b": "x"}, "output 'a': got \"x\"; allowed: an integer"),
        (NUMBER, None, "the algorithm returned no output 'out'"),
        (NUMBER, np.nan, "output 'out': got NaN or an infinite number; allowed: a number"),
        (
            MEAN,
            {"mean": np.float32("nan")},
            "output 'out': mean: got NaN or an infinite number; allowed: a num",
        ),
        (MEAN, {"mean": None, "other": np.nan}, "output 'out': mean: got null; allowed: a number"),
        (NUMBER, Path("/nowhere/x.tif"), "returned the file 'x.tif'; allowed: number"),
        (NUMBER, xr.DataArray([1.0]), "returned an xarray.DataArray; allowed: number"),
        (
            "{out: {schema: netcdf}}",
            xr.DataArray([1.0]),
            "has no name; return a Dataset, such as .to_dataset(",
        ),
        ("{out: {schema: raster}}", b"123", "what the algorithm returned is not a GeoTIFF"),
        ("{out: {schema: netcdf}}", b"CDF\x01", "what the algorithm returned is not a NetCDF file"),
        (NUMBER, {1, 2}, "output 'out': the value is a set, which has no JSON form"),
        (NUMBER, [{"a": object()}], "output 'out': [0].a is a object, which has no JSON form"),
        (NUMBER, b"x", "output 'out': the algorithm returned bytes; allowed: number"),
        (NUMBER, xr.Dataset(), "returned application/x-netcdf; allowed: number"),
        ("{out: {schema: netcdf}}", raster(), "returned image/tiff; allowed: application/x-netcdf"),
        ("{out: {schema: features}}", raster(), "returned image/tiff; allowed: application/geo+json"),
        ("{out: {schema: raster}}", {"a": 1}, "returned an object; allowed: image/tiff; application=geotiff"),
        ("{out: {schema: raster}}", "x", "returned a string; allowed: image/tiff; application=geotiff"),
        ("{out: {schema: raster}}", Path("/etc/passwd"), "'passwd' is not in the scratch folder"),
        ("{out: {schema: raster}}", Path("/nowhere/x"), "'x' does not exist"),
        ("{out: {schema: raster}}", Path("/etc"), "'etc' is not a regular file"),
    ],
)
def test_what_is_missing_or_wrong_is_named(write: Any, outputs: str, returned: Any, told: str) -> None:
    with pytest.raises(OutputError) as raised:
        write(outputs, returned)
    assert told in raised.value.detail


def test_a_link_out_of_scratch_gives_nothing_away(write: Any, context: Any) -> None:
    link = context.scratch / "link"
    link.symlink_to("/etc/passwd")
    with pytest.raises(OutputError, match="is not in the scratch folder"):
        write("{out: {schema: raster}}", link)


def test_nesting_without_end_is_refused(write: Any) -> None:
    deep: list[Any] = []
    deep.append(deep)
    with pytest.raises(OutputError, match="is nested too deeply"):
        write("{out: {schema: {}}}", deep)


@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_json_values_come_through_unchanged(value: Any) -> None:
    assert to_json(value) == value
    assert json.loads(json.dumps(to_json(value))) == value


ONE_OF_TWO = """{out: {schema: {oneOf: [
    {type: string, contentEncoding: binary, contentMediaType: image/tiff},
    {type: string, contentEncoding: binary, contentMediaType: image/png}]}}}"""


@pytest.mark.parametrize(
    ("schema", "content", "told"),
    [
        ("raster", b"hello", "the file 'made' is not a GeoTIFF, or not complete; allowed: image/tiff"),
        ("raster", PNG, "the file 'made' is not a GeoTIFF"),
        ("raster", b"", "the file 'made' is not a GeoTIFF"),
        (
            "netcdf",
            b"hello",
            "the file 'made' is not a NetCDF file, or not complete; allowed: application/x-",
        ),
        ("netcdf", b"\x89HDF\r\n\x1a\n" + bytes(100), "the file 'made' is not a NetCDF file"),
        ("features", b"{", "the file 'made' cannot be read: it is not JSON"),
        ("features", b'{"type": "Feature"}', "the file 'made' is not as declared: "),
        (
            "{type: string, contentEncoding: binary, contentMediaType: image/png}",
            b"hello",
            "the file 'made' is not a PNG image; allowed: image/png",
        ),
    ],
)
def test_a_file_of_the_wrong_kind_is_refused(
    write: Any, context: Any, schema: str, content: bytes, told: str
) -> None:
    (context.scratch / "made").write_bytes(content)
    with pytest.raises(OutputError) as raised:
        write(f"{{out: {{schema: {schema}}}}}", context.scratch / "made")
    assert told in raised.value.detail


def test_a_large_json_file_is_not_read(write: Any, context: Any) -> None:
    (context.scratch / "made").write_bytes(b"{" * (JSON_BYTES + 1))
    assert write("{out: {schema: features}}", context.scratch / "made")["out"].size == JSON_BYTES + 1


def test_a_file_is_labelled_as_what_it_is_where_several_are_allowed(write: Any, context: Any) -> None:
    (context.scratch / "made.png").write_bytes(PNG)
    made = write(ONE_OF_TWO, context.scratch / "made.png")["out"]
    assert (made.media_type, made.file) == ("image/png", "out.png")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which files are open")
def test_the_path_of_an_open_writer_is_refused(write: Any, context: Any) -> None:
    path = context.scratch / "made.tif"
    with rasterio.open(
        path, "w", "GTiff", 64, 64, 1, "EPSG:4326", from_origin(0, 2, 1, 1), "uint8"
    ) as writer:
        writer.write(np.ones((1, 64, 64), "uint8"))
        with pytest.raises(OutputError, match=r"'made\.tif' is still open for writing; close it before"):
            write("{out: {schema: raster}}", path)
        with pytest.raises(OutputError, match="an open rasterio dataset; close it, and return its path"):
            write("{out: {schema: raster}}", writer)
    with rasterio.open(path):
        assert write("{out: {schema: raster}}", path)["out"].size


def test_a_named_array_is_a_dataset_of_one(write: Any, tmp_path: Path) -> None:
    array = xr.DataArray([1.0, 2.0], dims="x", name="t")
    assert write("{out: {schema: netcdf}}", {"out": array})["out"].file == "out.nc"
    with xr.open_dataset(tmp_path / "out/out.nc", engine="h5netcdf") as made:
        assert list(made) == ["t"]


@pytest.mark.parametrize(
    "options", [{}, {"BIGTIFF": "YES"}, {"ENDIANNESS": "BIG"}, {"BIGTIFF": "YES", "ENDIANNESS": "BIG"}]
)
@pytest.mark.parametrize("tiled", [True, False])
def test_every_form_of_tiff_is_one_until_its_tags_are_cut(
    tmp_path: Path, options: dict[str, str], tiled: bool
) -> None:
    path = tmp_path / "a.tif"
    shape = {"width": 64, "height": 64, "count": 1, "tiled": tiled, "blockysize": 16, "blockxsize": 16}
    place = {"crs": "EPSG:4326", "transform": from_origin(0, 2, 1, 1)}
    with rasterio.open(path, "w", "GTiff", dtype="uint8", **shape, **place, **options) as writer:
        writer.write(np.ones((1, 64, 64), "uint8"))
    assert is_tiff(path)
    content = path.read_bytes()
    for length in (0, 3, 8, 30):
        path.write_bytes(content[:length])
        assert not is_tiff(path)


TEXT = "{out: {schema: {type: string}}}"
CSV = "{out: {schema: {type: string, contentMediaType: text/csv, contentEncoding: binary}}}"


@pytest.mark.parametrize("outputs", [TEXT, CSV, "{out: {schema: {}}}"])
def test_the_path_of_a_file_as_text_is_refused(
    write: Any, context: Any, tmp_path: Path, outputs: str
) -> None:
    elsewhere = tmp_path.parent / f"{tmp_path.name}.csv"
    for path in (context.scratch / "table.csv", elsewhere):
        path.write_text("a,b\n")
    for text in (str(context.scratch / "table.csv"), "table.csv", str(elsewhere)):
        with pytest.raises(OutputError) as raised:
            write(outputs, text)
        assert raised.value.detail.endswith(
            "csv' as text; to return a file, return pathlib.Path(...), not str"
        )
        assert str(tmp_path.parent) not in raised.value.detail


def test_no_output_holds_the_path_of_a_folder_of_the_run(write: Any, context: Any) -> None:
    for value in ({"file": str(context.scratch / "a.tif")}, [f"wrote {context.scratch}"]):
        with pytest.raises(
            OutputError, match=r"^output 'out': holds the path of a folder of the server; to ret"
        ):
            write("{out: {schema: {}}}", value)


def test_texts_that_look_like_paths_are_texts(write: Any, tmp_path: Path, make_process: Any) -> None:
    for text in ("/no/such/file.tif", "table.csv", "a\nb", "x" * 5000, "", "/"):
        assert write(TEXT, text)["out"].value == text
    outputs = write_outputs(make_process(outputs=TEXT), __file__, tmp_path / "o", None, echoed={__file__})
    assert outputs["out"].value == __file__, "what the client sent comes back"


def _of(module: str, name: str, *bases: type) -> object:
    return type(name, bases, {"__module__": module})()


@pytest.mark.parametrize(
    ("returned", "outputs", "told"),
    [
        (io.BytesIO(b"x"), CSV, "a io.BytesIO; return its bytes, .getvalue()"),
        (io.StringIO("x"), TEXT, "a io.StringIO; return its text, .getvalue()"),
        (
            _of("matplotlib.figure", "Figure"),
            CSV,
            "a matplotlib.Figure; save it (figure.savefig(path)) and ret",
        ),
        (
            _of("geopandas.geodataframe", "GeoDataFrame"),
            MEAN,
            "a geopandas.GeoDataFrame; return its GeoJSON, js",
        ),
        (
            np.zeros((2, 2)),
            "{out: {schema: raster}}",
            "a numpy.ndarray; return dragoman.Raster(array=..., trans",
        ),
    ],
)
def test_what_is_neither_json_nor_a_file_is_refused_with_what_to_return(
    write: Any, returned: object, outputs: str, told: str
) -> None:
    with pytest.raises(OutputError) as raised:
        write(outputs, returned)
    assert raised.value.detail.startswith(f"output 'out': the algorithm returned {told}")


def test_an_array_where_json_is_asked_for_is_json(write: Any) -> None:
    assert write("{out: {schema: {type: array}}}", np.zeros(2))["out"].value == [0.0, 0.0]


def test_a_nullable_file_may_be_null(write: Any) -> None:
    schema = "{type: string, contentMediaType: text/csv, contentEncoding: binary, nullable: true}"
    output = write(f"{{out: {{schema: {schema}}}}}", None)["out"]
    assert (output.value, output.file, output.media_type) == (None, None, "application/json")


def test_only_what_is_wanted_has_to_be_there(write: Any) -> None:
    assert list(write(TWO, {"b": "x"}, wanted=["b"])) == ["b"]
    with pytest.raises(OutputError, match="returned no output 'a'"):
        write(TWO, {"b": "x"}, wanted=["a"])
