"""PESTO on a real server: many bands, many images, many clients, large payloads, and the same jobs in OGC."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import requests
from harness import REPOSITORY, serving, wait_for
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Server
    from numpy.typing import NDArray

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),
]

MIRROR = REPOSITORY / "tests" / "e2e" / "projects" / "mirror"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    packages = {
        "mirror": {"package": str(MIRROR)},
        "later": {"package": str(MIRROR), "profiles": ["stateful"]},
    }
    dialects = {"pesto": {"default_process": "mirror", "asynchronous": ["echo"]}}
    folder = tmp_path_factory.mktemp("pesto")
    (folder / "data").mkdir()
    manager = {"data_roots": [str(folder / "data")], "dialects": dialects}
    with serving(folder, manager=manager, packages=packages) as started:
        yield started


def pixels(bands: int, dtype: str = "uint8", height: int = 20, width: int = 30) -> NDArray[Any]:
    count = bands * height * width
    return (np.arange(count) * 37 % 60_000).astype(dtype).reshape(bands, height, width)


def encoded(array: NDArray[Any], driver: str = "GTiff") -> str:
    bands, height, width = array.shape
    profile = {"driver": driver, "count": bands, "height": height, "width": width, "dtype": array.dtype}
    with MemoryFile() as file:
        with file.open(
            **profile, crs="EPSG:32618", transform=from_origin(500000, 4500000, 30, 30)
        ) as dataset:
            dataset.write(array)
        return base64.b64encode(file.read()).decode()


def decoded(content: bytes | str) -> tuple[str, NDArray[Any]]:
    data = base64.b64decode(content) if isinstance(content, str) else content
    with MemoryFile(data) as file, file.open() as dataset:
        return dataset.driver, dataset.read()


def url(server: Server, process: str, *path: str) -> str:
    return "/".join([server.url, "pesto", process, "api", "v1", *path])


def process(server: Server, process: str = "mirror", **payload: Any) -> requests.Response:
    return requests.post(url(server, process, "process"), json=payload, timeout=120)


def started(server: Server, **payload: Any) -> str:
    """The URL of a new stateful job, without ``/status``."""
    answer = process(server, "later", **payload)
    assert answer.status_code == 200, answer.text
    link: str = answer.json()["link"]
    assert link.startswith(server.url)
    return link.removesuffix("/status")


def done(job: str) -> dict[str, Any]:
    """The results of a job, once it is done."""
    wait_for(lambda: requests.get(f"{job}/status", timeout=120).json()["status"] == "DONE", job)
    results: dict[str, Any] = requests.get(f"{job}/results", timeout=120).json()
    return results


@pytest.mark.parametrize(
    ("bands", "dtype", "driver", "media_type"),
    [
        (1, "uint8", "PNG", "image/png"),
        (3, "uint8", "PNG", "image/png"),
        (3, "uint16", "PNG", "image/png"),
        (4, "uint8", "GTiff", "image/tiff"),
        (5, "uint16", "GTiff", "image/tiff"),
        (1, "float32", "GTiff", "image/tiff"),
    ],
)
def test_bands_and_type_are_kept_in_both_modes(
    server: Server, bands: int, dtype: str, driver: str, media_type: str
) -> None:
    given = pixels(bands, dtype)
    answer = process(server, image=encoded(given)).json()
    assert (answer["dtype"], answer["shape"]) == (dtype, [bands, 20, 30])
    found, read = decoded(answer["image"])
    assert found == driver
    assert read.dtype == given.dtype
    assert np.array_equal(read, given)
    result = requests.get(done(started(server, image=encoded(given)))["image"], timeout=120)
    assert result.headers["Content-Type"] == media_type
    assert np.array_equal(decoded(result.content)[1], given)


def test_a_list_of_12_images_keeps_its_order(server: Server) -> None:
    images = [pixels(1) + number for number in range(12)]
    payload: dict[str, Any] = {
        "image": encoded(images[0]),
        "images": [encoded(each) for each in images],
        "note": "its own",
    }
    answer = process(server, **payload).json()
    assert all(np.array_equal(decoded(a)[1], b) for a, b in zip(answer["tiles"], images, strict=True))
    results = done(started(server, **payload))
    fetched = [requests.get(link, timeout=120).content for link in results["tiles"]]
    assert all(np.array_equal(decoded(a)[1], b) for a, b in zip(fetched, images, strict=True))
    assert requests.get(results["band2"], timeout=120).text == "its own"


def test_one_image_of_a_list_is_deleted_and_the_others_stay(server: Server) -> None:
    tiles = [encoded(pixels(1) + number) for number in range(3)]
    job = started(server, image=tiles[0], images=tiles)
    links = done(job)["tiles"]
    assert requests.delete(links[1], timeout=120).json() == {}
    assert requests.get(links[1], timeout=120).status_code == 404
    assert requests.get(f"{job}/results", timeout=120).json()["tiles"] == [links[0], links[2]]
    assert np.array_equal(decoded(requests.get(links[2], timeout=120).content)[1], pixels(1) + 2)


def test_an_image_of_50_mb_as_base64(server: Server) -> None:
    given = np.random.default_rng(1).integers(0, 255, (3, 3500, 3600), "uint8")
    text = encoded(given)
    assert len(text) > 50e6
    answer = process(server, image=text)
    assert answer.status_code == 200
    assert np.array_equal(decoded(answer.json()["image"])[1], given)


def test_a_region_of_interest_crops_what_is_read_and_cuts_the_margin(server: Server) -> None:
    given = pixels(1, height=300, width=451)
    band = {"first": 10, "number": 20, "margin": 5}, {"first": 0, "number": 30, "margin": 5}
    for targets, size in (([], (30, 35)), (["image"], (20, 30))):
        roi = {"target_in": ["image"], "target_out": targets, "lines": band[0], "columns": band[1]}
        answer = process(server, image=encoded(given), pesto={"roi": roi}).json()
        assert answer["shape"] == [1, 30, 35]
        read = decoded(answer["image"])[1]
        assert read.shape[1:] == size
        rows = slice(5, 35) if not targets else slice(10, 30)
        assert np.array_equal(read[0], given[0, rows, : size[1]])


@pytest.mark.parametrize(
    ("lines", "words"), [({"first": 290, "number": 20}, "out of range"), ({"first": 300, "number": 1}, "300")]
)
def test_a_region_outside_the_image_is_400(server: Server, lines: dict[str, int], words: str) -> None:
    roi = {"target_in": ["image"], "target_out": [], "lines": lines}
    answer = process(server, image=encoded(pixels(1, height=300, width=451)), pesto={"roi": roi})
    assert answer.status_code == 400
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        ({"image": base64.b64encode(b"no image at all").decode()}, "image"),
        ({"image": "https://127.0.0.1/a.tif"}, "image"),
        ({"image": "s3://bucket/a.tif"}, "image"),
        ({"image": "file:///nowhere/a.tif"}, "image"),
        ({"image": encoded(pixels(1)), "images": [encoded(pixels(1)), "QUJD"]}, "images"),
        ({"image": encoded(pixels(1)), "images": encoded(pixels(1))}, "images"),
        ({"image": encoded(pixels(1)), "seconds": -1}, "seconds"),
        ({"image": encoded(pixels(1)), "numbers": [1, "x"]}, "numbers"),
    ],
)
def test_a_mistake_is_400_and_names_the_input(server: Server, payload: dict[str, Any], name: str) -> None:
    answer = process(server, **payload)
    assert answer.status_code == 400, answer.text
    assert f"'{name}'" in answer.json()["detail"]
    assert str(server.home) not in answer.json()["detail"]


def test_a_failed_job_says_why_in_both_modes(server: Server) -> None:
    payload = {"image": encoded(pixels(1)), "note": "fail"}
    answer = process(server, **payload)
    assert (answer.status_code, "the mirror broke" in answer.json()["detail"]) == (500, True)
    job = started(server, **payload)
    wait_for(lambda: requests.get(f"{job}/status", timeout=120).json()["status"] == "FAILED", job)
    assert "the mirror broke" in requests.get(f"{job}/status", timeout=120).json()["message"]
    assert requests.get(f"{job}/results", timeout=120).status_code == 500


def test_a_file_under_a_data_root(server: Server) -> None:
    given = pixels(2, "uint16")
    path = server.folder / "data" / "scene.tif"
    path.write_bytes(base64.b64decode(encoded(given)))
    answer = process(server, image=path.as_uri())
    assert np.array_equal(decoded(answer.json()["image"])[1], given)


def test_the_post_of_a_stateful_process_returns_at_once_and_ogc_cancels_the_job(server: Server) -> None:
    job = started(server, image=encoded(pixels(1)), seconds=600)
    states = ("ACCEPTED", "RUNNING")
    assert requests.get(f"{job}/status", timeout=120).json()["status"] in states
    job_id = job.split("/")[-1]
    listed = requests.get(f"{server.url}/jobs", params={"processID": "later"}, timeout=120).json()["jobs"]
    assert job_id in [each["jobID"] for each in listed]
    server.running(job_id)
    assert server.dismiss(job_id).json()["status"] == "dismissed"
    assert requests.get(f"{job}/status", timeout=120).json()["status"] == "CANCELLED"
    assert requests.get(f"{job}/results", timeout=120).status_code == 404


def test_its_results_are_fetched_over_ogc(server: Server) -> None:
    given = pixels(3)
    job = started(server, image=encoded(given), images=[encoded(given)], numbers=[1, 2.5])
    done(job)
    results = f"{server.url}/jobs/{job.split('/')[-1]}/results"
    assert requests.get(f"{results}/total", timeout=120).json() == 3.5
    image = requests.get(f"{results}/image", timeout=120)
    assert image.headers["Content-Type"].startswith("image/png")
    assert np.array_equal(decoded(image.content)[1], given)
    assert requests.get(results, timeout=120).status_code == 200


def test_eight_clients_of_a_stateful_service_lose_nothing(server: Server) -> None:
    """Each of them 5 jobs; every one is its own, and done."""

    def client(number: int) -> list[float]:
        jobs = [started(server, image=encoded(pixels(1)), numbers=[number, turn / 10]) for turn in range(5)]
        assert len(set(jobs)) == 5
        return [requests.get(done(job)["total"], timeout=120).json() for job in jobs]

    with ThreadPoolExecutor(8) as clients:
        found = list(clients.map(client, range(8)))
    assert found == [[number + turn / 10 for turn in range(5)] for number in range(8)]
    listed = requests.get(url(server, "later", "jobs"), timeout=120).json()
    assert len(listed) >= 40


def test_a_process_of_ours_is_stateful_where_the_operator_says_so(server: Server) -> None:
    answer = requests.post(url(server, "echo", "process"), json={"text": "hello"}, timeout=120)
    results = done(answer.json()["link"].removesuffix("/status"))
    assert requests.get(results["text"], timeout=120).text == "hello"
    assert requests.get(results["received"], timeout=120).json() == ['text="hello"']


def test_a_process_of_ours_with_rasters(server: Server) -> None:
    folder = REPOSITORY / "processes" / "ndvi" / "examples"
    bands = {
        name: base64.b64encode((folder / f"{name}.tif").read_bytes()).decode() for name in ("red", "nir")
    }
    answer = process(server, "ndvi", **bands)
    assert answer.status_code == 200, answer.text
    driver, read = decoded(answer.json()["ndvi"])
    assert (driver, str(read.dtype)) == ("GTiff", "float32")
    assert answer.json()["statistics"]["valid_count"] == 12732


def test_metrics_of_a_process(server: Server) -> None:
    text = requests.get(url(server, "later", "metrics"), timeout=120).text
    assert 'dragoman_jobs{process="later",state="successful"}' in text


def test_the_default_process_is_at_the_root(server: Server) -> None:
    document = requests.get(f"{server.url}/api/v1/describe", timeout=120).json()
    assert document["name"] == "mirror"
    assert document["_links"]["self"]["href"] == f"{server.url}/api/v1/describe"


def test_the_project_is_an_ogc_process(server: Server) -> None:
    described = requests.get(f"{server.url}/processes/mirror", timeout=120).json()
    assert list(described["inputs"]) == ["image", "images", "seconds", "numbers", "note"]
