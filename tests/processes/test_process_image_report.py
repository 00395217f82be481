"""The report: what is told of each image, right side up, and nothing in it that runs."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.io import MemoryFile

import dragoman
from dragoman.rasters.crop import creating
from dragoman.rasters.orientation import orientation_of
from dragoman.rasters.thumbnails import LONGEST, thumbnail, upright

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from tests.processes.conftest import FakeContext

PROCESS = "image-report"
HERE = {"longitude": 8.5, "latitude": 47.4}
NASTY = (
    "<script>alert(1)</script>.png",
    '"><img src=x onerror=alert(1)>',
    "'onmouseover='alert(1)",
    "</title></svg><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "../../etc/passwd\x00\u202egnp.exe",
    "a\x1b[31m\r\n\u2028b",
    "x" * 4000,
    "&lt;b&gt;&#60;",
)
TAGS = (
    "html head meta title style body h1 p svg defs symbol image path text line a circle rect use main article "
    "div h2 table tr th td bdi"
)
ATTRIBUTES = (
    "lang charset name content http-equiv class viewbox role aria-label id href width height d x y x1 y1 x2 y2 cx "
    "cy r fill text-anchor scope"
)


def image(path: Path, array: Any, driver: str = "JPEG", **options: Any) -> Path:
    """Write (bands, rows, cols) as an image of that kind."""
    count, height, width = array.shape
    with (
        creating(),
        rasterio.open(
            path,
            "w",
            driver=driver,
            width=width,
            height=height,
            count=count,
            dtype=array.dtype.name,
            **options,
        ) as target,
    ):
        target.write(array)
    return path


def plain(path: Path, driver: str = "PNG") -> Path:
    return image(path, np.full((3, 20, 30), 120, "uint8"), driver)


class Page(HTMLParser):
    """What a page holds; fails on any tag, attribute or address that it has no need of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.hrefs: list[str] = []
        self.ids: list[str] = []
        self._within: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS.split(), tag
        for name, value in attrs:
            assert name in ATTRIBUTES.split(), name
            if name == "href":
                assert value is not None
                assert value.startswith(("#image-", "#mark-", "#picture-", "data:image/jpeg;base64,")), value
                self.hrefs.append(value)
            if name == "id" and value is not None:
                self.ids.append(value)
        self._within.append(tag)

    def handle_data(self, data: str) -> None:
        if "style" not in self._within[-1:]:
            self.texts.append(data)


def report(
    algorithm: ModuleType,
    context: FakeContext,
    images: list[Path],
    attributes: list[dict[str, Any]],
    **inputs: Any,
) -> tuple[str, dict[str, Any]]:
    outputs = algorithm.run(images, attributes, context=context, **inputs)
    return outputs["page"].read_text("utf-8"), outputs["features"]


# -- what is told ------------------------------------------------------------------------------------------------


def test_all_attributes_are_told_in_both(algorithm: ModuleType, context: FakeContext, tmp_path: Path) -> None:
    attributes: list[dict[str, Any]] = [
        {
            "file_name": "one.png",
            "longitude": -70.25,
            "latitude": "-33.5",
            "tags": ["a", {"b": 1}],
            "none": None,
        },
        {"longitude": 190, "latitude": 10, "cloud": 0.25},
    ]
    images = [plain(tmp_path / "a"), plain(tmp_path / "b")]
    html, features = report(algorithm, context, images, attributes, title="Two & more")
    assert features["type"] == "FeatureCollection"
    assert [each["properties"] for each in features["features"]] == attributes
    assert [each["geometry"]["coordinates"] for each in features["features"]] == [[-70.25, -33.5], [-170, 10]]
    page = Page(html)
    text = "\n".join(page.texts)
    for told in (
        "Two & more",
        "one.png",
        "image 2",
        '["a", {"b": 1}]',
        "null",
        "0.25",
        "33.50000°S, 70.25000°W",
    ):
        assert told in text
    assert page.hrefs.count("#picture-1") == 2, "on the map, and below it"
    assert {href[1:] for href in page.hrefs if href.startswith("#")} <= set(page.ids)
    assert context.seen[-1] == 95


