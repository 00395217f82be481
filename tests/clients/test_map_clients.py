"""Real map clients on a job's published result: consbio's library, GDAL's AGS and XYZ drivers, Leaflet in a browser."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import requests
from harness import HANG, Server
from PIL import Image
from rasterio.transform import from_bounds

from dragoman.maps.drawing.palettes import palette_of
from dragoman.maps.renderers import parse_renderer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

pytestmark = pytest.mark.slow

SESSION = Path(__file__).with_name("map_session.py")
WEST, SOUTH, EAST, NORTH = 1_000_000.0, 5_000_000.0, 1_400_000.0, 5_300_000.0
"""In web mercator, so that a picture of the same pixels has the result's very values."""
WIDTH, HEIGHT = 400, 300
RENDERER = {"type": "stretched", "colors": [[-1, "#8c510a"], [0, "#f5f5f5"], [1, "#01665e"]]}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Published:
    """A job's result as a service."""

    def __init__(self, server: Server, scenes: Path) -> None:
        self.server = server
        inputs = {name: {"href": (scenes / f"{name}.tif").as_uri()} for name in ("red", "nir")}
        outputs = {"ndvi": {"publish": RENDERER}}
        body = {"inputs": inputs, "outputs": outputs}
        headers = {"Prefer": "respond-async"}
        answer = requests.post(
            f"{server.url}/processes/ndvi/execution", json=body, headers=headers, timeout=HANG
        )
        assert answer.status_code == 201, answer.text
        self.job_id: str = answer.json()["jobID"]
        server.finished(self.job_id)
        self.name = f"{self.job_id}/ndvi"
        self.map_server = f"{server.url}/arcgis/rest/services/{self.name}/MapServer"
        self.tiles = f"{server.url}/tiles/{self.name}"
        result = requests.get(f"{server.url}/jobs/{self.job_id}/results/ndvi", timeout=HANG)
        with rasterio.MemoryFile(result.content) as memory, memory.open() as dataset:
            self.values: NDArray[Any] = dataset.read(1)
        palette = palette_of(parse_renderer(RENDERER, words=False))
        self.colors = palette.colors[palette.numbers(self.values, np.isfinite(self.values))]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    scenes = tmp_path_factory.mktemp("scenes")
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    red = 100 + 80 * np.sin(columns / 30) * np.cos(rows / 40)
    nir = 120 + 100 * np.cos(columns / 50) * np.sin(rows / 25)
    for name, values in (("red", red), ("nir", nir)):
        profile = {
            "driver": "GTiff", "width": WIDTH, "height": HEIGHT, "count": 1, "dtype": "float32",
            "crs": "EPSG:3857", "transform": from_bounds(WEST, SOUTH, EAST, NORTH, WIDTH, HEIGHT),
        }  # fmt: skip
        with rasterio.open(scenes / f"{name}.tif", "w", **profile) as dataset:
            dataset.write(values.astype(np.float32), 1)
    server = Server(tmp_path_factory.mktemp("maps"), {"data_roots": [str(scenes)]})
    try:
        server.start(gunicorn=2)
        yield Published(server, scenes)
    finally:
        server.stop()


