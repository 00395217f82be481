"""A raster file as a service: where its cells lie for each reader, what they hold, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from rasterio._env import get_gdal_config

from dragoman.errors import InvalidRequest, OutputError
from dragoman.maps import publishing, pyramids
from dragoman.maps.job_services import check_publishable, make_services
from dragoman.maps.publishing import Publication, publish_raster
from dragoman.maps.pyramids import BLOCK_CACHE, overview_factors
from dragoman.maps.renderers import MIN_MAX, parse_renderer
from dragoman.maps.service_codec import dump_service, load_service
from dragoman.maps.service_files import files_of
from dragoman.maps.statistics import BandStatistics
from dragoman.model.job import Output
from dragoman.model.process import OutputSpec
from dragoman.rasters.opening import gdal_env
from dragoman.workers import wear

if TYPE_CHECKING:
    from dragoman.model.map_service import MapService

UTM: dict[str, Any] = {"crs": "EPSG:32633", "transform": Affine(10, 0, 500_000, 0, -10, 5_000_000)}
DEGREES: dict[str, Any] = {"crs": "EPSG:4326", "transform": Affine(0.5, 0, -120, 0, -0.25, 40)}
CELLS = np.arange(700 * 600, dtype="float32").reshape(700, 600)


def _publish(
    folder: Path, values: Any, *, mask: Any = None, renderer: Any = MIN_MAX, **profile: Any
) -> MapService:
    """The service of a GeoTIFF with these values, shape (rows, cols) or (bands, rows, cols)."""
    values = np.asarray(values)
    bands = values if values.ndim == 3 else values[np.newaxis]
    source, made = folder / "source.tif", folder / "made"
    options = {
        "driver": "GTiff", "height": bands.shape[1], "width": bands.shape[2], "count": bands.shape[0],
        "dtype": bands.dtype.name, **UTM, **profile,
    }  # fmt: skip
    scale, means = options.pop("scale", None), options.pop("means", False)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(source, "w", **options) as target:
        target.write(bands)
        if mask is not None:
            target.write_mask(mask)
        if scale is not None:
            target.scales = (scale,) * bands.shape[0]
        if means:
            target.build_overviews([2, 4], rasterio.enums.Resampling.average)
    made.mkdir()
    publication = Publication(
        name="job/out", renderer=renderer, data=Path("services/job/out.nc"), job_id="job"
    )
    return publish_raster(source, publication, made)


def _read(folder: Path, name: str = "out.nc") -> Any:
    """All bands as GDAL reads them, masked, with CRS, transform and nodata."""
    with rasterio.open(folder / "made" / name) as dataset:
        return dataset.read(masked=True), dataset.crs, dataset.transform, dataset.nodata


@pytest.mark.parametrize("place", [UTM, DEGREES, {**UTM, "crs": "EPSG:3857"}, {**UTM, "crs": "EPSG:3035"}])
@pytest.mark.parametrize("tiled", [True, False])
def test_gdal_reads_the_same_cells_at_the_same_place(tmp_path: Path, place: Any, tiled: bool) -> None:
    service = _publish(
        tmp_path,
        CELLS,
        tiled=tiled,
        blockxsize=256 if tiled else 600,
        blockysize=256 if tiled else 1,
        **place,
    )
    for name in ("out.nc", "out.tif"):
        values, crs, transform, nodata = _read(tmp_path, name)
        np.testing.assert_array_equal(values[0], CELLS)
        assert crs.to_epsg() == int(place["crs"].partition(":")[2])
        assert transform.almost_equals(place["transform"], precision=1e-9)
        assert nodata is None or np.isnan(nodata)
    assert service.grid.transform == tuple(place["transform"])[:6]
    assert rasterio.CRS.from_wkt(service.grid.crs_wkt) == rasterio.CRS.from_string(place["crs"])


def test_xarray_reads_the_centres_of_the_cells_and_the_crs(tmp_path: Path) -> None:
    _publish(tmp_path, CELLS)
    with xr.open_dataset(tmp_path / "made" / "out.nc", decode_coords="all") as dataset:
        assert dataset["data"].dims == ("y", "x")
        np.testing.assert_array_equal(dataset["data"].values, CELLS)
        np.testing.assert_allclose(dataset["x"].values[:2], [500_005, 500_015])
        np.testing.assert_allclose(dataset["y"].values[:2], [4_999_995, 4_999_985])
        assert dataset["x"].attrs["standard_name"] == "projection_x_coordinate"
        mapping = dataset[dataset["data"].encoding["grid_mapping"]]
        assert mapping.attrs["grid_mapping_name"] == "transverse_mercator"
        assert rasterio.CRS.from_wkt(mapping.attrs["crs_wkt"]).to_epsg() == 32633
        assert dataset.attrs["Conventions"] == "CF-1.8"


def test_degrees_have_the_names_that_ncdjango_gives_them(tmp_path: Path) -> None:
    _publish(tmp_path, CELLS, **DEGREES)
    with xr.open_dataset(tmp_path / "made" / "out.nc") as dataset:
        assert dataset["data"].dims == ("latitude", "longitude")
        assert dataset["longitude"].values[0] == -119.75
        assert dataset["longitude"].attrs["units"] == "degrees_east"
        assert dataset["crs"].attrs["grid_mapping_name"] == "latitude_longitude"


def test_rows_from_the_south_become_rows_from_the_north(tmp_path: Path) -> None:
    service = _publish(tmp_path, CELLS, transform=Affine(10, 0, 500_000, 0, 10, 4_993_000))
    for name in ("out.nc", "out.tif"):
        values, _, transform, _ = _read(tmp_path, name)
        np.testing.assert_array_equal(values[0], CELLS[::-1])
        assert transform == UTM["transform"]
    assert service.grid.transform == tuple(UTM["transform"])[:6]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ({"transform": UTM["transform"] @ Affine.rotation(10)}, "rotated"),
        ({"transform": UTM["transform"] @ Affine.shear(10)}, "sheared"),
        ({"transform": Affine(-10, 0, 500_000, 0, -10, 5_000_000)}, "east to west"),
        ({"crs": None}, "no CRS"),
    ],
)
def test_what_is_no_map_is_refused_by_name(tmp_path: Path, place: Any, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        _publish(tmp_path, CELLS, **place)


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64"]
)
def test_what_is_missing_stays_missing(tmp_path: Path, dtype: str) -> None:
    values = np.arange(60, dtype=dtype).reshape(6, 10)
    service = _publish(tmp_path, values, nodata=7)
    for name in ("out.nc", "out.tif"):
        read, _, _, nodata = _read(tmp_path, name)
        assert read.dtype == dtype
        assert nodata == 7
        np.testing.assert_array_equal(np.ma.getmaskarray(read[0]), values == 7)
        np.testing.assert_array_equal(read[0].compressed(), values[values != 7])
    (variable,) = service.variables
    assert (variable.dtype, variable.nodata, variable.minimum, variable.maximum) == (dtype, 7, 0, 59)


@pytest.mark.parametrize(("dtype", "kept"), [("uint8", "int16"), ("uint16", "int32"), ("float32", "float32")])
def test_a_mask_of_the_file_counts_whatever_value_lies_below_it(
    tmp_path: Path, dtype: str, kept: str
) -> None:
    values = np.arange(60, dtype=dtype).reshape(6, 10)
    mask = np.ones((6, 10), bool)
    mask[0] = False
    service = _publish(tmp_path, values, mask=mask)
    for name in ("out.nc", "out.tif"):
        read, *_ = _read(tmp_path, name)
        assert read.dtype == kept
        np.testing.assert_array_equal(~np.ma.getmaskarray(read[0]), mask)
        np.testing.assert_array_equal(read[0].compressed(), values[mask])
    assert service.variables[0].minimum == 10


def test_nan_is_missing_beside_a_nodata_value(tmp_path: Path) -> None:
    values = np.array([[1, np.nan, -9999], [2, 3, 4]], "float32")
    service = _publish(tmp_path, values, nodata=-9999)
    assert (service.variables[0].minimum, service.variables[0].maximum) == (1, 4)
    with xr.open_dataset(tmp_path / "made" / "out.nc") as dataset:
        np.testing.assert_array_equal(np.isnan(dataset["data"].values), [[False, True, True], [False] * 3])


def test_scaled_values_are_published_as_what_they_stand_for(tmp_path: Path) -> None:
    values = np.array([[7000, -1], [5000, 1]], "int16")
    service = _publish(tmp_path, values, nodata=-1, scale=0.0001)
    read, *_ = _read(tmp_path)
    np.testing.assert_allclose(read[0].filled(np.nan), [[0.7, np.nan], [0.5, 0.0001]], rtol=1e-6)
    assert service.variables[0].maximum == pytest.approx(0.7)


def test_each_band_is_a_layer(tmp_path: Path) -> None:
    values = np.stack([CELLS, CELLS + 1, CELLS * 2])
    service = _publish(tmp_path, values)
    assert [(each.name, each.index) for each in service.variables] == [
        ("band1", 0),
        ("band2", 1),
        ("band3", 2),
    ]
    assert [each.drawn for each in service.variables] == [
        ((Path("services/job/out.tif"), band),) for band in (1, 2, 3)
    ]
    with xr.open_dataset(tmp_path / "made" / "out.nc") as dataset:
        for band in (1, 2, 3):
            np.testing.assert_array_equal(dataset[f"band{band}"].values, values[band - 1])


def test_a_raster_without_a_valid_cell_is_published(tmp_path: Path) -> None:
    service = _publish(tmp_path, np.full((30, 20), np.nan, "float32"), nodata=np.nan)
    assert (service.variables[0].minimum, service.variables[0].maximum) == (None, None)
    assert [value for value, _ in service.variables[0].renderer.colors] == [0, 0]
    read, *_ = _read(tmp_path)
    assert np.ma.getmaskarray(read).all()


def test_words_of_a_renderer_become_values_of_each_layer(tmp_path: Path) -> None:
    words = parse_renderer(
        {"type": "classified", "colors": [["p25", "#000"], ["mean", "#888"], ["max", "#fff"]]}, words=True
    )
    service = _publish(tmp_path, np.stack([CELLS, CELLS * 2]), renderer=words)
    for factor, variable in zip((1, 2), service.variables, strict=True):
        expected = [
            factor * value for value in (np.percentile(CELLS, 25), CELLS.mean(dtype=float), CELLS.max())
        ]
        assert [value for value, _ in variable.renderer.colors] == pytest.approx(expected)


def test_the_pyramid_is_in_tiles_and_holds_no_value_that_the_data_do_not_have(tmp_path: Path) -> None:
    values = (np.arange(1100 * 1300) % 251).astype("uint8").reshape(1100, 1300) * 2
    _publish(tmp_path, values)
    with rasterio.open(tmp_path / "made" / "out.tif") as pyramid:
        assert pyramid.block_shapes == [(512, 512)]
        assert pyramid.overviews(1) == [2, 4, 8]
        small = pyramid.read(1, out_shape=(pyramid.height // 8, pyramid.width // 8))
    assert set(np.unique(small)) <= set(np.unique(values))


def test_a_file_in_tiles_is_copied_as_it_is(tmp_path: Path) -> None:
    _publish(tmp_path, CELLS, tiled=True, blockxsize=128, blockysize=128, compress="lzw")
    with rasterio.open(tmp_path / "made" / "out.tif") as pyramid:
        assert pyramid.block_shapes == [(128, 128)]
        assert pyramid.compression.value == "LZW"
        assert pyramid.overviews(1) == [2, 4]


def test_a_file_with_overviews_of_means_gets_its_own(tmp_path: Path) -> None:
    values = np.tile(np.array([[1, 3]], "uint8"), (1024, 512))
    _publish(tmp_path, values, tiled=True, blockxsize=256, blockysize=256, means=True)
    with rasterio.open(tmp_path / "source.tif", overview_level=0) as overview:
        assert set(np.unique(overview.read(1))) == {2}
    with rasterio.open(tmp_path / "made" / "out.tif", overview_level=0) as overview:
        assert set(np.unique(overview.read(1))) <= {1, 3}


def test_the_same_file_gives_the_same_cells_and_numbers_whatever_the_order_of_its_windows(
    tmp_path: Path,
) -> None:
    values = np.random.default_rng(7).normal(size=(2500, 2300)).astype("float32")
    services = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        words = parse_renderer(
            {"type": "stretched", "colors": [["p2", "#000"], ["mean", "#fff"]]}, words=True
        )
        services.append(_publish(tmp_path / name, values, renderer=words))
        read, *_ = _read(tmp_path / name)
        np.testing.assert_array_equal(read[0], values)
    assert services[0].variables == services[1].variables
    first, second = services[0].variables[0].renderer.colors
    assert first[0] == pytest.approx(np.percentile(values, 2), rel=0.01)
    assert second[0] == pytest.approx(values.mean(dtype=float))


def test_a_raster_of_one_value_is_published_and_read_back(tmp_path: Path) -> None:
    service = _publish(tmp_path, np.ones((30, 20), "uint8"))
    assert load_service(json.loads(json.dumps(dump_service(service)))) == service


def test_a_netcdf_output_is_kept_and_drawn_from_a_pyramid_for_each_variable(tmp_path: Path) -> None:
    source, made = tmp_path / "source.nc", tmp_path / "made"
    values = np.arange(2 * 12.0).reshape(2, 3, 4)
    lat = ("lat", [41.5, 40.5, 39.5], {"units": "degrees_north"})
    lon = ("lon", [-120.0, -119.0, -118.0, -117.0], {"units": "degrees_east"})
    time = ("time", [1, 2], {"units": "days since 1970-01-01"})
    variables = {"t": (("time", "lat", "lon"), values, {"units": "K"}), "p": (("lat", "lon"), values[0] * 2)}
    xr.Dataset(variables, {"time": time, "lat": lat, "lon": lon}).to_netcdf(source, engine="h5netcdf")
    made.mkdir()
    publication = Publication(
        name="job/out", renderer=MIN_MAX, data=Path("services/job/out.nc"), job_id="job"
    )
    service = publish_raster(source, publication, made)
    assert (made / "out.nc").read_bytes() == source.read_bytes()
    first, second = service.variables
    assert (first.name, first.units, first.times, first.maximum) == ("t", "K", (86400.0, 172800.0), 23)
    assert (second.name, second.index, second.times, second.maximum) == ("p", 1, (), 22)
    assert first.drawn == tuple((Path("services/job/out~0.tif"), band) for band in (1, 2))
    with rasterio.open(made / "out~0.tif") as pyramid:
        np.testing.assert_array_equal(pyramid.read(), values)
    assert {path.name for path in files_of(service)} == {"out.nc", "out~0.tif", "out~1.tif"}


def _listed(items: Any) -> OutputSpec:
    return OutputSpec(id="x", schema={"type": "array", "items": items}, repeatable=True)


@pytest.mark.parametrize(
    ("spec", "types", "told"),
    [
        (OutputSpec(id="x", schema={"type": "string"}), ("image/png",), "is image/png"),
        (OutputSpec(id="x", schema={"type": "number"}), (), "is no file"),
        (OutputSpec(id="x", schema={"type": "object"}), (), "is no file"),
        (OutputSpec(id="x", schema={"type": "string"}), ("image/tiff",), None),
        (OutputSpec(id="x", schema={"type": "string"}), ("application/x-netcdf", "text/csv"), None),
        (OutputSpec(id="x", schema={}), (), None),
        (_listed({"type": "number"}), (), "is no file"),
        (_listed({"type": "string"}), ("image/tiff",), None),
        (_listed({}), (), None),
    ],
)
def test_what_its_schema_says_is_no_raster_is_refused(spec: OutputSpec, types: Any, told: str | None) -> None:
    if told is None:
        check_publishable(spec, types)
        return
    with pytest.raises(InvalidRequest, match=f"output 'x' cannot be published: it {told}"):
        check_publishable(spec, types)


def test_of_a_list_what_is_a_raster_is_a_service(tmp_path: Path) -> None:
    results, folder = tmp_path / "results", tmp_path / "services"
    results.mkdir()
    _publish(tmp_path, CELLS)
    (tmp_path / "source.tif").rename(results / "x-0.tif")
    (results / "x-1.csv").write_text("a")
    items = (
        Output(id="x", media_type="image/tiff", file="x-0.tif"),
        Output(id="x", media_type="text/csv", file="x-1.csv"),
    )
    outputs = {"x": Output(id="x", media_type="application/json", items=items)}
    where: dict[str, Any] = {"results": results, "folder": folder}
    (service,) = make_services("job", {"x": MIN_MAX}, outputs, **where, rasters_alone=True)
    assert service.name == "job/x/0"
    assert service.data == Path("services/job/x%2f0.nc")
    assert sorted(path.name for path in folder.iterdir()) == ["x%2f0.nc", "x%2f0.tif"]
    with pytest.raises(OutputError, match="output 'x/1' cannot be published"):
        make_services("job", {"x": MIN_MAX}, outputs, **where)


def test_what_is_not_there_is_published_by_nobody(tmp_path: Path) -> None:
    wishes = {"x": MIN_MAX}
    where: dict[str, Any] = {"results": tmp_path, "folder": tmp_path / "services"}
    assert make_services("job", wishes, {}, **where, rasters_alone=True) == []
    with pytest.raises(OutputError, match="output 'x' cannot be published: it is no file"):
        make_services("job", wishes, {}, **where)


def _again(service: MapService) -> bool:
    """Whether a service can be read as it was written; NaN is never equal to itself."""
    text = json.dumps(dump_service(service))
    return json.dumps(dump_service(load_service(json.loads(text)))) == text


@pytest.mark.parametrize(
    "renderer",
    [
        MIN_MAX,
        parse_renderer(
            {"type": "stretched", "colors": [["p2", "#000"], ["mean", "#00f"], ["p98", "#fff"]]}, words=True
        ),
    ],
)
def test_infinite_cells_are_no_end_of_a_ramp(tmp_path: Path, renderer: Any) -> None:
    values = CELLS.copy()
    values[0, :3] = np.inf, -np.inf, np.nan
    service = _publish(tmp_path, values, renderer=renderer)
    assert _again(service)
    (variable,) = service.variables
    assert (variable.minimum, variable.maximum) == (3.0, CELLS.max())
    np.testing.assert_array_equal(_read(tmp_path)[0][0].filled(np.nan), values)


def test_numbers_whose_sum_is_beyond_float64_can_be_published(tmp_path: Path) -> None:
    values = np.full((8, 8), np.finfo("float64").max)
    renderer = parse_renderer(
        {"type": "stretched", "colors": [["mean", "#000"], ["max", "#fff"]]}, words=True
    )
    with np.errstate(over="ignore"):
        service = _publish(tmp_path, values, renderer=renderer)
    assert _again(service)


@pytest.mark.parametrize("tiled", [True, False])
def test_gdal_keeps_few_blocks_while_a_service_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiled: bool
) -> None:
    limits = []

    class Watching(BandStatistics):
        def add(self, *args: Any, **options: Any) -> None:
            limits.append(get_gdal_config("GDAL_CACHEMAX"))
            super().add(*args, **options)

    def watching(width: int, height: int) -> Any:
        limits.append(get_gdal_config("GDAL_CACHEMAX"))
        return overview_factors(width, height)

    monkeypatch.setattr(publishing, "BandStatistics", Watching)
    monkeypatch.setattr(pyramids, "overview_factors", watching)
    with gdal_env():
        _publish(tmp_path, CELLS, tiled=tiled)
    assert len(limits) >= 2
    assert set(limits) == {BLOCK_CACHE}
    with gdal_env():  # the next job's
        assert get_gdal_config("GDAL_CACHEMAX") > BLOCK_CACHE


def test_what_publishing_has_freed_goes_back_to_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back: list[bool] = []
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", height=2, width=2, count=1, dtype="uint8", **UTM
    ):
        pass
    output = Output(id="a", file="a.tif", media_type="image/tiff", size=1)
    monkeypatch.setattr(wear, "trim", lambda: given_back.append((tmp_path / "made/a.nc").exists()))
    make_services("job", {"a": MIN_MAX}, {"a": output}, results=tmp_path, folder=tmp_path / "made")
    assert given_back == [False, True]
