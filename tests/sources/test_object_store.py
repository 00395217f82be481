"""Rasters of object stores, from a server on loopback that speaks as much of S3 as GDAL asks for."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio

from dragoman.config.settings import FetchSettings
from dragoman.errors import InputError, InvalidRequest
from dragoman.model.job import InputValue
from dragoman.model.process import InputSpec
from dragoman.schemas.forms import expand
from dragoman.sources.policy import SourcePolicy
from dragoman.sources.precheck import check_href
from dragoman.sources.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SCENE = InputSpec(id="scene", schema=expand("raster")[0], shorthand="raster")


class Store:
    """Objects by path; every path that was asked for."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    held = Store()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            held.asked.append(self.path)
            content = held.objects.get(self.path)
            if content is None:
                self.send_error(404)
                return
            first, last = 0, len(content) - 1
            wanted = self.headers.get("Range")
            if wanted:
                low, _, high = wanted.removeprefix("bytes=").partition("-")
                first, last = int(low), min(int(high or last), last)
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(last - first + 1))
            if wanted:
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            self.end_headers()
            if with_body:
                self.wfile.write(content[first : last + 1])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for name, value in {
        "AWS_S3_ENDPOINT": f"127.0.0.1:{server.server_port}",
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_NO_SIGN_REQUEST": "YES",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield held
    server.shutdown()
    server.server_close()
    thread.join()


def policy(*prefixes: str, max_bytes: int = 2**30) -> SourcePolicy:
    return SourcePolicy(fetch=FetchSettings(object_stores=prefixes, max_bytes=max_bytes))


def scene(path: Path, shape: tuple[int, int, int] = (2, 700, 900)) -> bytes:
    data = np.random.default_rng(4).integers(0, 4000, shape, dtype="uint16")
    profile: Mapping[str, object] = {
        "driver": "GTiff",
        "count": shape[0],
        "height": shape[1],
        "width": shape[2],
    }
    transform = rasterio.transform.from_origin(500_000, 4_000_000, 30, 30)
    with rasterio.open(
        path, "w", dtype="uint16", crs="EPSG:32633", transform=transform, nodata=0, **profile
    ) as made:
        made.write(data)
    return path.read_bytes()


def test_a_raster_below_an_allowed_prefix_is_copied(store: Store, tmp_path: Path) -> None:
    store.objects["/scenes/2024/a.tif"] = scene(tmp_path / "a.tif")
    found = resolve(SCENE, InputValue(href="s3://scenes/2024/a.tif"), tmp_path, policy("s3://scenes/2024/"))
    assert found.path is not None
    with rasterio.open(tmp_path / "a.tif") as wanted, rasterio.open(found.path) as given:
        assert (given.crs, given.transform, given.nodata) == (wanted.crs, wanted.transform, wanted.nodata)
        assert given.dtypes == wanted.dtypes
        np.testing.assert_array_equal(given.read(), wanted.read())
    assert {path.partition("?")[0] for path in store.asked} == {"/scenes/2024/a.tif"}


def test_what_is_no_raster_or_not_there_is_refused_and_leaves_no_file(store: Store, tmp_path: Path) -> None:
    vrt = (
        b'<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1"/></VRTDataset>'
    )
    store.objects["/scenes/trick.tif"] = vrt
    for key in ("trick.tif", "gone.tif"):
        with pytest.raises(InputError, match=r"scene.*not there, or is no raster"):
            resolve(SCENE, InputValue(href=f"s3://scenes/{key}"), tmp_path / "new", policy("s3://scenes/"))
    assert list((tmp_path / "new").iterdir()) == []


def test_a_raster_that_is_too_large_is_refused(store: Store, tmp_path: Path) -> None:
    store.objects["/scenes/a.tif"] = scene(tmp_path / "a.tif")
    with pytest.raises(InputError, match="2520000 bytes when decoded; at most 2519999"):
        resolve(
            SCENE, InputValue(href="s3://scenes/a.tif"), tmp_path, policy("s3://scenes/", max_bytes=2_519_999)
        )


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_without_the_setting_nothing_is_read_and_the_message_names_it(scheme: str) -> None:
    with pytest.raises(InvalidRequest, match=r"server\.manager\.fetch\.object_stores"):
        check_href(f"{scheme}://scenes/a.tif", policy())


@pytest.mark.parametrize(
    "href",
    [
        "s3://other/a.tif",
        "gs://scenes/open/a.tif",
        "s3://scenes/openly/a.tif",
        "s3://scenes/open/../closed/a.tif",
        "s3://scenes/open//a.tif",
        "s3://scenes/open/a.tif?versionId=7",
        "s3://scenes/open/",
        "s3://scenes",
        "S3://scenes/open/a.tif",
        "s3://scenes/open/\na.tif",
    ],
)
def test_only_keys_below_a_prefix_are_read(href: str) -> None:
    with pytest.raises(InvalidRequest):
        check_href(href, policy("s3://scenes/open/"))


def test_only_rasters_are_read(tmp_path: Path) -> None:
    spec = InputSpec(id="areas", schema={"type": "object"})
    with pytest.raises(InputError, match=r"areas.*only rasters"):
        resolve(spec, InputValue(href="s3://scenes/a.json"), tmp_path, policy("s3://scenes/"))