def test_the_page_forbids_scripts_and_all_that_is_elsewhere(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path
) -> None:
    html, _ = report(algorithm, context, [plain(tmp_path / "a")], [HERE])
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert f'http-equiv="Content-Security-Policy" content="{policy}"' in html
    assert "http://" not in html
    assert "https://" not in html
    assert "url(" not in html
    assert html.index("Content-Security-Policy") < html.index("<title>")


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
def test_what_strangers_write_stays_text(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path, name: str
) -> None:
    attributes = [{**HERE, "file_name": name, name: name, "nested": {name: [name]}}]
    html, features = report(algorithm, context, [plain(tmp_path / "a")], attributes, title=name)
    page = Page(html)
    assert features["features"][0]["properties"] == attributes[0]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\u2028]", html)
    seen = name if len(name) <= 500 else name[:499]
    if seen.isprintable():
        assert seen in "".join(page.texts)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(max_size=60),
    value=st.recursive(st.none() | st.booleans() | st.text(), st.lists, max_leaves=5),
)
def test_any_text_stays_text(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path, name: str, value: Any
) -> None:
    picture = tmp_path / "a"
    if not picture.exists():
        plain(picture)
    html, _ = report(
        algorithm, context, [picture], [{**HERE, "file_name": name, name + "_": value}], title=name
    )
    Page(html)


# -- the pictures --------------------------------------------------------------------------------------------------


