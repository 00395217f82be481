"""Pictures of small files: places, values, formats; and those of the real server."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mapkit import BLUE_RED, BOUNDS, NODATA, ZONES, drawn, picture, raster_out, tmax, write_tif, zones
from PIL import Image

from dragoman.errors import InvalidRequest, MapUnreadable
from dragoman.maps.drawing.open_files import OpenFiles
from dragoman.maps.drawing.pictures import draw
from dragoman.maps.drawing.views import View, columns_of_pixel, read_view
from dragoman.rasters.crs import parse_crs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dragoman.maps.drawing.orders import Draw

RECORDED = Path(__file__).parents[1] / "recorded"
GREYS = {"type": "stretched", "colors": [[2010, "#000000"], [2798, "#ffffff"]]}
WORLD = 20037508.342789244


def pixels(order: Draw, files: OpenFiles | None = None) -> NDArray[np.uint8]:
    image = Image.open(io.BytesIO(draw(order, OpenFiles() if files is None else files)))
    assert image.size == (order.width, order.height)
    return np.asarray(image.convert("RGBA"))


def recorded(name: str) -> NDArray[np.int16]:
    return np.asarray(Image.open(RECORDED / name)).astype(np.int16)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return write_tif(tmp_path / "result.tif", raster_out(), nodata=NODATA)


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Path, Path]:
    return (
        write_tif(tmp_path / "tmax.tif", tmax(), nodata=NODATA),
        write_tif(tmp_path / "zones.tif", zones()),
    )


def test_the_picture_is_the_real_servers(result: Path) -> None:
    ours = pixels(picture(drawn(result, GREYS))).astype(np.int16)
    assert np.abs(ours - recorded("svc-export.png")).max() <= 1


def test_the_picture_in_a_style_is_the_real_servers(result: Path) -> None:
    style = {
        "type": "stretched",
        "colors": [[2000, "#ff0000"], [2800, "#0000ff"]],
        "options": {"color_space": "rgb"},
    }
    ours = pixels(picture(drawn(result, style), size=(50, 50))).astype(np.int16)
    theirs = recorded("svc-export-styles.png")
    inner = np.arange(50) % 5 != 2  # the middles of the others lie on the edge of two cells
    assert np.abs(ours - theirs)[inner][:, inner].max() <= 1


@pytest.mark.parametrize(
    ("crs", "half"), [("EPSG:8857", (17_243_959, 8_392_927)), ("ESRI:54008", (WORLD, WORLD / 2))]
)
def test_a_world_map_is_bare_where_the_world_ends(
    tmp_path: Path, crs: str, half: tuple[float, float]
) -> None:
    values = np.repeat(np.arange(2, dtype=np.uint8), 90)[None, None].repeat(90, axis=1)
    path = write_tif(tmp_path / "halves.tif", values, bounds=(-180.0, -90.0, 180.0, 90.0))
    halves = {"type": "unique", "colors": [[0, "#0000ff"], [1, "#ff0000"]]}
    picture_of = picture(
        drawn(path, halves), bbox=(-half[0], -half[1], half[0], half[1]), crs=crs, size=(80, 40)
    )
    image = pixels(picture_of)
    assert not image[:3, :8, 3].any()
    assert not image[-3:, -8:, 3].any()
    assert (image[5, 34:38] == [0, 0, 255, 255]).all()
    assert (image[5, 42:46] == [255, 0, 0, 255]).all()


def test_a_cell_is_where_it_is_after_a_warp(tmp_path: Path) -> None:
    values = np.zeros((1, 64, 64), np.uint8)
    values[0, 16, 48] = 1
    path = write_tif(tmp_path / "spot.tif", values, bounds=(0.0, 0.0, 64.0, 64.0))
    spot = {"type": "unique", "colors": [[1, "#ff0000"]]}
    north, south = (WORLD * np.log(np.tan(np.pi / 4 + np.radians(each) / 2)) / np.pi for each in (48, 47))
    bbox = (48 * WORLD / 180, south, 49 * WORLD / 180, north)
    full = pixels(picture(drawn(path, spot), bbox=bbox, crs="EPSG:3857", size=(10, 10)))
    assert (full == [255, 0, 0, 255]).all()
    beside = (bbox[0] - 1e5, bbox[1], bbox[0], bbox[3])
    assert not pixels(picture(drawn(path, spot), bbox=beside, crs="EPSG:3857", size=(10, 10)))[..., 3].any()


def test_a_view_from_afar_is_read_from_an_overview(tmp_path: Path) -> None:
    values = np.zeros((1, 1024, 1024), np.uint8)
    path = write_tif(tmp_path / "deep.tif", values, overviews=(2, 4, 8), bounds=(0.0, 0.0, 10.0, 10.0))
    files = OpenFiles()
    file = files.get(str(path))
    for size, width in ((1024, 1024), (512, 512), (300, 512), (128, 128), (20, 128)):
        view = View(bbox=(0, 0, 10, 10), crs=parse_crs("EPSG:4326"), width=size, height=size)
        columns = columns_of_pixel(file, view)
        assert columns is not None
        assert file.level_for(columns).width == width


def test_overviews_are_drawn(tmp_path: Path) -> None:
    values = np.repeat(np.repeat(zones(), 32, axis=1), 32, axis=2)
    path = write_tif(tmp_path / "large.tif", values, overviews=(2, 4, 8, 16))
    large = pixels(picture(drawn(path, ZONES), size=(40, 40)))
    small = pixels(picture(drawn(write_tif(tmp_path / "small.tif", zones()), ZONES), size=(40, 40)))
    assert (large == small).all()


def test_beside_the_file_all_is_transparent(result: Path) -> None:
    assert (pixels(picture(drawn(result, GREYS), bbox=(0, 0, 1, 1))) == [255, 255, 255, 0]).all()
    half = pixels(picture(drawn(result, GREYS), bbox=(-125, 30, -115, 40)))
    assert (half[:, :50, 3] == 0).all()
    assert (half[10:, 50:, 3] == 255).all()


def test_the_first_layer_lies_on_top(layers: tuple[Path, Path]) -> None:
    top, below = layers
    both = pixels(picture(drawn(top, BLUE_RED), drawn(below, ZONES)))
    alone = pixels(picture(drawn(top, BLUE_RED)))
    assert (both[0, :20] == [255, 0, 0, 255]).all()  # masked above, so what lies below shows
    assert (both[10:] == alone[10:]).all()
    turned = pixels(picture(drawn(below, ZONES), drawn(top, BLUE_RED)))
    assert (turned == pixels(picture(drawn(below, ZONES)))).all()


def test_each_step_has_its_band(layers: tuple[Path, Path]) -> None:
    ramp = {"type": "stretched", "colors": [[0, "#000000"], [2400, "#ffffff"]]}
    shades = [pixels(picture(drawn(layers[0], ramp, band=band)))[99, 99, 0] for band in (1, 2, 3)]
    assert shades[0] < shades[1] < shades[2]


@pytest.mark.parametrize(
    ("encoding", "kind", "mode"),
    [
        ("png", "PNG", "P"),
        ("png8", "PNG", "P"),
        ("png24", "PNG", "RGB"),
        ("png32", "PNG", "RGBA"),
        ("gif", "GIF", "P"),
        ("jpg", "JPEG", "RGB"),
        ("bmp", "BMP", "RGB"),
        ("webp", "WEBP", "RGBA"),
    ],
)
def test_formats(result: Path, encoding: Any, kind: str, mode: str) -> None:
    for transparent in (True, False):
        content = draw(picture(drawn(result, GREYS), encoding=encoding, transparent=transparent), OpenFiles())
        image = Image.open(io.BytesIO(content))
        assert image.format == kind
        if transparent:
            assert image.mode == mode
        exact = pixels(picture(drawn(result, GREYS), encoding="png32", transparent=False)).astype(np.int16)
        ours = np.asarray(image.convert("RGBA")).astype(np.int16)
        tolerance = 24 if encoding == "jpg" else 0
        shown = slice(10, None)
        assert np.abs(ours[shown] - exact[shown]).max() <= tolerance
        clear = transparent and encoding not in ("png24", "jpg", "bmp")
        assert ours[2, 2, 3] == (0 if clear else 255)
        assert clear or (ours[2, 2] == 255).all()


def test_layers_of_half_transparent_colours_in_every_format(layers: tuple[Path, Path]) -> None:
    half = {"type": "stretched", "colors": [[0, "#0000ff80"], [400, "#ff000080"]]}
    for encoding in ("png", "png8", "gif", "webp"):
        order = picture(drawn(layers[0], half), drawn(layers[1], ZONES), encoding=encoding)
        assert pixels(order)[50, 50, 3] == 255
        alone = picture(drawn(layers[0], half), encoding=encoding)
        assert 0 < pixels(alone)[50, 50, 3] <= 255
        assert draw(alone, OpenFiles())


def test_colours_that_are_clear_are_so_in_a_gif(layers: tuple[Path, Path]) -> None:
    some = {"type": "unique", "colors": [[0, "#ff000000"], [1, "#00ff00"], [2, "#0000ff"]]}
    seen = pixels(picture(drawn(layers[1], some), encoding="gif"))
    assert [int(seen[row, 50, 3]) for row in (10, 35, 60, 90)] == [0, 255, 255, 0]
    assert seen[35, 50].tolist() == [0, 255, 0, 255]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.float32, np.float64])
def test_a_nodata_value_that_no_cell_can_have_is_none(tmp_path: Path, dtype: Any) -> None:
    path = write_tif(tmp_path / "some.tif", np.full((1, 4, 4), 3, dtype))
    three = {"type": "unique", "colors": [[3, "#00ff00"]]}
    for nodata in (None, -9999.5, 1e40, float("nan")):
        order = picture(drawn(path, three, nodata=nodata), bbox=(-130, 30, -110, 40), size=(20, 20))
        seen = pixels(order)
        assert (seen[:, :10, 3] == 0).all()
        assert (seen[:, 10:] == [0, 255, 0, 255]).all()


def test_what_is_no_number_is_transparent(tmp_path: Path) -> None:
    values = np.array([[[np.nan, np.inf], [-np.inf, 5]]], np.float32)
    path = write_tif(tmp_path / "holes.tif", values)
    assert pixels(picture(drawn(path, BLUE_RED), size=(2, 2)))[..., 3].tolist() == [[0, 0], [0, 255]]


def test_a_wide_view_of_the_whole_world(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "world.tif", np.ones((1, 180, 360), np.uint8), bounds=(-180, -90, 180, 90))
    one = {"type": "unique", "colors": [[1, "#00ff00"]]}
    mercator = pixels(picture(drawn(path, one), bbox=(-WORLD, -WORLD, WORLD, WORLD), crs="EPSG:3857"))
    assert (mercator[..., 3] == 255).all()
    polar = pixels(picture(drawn(path, one), bbox=(-4e6, -4e6, 4e6, 4e6), crs="EPSG:3031"))
    assert (polar[..., 3] == 255).mean() > 0.95


def test_a_grid_in_turned_longitudes_is_found(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "turned.tif", np.ones((1, 90, 180), np.uint8), bounds=(0, -90, 360, 90))
    one = {"type": "unique", "colors": [[1, "#00ff00"]]}
    west = (-WORLD * 0.6, -1e6, -WORLD * 0.5, 1e6)
    assert (pixels(picture(drawn(path, one), bbox=west, crs="EPSG:3857"))[..., 3] == 255).all()


def test_a_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "broken.tif"
    for content in (b"", b"not a tiff", b"II*\0" + bytes(500)):
        path.write_bytes(content)
        with pytest.raises(MapUnreadable):
            draw(picture(drawn(path, BLUE_RED)), OpenFiles())
    with pytest.raises(MapUnreadable):
        draw(picture(drawn(tmp_path / "none.tif", BLUE_RED)), OpenFiles())


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    path = write_tif(tmp_path / "cut.tif", rng.random((1, 600, 600)).astype(np.float32))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(MapUnreadable):
        draw(picture(drawn(path, BLUE_RED)), OpenFiles())


def test_a_band_that_is_not_there(result: Path) -> None:
    with pytest.raises(MapUnreadable):
        draw(picture(drawn(result, GREYS, band=2)), OpenFiles())


def test_a_crs_that_is_none(result: Path) -> None:
    for crs in ("EPSG:1", "EPSG:5703", "ESRI:999999"):
        with pytest.raises(InvalidRequest):
            draw(picture(drawn(result, GREYS), crs=crs), OpenFiles())


def test_a_file_that_was_replaced_is_opened_anew(result: Path, tmp_path: Path) -> None:
    files = OpenFiles(most=2)
    first = pixels(picture(drawn(result, GREYS)), files)
    write_tif(tmp_path / "other.tif", raster_out()[:, ::-1].copy(), nodata=NODATA).replace(result)
    assert (pixels(picture(drawn(result, GREYS)), files)[::-1] == first).all()


def test_few_files_stay_open(tmp_path: Path) -> None:
    files = OpenFiles(most=2)
    for number in range(5):
        path = write_tif(tmp_path / f"{number}.tif", zones())
        pixels(picture(drawn(path, ZONES), bbox=BOUNDS), files)
    assert len(files) == 2


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
@pytest.mark.parametrize("nodata", [None, 7.0])
@pytest.mark.parametrize("west", [-20.0, 170.0])
def test_a_band_among_many_is_seen_as_it_is_alone(
    tmp_path: Path, dtype: Any, nodata: float | None, west: float
) -> None:
    values = np.random.default_rng(1).integers(0, 100, (3, 600, 600)).astype(dtype)
    if nodata is None and values.dtype.kind == "f":
        values[:, ::7] = np.nan
    bounds = (west, 20.0, west + 40, 60.0)
    together = write_tif(tmp_path / "a & b.tif", values, nodata=nodata, bounds=bounds, overviews=(2, 4))
    alone = write_tif(tmp_path / "one.tif", values[1:2], nodata=nodata, bounds=bounds, overviews=(2, 4))
    one, many = OpenFiles().get(str(alone)), OpenFiles().get(str(together))
    for crs, scale in (("EPSG:4326", 1.0), ("EPSG:3857", 111_319.5)):
        for side in (64, 150, 700):
            bbox = ((west - 3) * scale, 25 * scale, (west + 35) * scale, 58 * scale)
            view = View(bbox=bbox, crs=parse_crs(crs), width=side, height=side)
            columns = columns_of_pixel(many, view)
            assert columns is not None
            assert many.band_for(columns, 2)[0].count == 1
            ours, expected = read_view(many, 2, None, view), read_view(one, 1, None, view)
            assert ours is not None
            assert expected is not None
            assert expected.valid.any()
            np.testing.assert_array_equal(ours.valid, expected.valid)
            np.testing.assert_array_equal(ours.values[ours.valid], expected.values[ours.valid])
    many.close()


def test_few_bands_of_a_file_stay_open(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "many.tif", np.ones((20, 8, 8), np.uint16))
    file = OpenFiles().get(str(path))
    sources = [file.band_for(1.0, band)[0] for band in range(1, 21)]
    assert [source.closed for source in sources] == [True] * 12 + [False] * 8
    assert file.band_for(1.0, 20)[0] is sources[-1]
    file.close()
    assert all(source.closed for source in sources)


def test_a_file_of_many_bands_that_is_cut_off(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    path = write_tif(tmp_path / "many.tif", rng.integers(0, 9999, (3, 512, 512)).astype(np.uint16))
    file = OpenFiles().get(str(path))
    with path.open("r+b") as cut:
        cut.truncate(path.stat().st_size // 2)
    view = View(bbox=BOUNDS, crs=parse_crs("EPSG:4326"), width=50, height=50)
    with pytest.raises(MapUnreadable):
        read_view(file, 3, None, view)