def picture(content: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


def test_the_jobs_links_lead_to_its_maps(published: Published) -> None:
    job = requests.get(f"{published.server.url}/jobs/{published.job_id}?f=json", timeout=HANG).json()
    links = {link["rel"]: link["href"] for link in job["links"]}
    assert links["service"] == published.map_server
    assert links["tilejson"] == f"{published.tiles}/tilejson.json"
    whole = requests.get(links["preview"], timeout=HANG)
    assert whole.headers["Content-Type"] == "image/png"
    assert picture(whole.content).shape == (480, 640, 4)
    page = requests.get(f"{published.server.url}/jobs/{published.job_id}?f=html", timeout=HANG).text
    assert '<img class="map" src="' in page


def test_an_export_has_the_results_values(published: Published) -> None:
    query = {"bbox": f"{WEST},{SOUTH},{EAST},{NORTH}", "bboxSR": "102100", "size": f"{WIDTH},{HEIGHT}"}
    answer = requests.get(f"{published.map_server}/export", params=query, timeout=HANG)
    assert (picture(answer.content) == published.colors).all()


def test_consbios_client_library(published: Published, tool: Callable[[str], Path], tmp_path: Path) -> None:
    python = tool("python")
    if not list(python.parents[1].glob("lib/python*/site-packages/clients/arcgis.py")):
        pytest.skip("mapservice-clientlib is not installed; `make clients` installs it")
    command = [python, SESSION, published.map_server, tmp_path / "map.png"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=HANG, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["layers"] == ["data"] or seen["layers"] == ["ndvi"]
    assert seen["legend"] == [["1", "", "-1"]]
    assert seen["size"] == [200, 200]
    np.testing.assert_allclose(seen["extent"], [WEST, SOUTH, EAST, NORTH])
    drawn = np.asarray(Image.open(tmp_path / "map.png").convert("RGBA"))
    beside = (drawn[..., :3] >= 254).all(axis=2) | (
        drawn[..., 3] == 0
    )  # it asks for a square of a result of 4 to 3
    assert beside[:20].all()
    assert beside[-20:].all()
    assert not beside[30:170].any(axis=1).all()
    assert len(np.unique(drawn.reshape(-1, 4), axis=0)) > 20


def gdal_pixels(document: str, tmp_path: Path) -> NDArray[np.uint8]:
    """What GDAL's WMS driver reads of the result's own pixels."""
    path = tmp_path / "service.xml"
    path.write_text(document)
    with rasterio.open(path) as dataset:
        window = rasterio.windows.from_bounds(WEST, SOUTH, EAST, NORTH, dataset.transform)
        bands: NDArray[np.uint8] = dataset.read(window=window.round_offsets().round_lengths())
    return np.moveaxis(bands, 0, -1)


def test_gdals_ags_driver(published: Published, tmp_path: Path) -> None:
    document = f"""<GDAL_WMS>
<Service name="AGS"><ServerUrl>{published.map_server}/export?f=image</ServerUrl>
<BBoxOrder>xyXY</BBoxOrder><SRS>3857</SRS><ImageFormat>png32</ImageFormat><Transparent>true</Transparent></Service>
<DataWindow><UpperLeftX>{WEST}</UpperLeftX><UpperLeftY>{NORTH}</UpperLeftY><LowerRightX>{EAST}</LowerRightX>
<LowerRightY>{SOUTH}</LowerRightY><SizeX>{WIDTH}</SizeX><SizeY>{HEIGHT}</SizeY></DataWindow>
<Projection>EPSG:3857</Projection><BandsCount>4</BandsCount><BlockSizeX>100</BlockSizeX><BlockSizeY>100</BlockSizeY>
</GDAL_WMS>"""
    assert (gdal_pixels(document, tmp_path) == published.colors).all()


def test_gdals_ags_driver_reads_pictures_with_a_palette(published: Published, tmp_path: Path) -> None:
    document = f"""<GDAL_WMS>
<Service name="AGS"><ServerUrl>{published.map_server}/export?f=image</ServerUrl>
<BBoxOrder>xyXY</BBoxOrder><SRS>3857</SRS><ImageFormat>png</ImageFormat><Transparent>true</Transparent></Service>
<DataWindow><UpperLeftX>{WEST}</UpperLeftX><UpperLeftY>{NORTH}</UpperLeftY><LowerRightX>{EAST}</LowerRightX>
<LowerRightY>{SOUTH}</LowerRightY><SizeX>{WIDTH}</SizeX><SizeY>{HEIGHT}</SizeY></DataWindow>
<Projection>EPSG:3857</Projection><BandsCount>3</BandsCount><BlockSizeX>100</BlockSizeX><BlockSizeY>100</BlockSizeY>
</GDAL_WMS>"""
    assert (gdal_pixels(document, tmp_path) == published.colors[..., :3]).all()


def test_gdals_xyz_driver(published: Published, tmp_path: Path) -> None:
    half, level = 20037508.342789244, 12
    size = 256 * 2**level
    url = f"{published.tiles}/${{z}}/${{x}}/${{y}}.png"
    document = f"""<GDAL_WMS><Service name="TMS"><ServerUrl>{url}</ServerUrl></Service>
<DataWindow><UpperLeftX>-{half}</UpperLeftX><UpperLeftY>{half}</UpperLeftY><LowerRightX>{half}</LowerRightX>
<LowerRightY>-{half}</LowerRightY><TileLevel>{level}</TileLevel><TileCountX>1</TileCountX><TileCountY>1</TileCountY>
<YOrigin>top</YOrigin></DataWindow>
<Projection>EPSG:3857</Projection><BlockSizeX>256</BlockSizeX><BlockSizeY>256</BlockSizeY><BandsCount>4</BandsCount>
</GDAL_WMS>"""
    path = tmp_path / "tiles.xml"
    path.write_text(document)
    with rasterio.open(path) as dataset:
        assert dataset.width == size
        x, y = WEST + 150.5 * 1000, NORTH - 120.5 * 1000  # the middle of a cell
        (seen,) = dataset.sample([(x, y)])
        (beside,) = dataset.sample([(WEST - 5000, y)])
    assert (seen == published.colors[120, 150]).all()
    assert beside[3] == 0


def test_seedsource_uis_requests(published: Published) -> None:
    """Its tile layer's URL with ``styles``, and its legend's."""
    style = {
        "0": {
            "type": "stretched",
            "colors": [[0, "#ffffff"], [1, "#000000"]],
            "options": {"color_space": "rgb"},
        }
    }
    query = {"style": "x", "styles": json.dumps(style), "layers": "show:0"}
    tile = requests.get(f"{published.tiles}/6/33/22.png", params=query, timeout=HANG)
    assert tile.status_code == 200
    legend = requests.get(
        f"{published.map_server}/legend", params={"styles": json.dumps(style)}, timeout=HANG
    ).json()
    entries = legend["layers"][0]["legend"]
    assert [entry["label"] for entry in entries] == ["1", "", "0"]
    for entry in entries:
        assert picture(base64.b64decode(entry["imageData"])).shape == (20, 20, 4)


def test_a_browsers_other_origin_may_read_tiles(published: Published) -> None:
    headers = {"Origin": "https://maps.example.org"}
    answer = requests.get(f"{published.tiles}/6/33/22.png", headers=headers, timeout=HANG)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    again = {**headers, "If-None-Match": answer.headers["ETag"]}
    assert requests.get(f"{published.tiles}/6/33/22.png", headers=again, timeout=HANG).status_code == 304


PAGE = """<!doctype html><link rel="stylesheet" href="leaflet.css"><script src="leaflet.js"></script>
<style>html, body, #map {{ height: 100%; margin: 0; background: #fff }}</style><div id="map"></div><script>
const map = L.map("map", {{zoomControl: false, fadeAnimation: false, zoomAnimation: false, attributionControl: false}});
fetch("{tilejson}").then(answer => answer.json()).then(service => {{
  const [west, south, east, north] = service.bounds;
  map.fitBounds([[south, west], [north, east]]);
  const layer = L.tileLayer(service.tiles[0], {{minZoom: service.minzoom, maxZoom: service.maxzoom}}).addTo(map);
  layer.on("load", () => {{ document.title = "drawn"; }});
}});
</script>"""


def screenshot(url: str, folder: Path, height: int) -> NDArray[Any]:
    """What Chromium shows of a page: (rows, columns, RGB)."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    shot = folder / "map.png"
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size=500,{height}",
        "--virtual-time-budget=20000", f"--user-data-dir={folder / 'profile'}", f"--screenshot={shot}", url,
    ]  # fmt: skip
    subprocess.run(command, capture_output=True, timeout=HANG, check=True)
    return np.asarray(Image.open(shot).convert("RGB")).astype(int)


def test_the_page_of_the_job_shows_the_map(published: Published, tmp_path: Path) -> None:
    seen = screenshot(f"{published.server.url}/jobs/{published.job_id}?f=html", tmp_path, 900)
    brown = (seen[..., 0] > seen[..., 2] + 60) & (seen[..., 0] < 200)
    assert brown.mean() > 0.01  # nothing else of the page is brown


def test_leaflet_in_a_browser(published: Published, tmp_path: Path) -> None:
    leaflet = _leaflet(tmp_path)
    for name in ("leaflet.js", "leaflet.css"):
        shutil.copy(leaflet / name, tmp_path / name)
    page = tmp_path / "map.html"
    page.write_text(PAGE.format(tilejson=f"{published.tiles}/tilejson.json"))
    seen = screenshot(page.as_uri(), tmp_path, 400)
    coloured = (np.ptp(seen, axis=2) > 20).mean()
    assert coloured > 0.2
    brown, green = (seen[..., 0] > seen[..., 2] + 60), (seen[..., 1] > seen[..., 0] + 60)
    assert brown.any()
    assert green.any()


def _leaflet(folder: Path) -> Path:
    """npm's leaflet, unpacked; skips where npm is not there."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    done = subprocess.run(
        [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "leaflet@1.9.4"],
        capture_output=True, text=True, timeout=HANG, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("npm cannot install leaflet here")
    return folder / "node_modules" / "leaflet" / "dist"