def _exif(orientation: int, order: str) -> bytes:
    """A TIFF that holds nothing but the orientation."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order]
    entries = struct.pack(order + "HHIHH", 0x010E, 2, 1, 0, 0) + struct.pack(
        order + "HHIHH", 0x0112, 3, 1, orientation, 0
    )
    return head + struct.pack(order + "IH", 8, 2) + entries + bytes(4)


def _tag_of(entry: bytes) -> int:
    return int.from_bytes(entry[:2], "little")


def _with_orientation(path: Path, orientation: int) -> None:
    """Put an EXIF block that tells it into a JPEG, PNG, WebP or TIFF."""
    old, exif = path.read_bytes(), _exif(orientation, "<" if orientation % 2 else ">")
    if old.startswith(b"\xff\xd8"):
        block = b"Exif\0\0" + exif
        path.write_bytes(old[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + old[2:])
    elif old.startswith(b"\x89PNG"):
        path.write_bytes(old[:33] + _chunk(b"eXIf", exif) + old[33:])
    elif old.startswith(b"RIFF"):
        body = old[12:] + b"EXIF" + struct.pack("<I", len(exif)) + exif + bytes(len(exif) % 2)
        path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body)
    else:  # one more entry in the directory, which moves to the end
        (offset,) = struct.unpack("<I", old[4:8])
        (count,) = struct.unpack("<H", old[offset : offset + 2])
        entries: list[Any] = [bytes(old[offset + 2 + 12 * n : offset + 14 + 12 * n]) for n in range(count)]
        entries.append(struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0))
        ordered: list[bytes] = sorted(entries, key=_tag_of)
        directory = struct.pack("<H", count + 1) + b"".join(ordered) + bytes(4)
        path.write_bytes(old[:4] + struct.pack("<I", len(old)) + old[8:] + directory)


def _decoded(jpeg: bytes) -> Any:
    with creating(), MemoryFile(jpeg) as memory, memory.open() as dataset:
        return dataset.read().astype(int)


@pytest.mark.parametrize("driver", ["JPEG", "PNG", "WEBP", "GTiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_exif_data_says(tmp_path: Path, orientation: int, driver: str) -> None:
    seen = np.zeros((3, 64, 96), "uint8")
    seen[0, :32, :48] = 250
    seen[1, :32, 48:] = 250
    seen[2, 32:, :48] = 250
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    stored = image(tmp_path / "a", upright(seen, inverse), driver)
    _with_orientation(stored, orientation)
    small = thumbnail(stored)
    assert (small.width, small.height) == (small.full_width, small.full_height) == (96, 64)
    assert np.abs(_decoded(small.jpeg) - seen).mean() < 16


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=60), kind=st.sampled_from(["PNG", "WEBP", "GTiff"]))
def test_no_exif_data_does_harm(tmp_path: Path, data: bytes, kind: str) -> None:
    class Opened:
        driver = kind

        def tags(self) -> dict[str, str]:
            return {}

    path = tmp_path / "a"
    path.write_bytes({"PNG": bytes(8), "WEBP": bytes(12), "GTiff": b"II*\0"}[kind] + data)
    assert 1 <= orientation_of(Opened(), path) <= 8


@pytest.mark.parametrize("driver", ["JPEG", "PNG", "WEBP", "BMP", "GTiff", "JP2OpenJPEG", "GIF"])
def test_a_large_picture_becomes_small_and_a_small_one_stays(tmp_path: Path, driver: str) -> None:
    count = 1 if driver == "GIF" else 3
    for rows, cols in ((900, 600), (20, 30)):
        small = thumbnail(image(tmp_path / "a", np.full((count, rows, cols), 90, "uint8"), driver))
        assert (small.full_height, small.full_width) == (rows, cols)
        assert max(small.width, small.height) == min(LONGEST, max(rows, cols))
        assert small.width / small.height == pytest.approx(cols / rows, rel=0.02)
        if driver != "GIF":
            assert np.abs(_decoded(small.jpeg) - 90).mean() < 3


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "float64"])
def test_values_of_any_type_become_shades(tmp_path: Path, dtype: str) -> None:
    ramp = np.linspace(-3000 if dtype != "uint16" else 0, 3000, 10_000).reshape(1, 100, 100).astype(dtype)
    if dtype.startswith("float"):
        ramp[0, 0, 0] = np.nan
    shades = _decoded(thumbnail(image(tmp_path / "a", ramp, "GTiff")).jpeg)[0]
    assert shades[5, 50] < 30
    assert shades[95, 50] > 225


def test_what_is_missing_is_white_and_a_palette_has_its_colours(tmp_path: Path) -> None:
    array = np.full((1, 40, 40), 10, "uint8")
    array[0, :20] = 0
    missing = _decoded(thumbnail(image(tmp_path / "a", array, "GTiff", nodata=0)).jpeg)
    assert missing[0, 5, 20] > 245
    path = image(tmp_path / "b", array, "GTiff")
    with creating(), rasterio.open(path, "r+") as target:
        target.write_colormap(1, {10: (200, 30, 40, 255)})
    colour = _decoded(thumbnail(path).jpeg)[:, 30, 20]
    assert np.abs(colour - [200, 30, 40]).max() < 12


# -- hostile images ---------------------------------------------------------------------------------------------------


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bomb(path: Path) -> Path:
    """60000 x 60000 grey pixels in some kilobytes."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000), 9)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
    )
    return path


def _svg(path: Path) -> Path:
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    return path


def _vrt(path: Path) -> Path:
    path.write_text('<VRTDataset rasterXSize="1" rasterYSize="1"><SRS>/etc/passwd</SRS></VRTDataset>')
    return path


def _half(path: Path) -> Path:
    noise = np.random.default_rng(1).integers(0, 255, (3, 300, 300)).astype("uint8")
    image(path, noise, "PNG")
    path.write_bytes(path.read_bytes()[:50_000])
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [(png_bomb, "refused|at most"), (_svg, "not a raster"), (_vrt, "not a raster"), (_half, "damaged")],
    ids=["bomb", "svg", "vrt", "half"],
)
def test_a_hostile_image_is_named_and_the_others_are_shown(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path, make: Callable[[Path], Path], says: str
) -> None:
    images = [make(tmp_path / "bad"), plain(tmp_path / "good")]
    attributes = [{**HERE, "file_name": "bad.png"}, {**HERE, "file_name": "good.png"}]
    html, features = report(algorithm, context, images, attributes)
    page = Page(html)
    assert len(features["features"]) == 2
    assert len([href for href in page.hrefs if href.startswith("data:")]) == 1
    (notice,) = context.notices
    assert notice.startswith("bad.png is not shown: ")
    assert re.search(says, notice)
    assert str(tmp_path) not in html + notice


