"""Outputs with ``maxOccurs``, on a real server: lists of files in every form that OGC and PESTO have for results."""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest
import rasterio
import requests
from harness import serving
from rasterio.io import MemoryFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),  # PESTO's images are PNG
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("lists")
    manager = {"dialects": {"pesto": {"asynchronous": ["lister"]}}}
    with serving(folder, manager=manager) as started:
        yield started


def post(server: Server, **body: Any) -> requests.Response:
    url = f"{server.url}/processes/lister/execution"
    return requests.post(url, json=body, headers={"Accept": "*/*"}, timeout=120)


def parts(response: requests.Response) -> list[Any]:
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    message: Any = message_from_bytes(head + response.content, policy=policy.HTTP)
    return list(message.iter_parts())


def value_of(content: bytes) -> int:
    """The first pixel of a GeoTIFF."""
    with MemoryFile(content) as file, file.open() as dataset:
        return int(dataset.read(1)[0, 0])


def test_a_description_has_an_array(server: Server) -> None:
    outputs = requests.get(f"{server.url}/processes/lister", timeout=60).json()["outputs"]
    assert (outputs["tiles"]["schema"]["type"], outputs["tiles"]["schema"]["minItems"]) == ("array", 0)
    assert outputs["tables"]["schema"]["maxItems"] == 12
    assert outputs["tables"]["schema"]["items"]["contentMediaType"] == "text/csv"


def test_a_document_has_each_file_as_a_qualified_value(server: Server) -> None:
    document = post(server, response="document").json()
    assert document["tables"] == [{"value": f"n\n{number}\n", "mediaType": "text/csv"} for number in range(2)]
    assert [item["encoding"] for item in document["tiles"]] == ["base64", "base64"]
    assert document["numbers"] == [0, 1]


def test_raw_each_file_is_a_part_of_its_own_media_type(server: Server) -> None:
    response = post(server, inputs={"count": 3}, outputs={"tiles": {}, "tables": {}})
    assert response.headers["Content-Type"].startswith("multipart/related")
    seen = [(part["Content-ID"], part.get_content_type()) for part in parts(response)]
    assert seen == [(f"tiles/{n}", "image/tiff") for n in range(3)] + [
        (f"tables/{n}", "text/csv") for n in range(3)
    ]
    assert [value_of(part.get_payload(decode=True)) for part in parts(response)[:3]] == [0, 1, 2]


def test_formats_are_those_of_an_item(server: Server) -> None:
    assert post(server, outputs={"tiles": {"format": {"mediaType": "image/tiff"}}}).status_code == 200
    assert post(server, outputs={"tables": {"format": {"mediaType": "text/csv"}}}).status_code == 200
    refused = post(server, outputs={"tables": {"format": {"mediaType": "text/xml"}}})
    assert (refused.status_code, refused.json()["detail"].endswith("text/csv, application/json")) == (
        400,
        True,
    )


def test_an_empty_list_is_an_empty_list(server: Server) -> None:
    assert post(server, inputs={"count": 0}, response="document").json() == {
        "tiles": [],
        "tables": [],
        "numbers": [],
    }
    assert post(server, inputs={"count": 0}, outputs={"tiles": {}}).json() == []


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"tables": {}}, "multipart/related"),
        ({"numbers": {}}, "application/json"),
        (None, "multipart/related"),
    ],
)
def test_links_say_what_will_come(server: Server, outputs: Any, expected: str) -> None:
    body = {"inputs": {"count": 2}} | ({"outputs": outputs} if outputs else {})
    url = f"{server.url}/processes/lister/execution"
    job = requests.post(url, json=body, headers={"Prefer": "respond-async"}, timeout=60).json()["jobID"]
    server.finished(job)
    links = requests.get(f"{server.url}/jobs/{job}", timeout=60).json()["links"]
    (results,) = [link for link in links if link["rel"].endswith("/results")]
    assert results["type"] == expected
    items = [link for link in links if link["rel"] == "item"]
    for link in [results, *items]:
        response = requests.get(link["href"], headers={"Accept": "*/*"}, timeout=60)
        assert response.headers["Content-Type"].partition(";")[0] == link["type"].partition(";")[0]
    assert [link["href"].rpartition("/")[2] for link in items] == list(
        outputs or ("tiles", "tables", "numbers")
    )


def test_each_file_is_fetched_by_itself_and_read_from_afar(server: Server) -> None:
    job = server.submit("lister", count=2)
    server.finished(job)
    links = requests.get(f"{server.url}/jobs/{job}/results/tiles", timeout=60).json()
    assert [link["type"].partition(";")[0] for link in links] == ["image/tiff"] * 2
    assert value_of(requests.get(links[1]["href"], timeout=60).content) == 1
    with rasterio.open(f"/vsicurl/{links[1]['href']}") as dataset:
        assert dataset.shape == (4, 4)
    table = requests.get(f"{server.url}/jobs/{job}/results/tables/1", timeout=60)
    assert (table.text, table.headers["Content-Type"].partition(";")[0]) == ("n\n1\n", "text/csv")


def test_pesto_has_them_as_lists(server: Server) -> None:
    root = f"{server.url}/pesto/lister/api/v1"
    described = requests.get(f"{root}/describe", timeout=60).json()["output"]["properties"]
    assert described["tiles"]["$ref"] == "#/definitions/Images"
    assert (described["tables"]["type"], described["tables"]["items"]["type"]) == ("array", "string")
    link = requests.post(f"{root}/process", json={"count": 2}, timeout=60).json()["link"]
    job = link.rstrip("/").split("/")[-2]
    server.finished(job)
    results = requests.get(f"{root}/jobs/{job}/results", timeout=60).json()
    assert [len(results[name]) for name in ("tiles", "tables")] == [2, 2]
    assert value_of(requests.get(results["tiles"][1], timeout=60).content) == 1
    assert requests.get(results["tables"][1], timeout=60).text == "n\n1\n"
    assert requests.get(results["numbers"], timeout=60).json() == [0, 1]