def test_an_image_beyond_the_limit_is_not_decoded(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path
) -> None:
    context.config = {"max_pixels": 1799}
    html, _ = report(algorithm, context, [plain(tmp_path / "a")], [HERE])
    assert "at most 1799 are read" in html


# -- the map, and the caller's faults --------------------------------------------------------------------------------


def test_places_across_the_antimeridian_lie_side_by_side(algorithm: ModuleType) -> None:
    assert algorithm.unwrapped([179.0, -179.0, 178.0]) == [179.0, 181.0, 178.0]
    assert algorithm.unwrapped([-10.0, 20.0]) == [-10.0, 20.0]
    assert algorithm.unwrapped([5.0, 5.0]) == [5.0, 5.0]


@given(
    st.lists(
        st.tuples(st.floats(-180, 180, allow_nan=False), st.floats(-90, 90, allow_nan=False)),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_place_is_on_the_map(algorithm: ModuleType, points: list[tuple[float, float]]) -> None:
    east = algorithm.unwrapped([longitude for longitude, _ in points])
    view = algorithm.view_of([(x, y) for x, (_, y) in zip(east, points, strict=True)])
    for x, (_, y) in zip(east, points, strict=True):
        col, row = view.point(x, y)
        assert -1 <= col <= algorithm.WIDTH + 1
        if max(abs(each) for _, each in points) < 60:
            assert -1 <= row <= algorithm.HEIGHT + 1
    assert algorithm.lines(view)
    assert algorithm.scale_bar(view, points[0][1])["width"] <= 210


def test_thumbnails_on_the_map_cover_neither_each_other_nor_a_place(algorithm: ModuleType) -> None:
    dots = [(600.0 + 3 * number, 300.0) for number in range(40)]
    boxes = [box for box in algorithm.spread(dots, [(60.0, 45.0)] * 40) if box]
    assert len(boxes) >= 30
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert not any(left < x < right and top < y < bottom for x, y in dots)
        for other in boxes[:number]:
            assert left >= other[2] or right <= other[0] or top >= other[3] or bottom <= other[1]


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ([{"latitude": 1}], r"image 1 \('image 1'\) has no longitude; allowed: degrees from -360 to 360"),
        ([{"longitude": 1, "file_name": "b.png"}], r"image 1 \('b.png'\) has no latitude"),
        ([{"longitude": 1, "latitude": 91}], "the latitude '91', not a latitude"),
        ([{"longitude": "east", "latitude": 1}], "the longitude 'east'"),
        ([{"longitude": True, "latitude": 1}], "the longitude 'True'"),
        ([{"longitude": "nan", "latitude": 1}], "the longitude 'nan'"),
        ([], "has 0 objects for 1 images"),
    ],
)
def test_the_callers_faults(
    algorithm: ModuleType, context: FakeContext, tmp_path: Path, attributes: list[dict[str, Any]], says: str
) -> None:
    with pytest.raises(dragoman.InputError, match=says) as caught:
        report(algorithm, context, [plain(tmp_path / "a")], attributes)
    assert caught.value.problems[0].input_id == "attributes"


def test_the_pictures_in_the_page_are_the_thumbnails(
    algorithm: ModuleType, context: FakeContext, examples: Path
) -> None:
    html, _ = report(algorithm, context, [examples / "reef.jpg"], [HERE])
    (source,) = [href for href in Page(html).hrefs if href.startswith("data:")]
    jpeg = base64.b64decode(source.partition(",")[2])
    assert jpeg == thumbnail(examples / "reef.jpg").jpeg
