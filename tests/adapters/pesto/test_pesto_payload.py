"""Payloads: what is understood, what is dropped, and that each mistake is a 400 that names the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.adapters.pesto.conftest import OURS
from tests.adapters.pesto.recorded import payload

from dragoman.adapters.pesto.contract import contract_of
from dragoman.adapters.pesto.translate import job_request
from dragoman.errors import InvalidInputs, InvalidRequest
from dragoman.model.job import InputValue, OutputRequest
from dragoman.model.roi import Band, Roi

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient
    from tests.adapters.pesto.conftest import Server

    from dragoman.adapters.pesto.contract import Contract

PROCESS = "/pesto/algo-service/api/v1/process"
IMAGE: str = payload("payload_4band_b64")["image"]
ROI = {"target_in": ["image"], "target_out": ["image", "image_list"]}


@pytest.fixture
def contract(server: Server) -> Contract:
    """Of the recorded project."""
    return contract_of(server.catalogue.get("algo-service"), ())


@pytest.fixture
def many() -> Contract:
    """Of a process of ours with a list of images."""
    return contract_of(next(process for process in OURS if process.id == "many"), ())


@pytest.mark.parametrize(
    "url", ["http://x.org/a.tif", "https://x.org/a.tif", "file:///data/a.tif", "s3://b/a.tif", "GS://b/a.tif"]
)
def test_an_image_by_url(contract: Contract, url: str) -> None:
    assert job_request({"image": url}, contract).inputs == {"image": (InputValue(href=url),)}


@pytest.mark.parametrize(
    ("path", "href"),
    [
        ("/data/my scene.tif", "/data/my%20scene.tif"),
        ("/données/été.tif", "/donn%C3%A9es/%C3%A9t%C3%A9.tif"),
        ("/data/a#1?b.tif", "/data/a%231%3Fb.tif"),
        ("/data/100%.tif", "/data/100%25.tif"),
        ("/data/two words%20.tif", "/data/two%20words%2520.tif"),
        ("/data/my%20scene.tif", "/data/my%20scene.tif"),
        ("/data/back\\slash.tif", "/data/back%5Cslash.tif"),
        ("/data/\ud800.tif", "/data/%3F.tif"),
        ("localhost/data/a b.tif", "localhost/data/a%20b.tif"),
    ],
)
def test_a_path_may_stand_in_file_as_it_is_on_disk(contract: Contract, path: str, href: str) -> None:
    asked = job_request({"image": f"file://{path}"}, contract)
    assert asked.inputs["image"] == (InputValue(href=f"file://{href}"),)


def test_a_mistake_in_a_list_of_images_says_where(many: Contract) -> None:
    with pytest.raises(
        InvalidInputs, match=r"input 'images': \[2\]: got \"/etc/passwd\"; allowed: base64 text"
    ):
        job_request({"images": [IMAGE, "https://x.org/a.tif", "/etc/passwd"]}, many)


def test_an_image_as_base64_and_values_as_they_are(contract: Contract) -> None:
    given = {
        "image": IMAGE,
        "integer_parameter": 42,
        "dict_parameter": {"a": [1]},
        "string_parameter": "file:///x",
    }
    inputs = job_request(given, contract).inputs
    assert inputs["image"] == (InputValue(value=IMAGE, encoding="base64"),)
    assert inputs["integer_parameter"] == (InputValue(value=42),)
    assert inputs["dict_parameter"] == (InputValue(value={"a": [1]}),)
    assert inputs["string_parameter"] == (InputValue(value="file:///x"),)


def test_a_list_of_images_keeps_its_order_and_mixes_forms(many: Contract) -> None:
    given = [f"https://x.org/{number}.tif" for number in range(12)]
    values = job_request({"images": [*given, IMAGE]}, many).inputs["images"]
    assert [value.href for value in values] == [*given, None]
    assert values[12].encoding == "base64"


def test_values_of_a_repeatable_input(server: Server) -> None:
    asked = job_request({"text": "a", "n": [3, 1, 2]}, contract_of(server.catalogue.get("echo"), ()))
    assert asked.inputs["n"] == (InputValue(value=3), InputValue(value=1), InputValue(value=2))


def test_unknown_members_are_dropped_and_null_is_no_value(contract: Contract) -> None:
    asked = job_request({"image": IMAGE, "colour": "red", "number_parameter": None}, contract)
    assert list(asked.inputs) == ["image"]
    assert asked.roi is None


def test_every_output_is_asked_for_and_images_as_png(contract: Contract) -> None:
    outputs = job_request({"image": IMAGE}, contract).outputs
    assert outputs is not None
    assert outputs.keys() == contract.process.outputs.keys()
    png = [name for name, asked in outputs.items() if asked == OutputRequest(media_type="image/png")]
    assert sorted(png) == ["image", "image_list"]


def test_a_region_of_interest(contract: Contract) -> None:
    lines, columns = {"first": 10, "number": 20, "margin": 5}, {"first": 0, "number": 30}
    roi = {**ROI, "lines": lines, "columns": columns}
    assert job_request({"image": IMAGE, "pesto": {"roi": roi}}, contract).roi == Roi(
        targets_in=("image",),
        targets_out=("image", "image_list"),
        lines=Band(first=10, number=20, margin=5),
        columns=Band(first=0, number=30),
    )


@pytest.mark.parametrize("given", [{}, {"roi": None}, {"other": 1}])
def test_no_region_of_interest(contract: Contract, given: dict[str, Any]) -> None:
    assert job_request({"image": IMAGE, "pesto": given}, contract).roi is None


def test_missing_bands_of_a_region_are_all(contract: Contract) -> None:
    roi = job_request({"image": IMAGE, "pesto": {"roi": ROI}}, contract).roi
    assert roi is not None
    assert (roi.lines, roi.columns) == (None, None)


def test_every_mistake_is_named_at_once(contract: Contract) -> None:
    given = {"number_parameter": "x", "integer_parameter": 1.5, "pesto": {"roi": {"target_in": ["nothing"]}}}
    with pytest.raises(InvalidInputs) as caught:
        job_request(given, contract)
    named = [problem.input_id for problem in caught.value.problems]
    assert named == ["number_parameter", "integer_parameter", "image", "pesto.roi"]


@pytest.mark.parametrize("given", [None, [], "image", 3])
def test_a_payload_is_an_object(contract: Contract, given: Any) -> None:
    with pytest.raises(InvalidRequest, match="allowed: an object"):
        job_request(given, contract)


FORMS = "base64 text, or a URL"
MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "image", "is required, but missing"),
    ({"image": None}, "image", f"got null; allowed: {FORMS}"),
    ({"image": 3}, "image", f"got 3; allowed: {FORMS}"),
    ({"image": [IMAGE]}, "image", FORMS),
    ({"image": ""}, "image", FORMS),
    ({"image": "/data/scene.tif"}, "image", FORMS),
    ({"image": "/etc/passwd"}, "image", FORMS),
    ({"image": "data:image/png;base64,iVBO"}, "image", FORMS),
    ({"image": "ftp://x.org/a.tif"}, "image", FORMS),
    ({"image": "AAAAA"}, "image", FORMS),
    ({"image": "A" * 301}, "image", "base64"),
    ({"image": "http://127.0.0.1/a.tif"}, "image", "not on the public network"),
    ({"image": "file:///etc/passwd"}, "image", "not in a folder that this server may read"),
    ({"image": IMAGE, "number_parameter": "x"}, "number_parameter", "allowed: a number"),
    ({"image": IMAGE, "integer_parameter": 1.5}, "integer_parameter", "allowed: an integer"),
    ({"image": IMAGE, "integer_parameter": True}, "integer_parameter", "allowed: an integer"),
    ({"image": IMAGE, "string_parameter": 3}, "string_parameter", "allowed: a string"),
    ({"image": IMAGE, "dict_parameter": [1]}, "dict_parameter", "allowed: an object"),
    ({"image": IMAGE, "pesto": 3}, "pesto", "allowed: "),
    ({"image": IMAGE, "pesto": {"roi": 3}}, "pesto.roi", "target_in"),
    ({"image": IMAGE, "pesto": {"roi": {}}}, "pesto.roi", "target_in is missing"),
    ({"image": IMAGE, "pesto": {"roi": {"target_in": "image"}}}, "pesto.roi", "allowed: a list of names"),
    ({"image": IMAGE, "pesto": {"roi": {"target_in": ["x"]}}}, "pesto.roi", "allowed: image"),
    ({"image": IMAGE, "pesto": {"roi": {**ROI, "target_out": ["areas"]}}}, "pesto.roi", "allowed: image, image_list"),
    ({"image": IMAGE, "pesto": {"roi": {**ROI, "lines": 3}}}, "pesto.roi", "lines"),
    ({"image": IMAGE, "pesto": {"roi": {**ROI, "lines": {"first": 0}}}}, "pesto.roi", "lines.number"),
    ({"image": IMAGE, "pesto": {"roi": {**ROI, "columns": {"first": -1, "number": 3}}}}, "pesto.roi", "columns.first"),
    ({"image": IMAGE, "pesto": {"roi": {**ROI, "lines": {"first": 0, "number": 0}}}}, "pesto.roi", "at least 1"),
    (
        {"image": IMAGE, "pesto": {"roi": {**ROI, "lines": {"first": 0, "number": 3, "margin": True}}}},
        "pesto.roi",
        "lines.margin",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "name", "words"), MISTAKES)
@pytest.mark.parametrize("project", ["algo-service", "algo-stateful"])
def test_a_mistake_is_400_and_names_the_input(
    server: Server, client: FlaskClient, project: str, given: dict[str, Any], name: str, words: str
) -> None:
    answer = client.post(f"/pesto/{project}/api/v1/process", json=given)
    assert answer.status_code == 400
    detail = answer.get_json()["detail"]
    assert f"input '{name}'" in detail
    assert words in detail
    assert not server.engine.jobs


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"null", "the payload is null"),
        (b"[]", "allowed: an object"),
        (b'{"number_parameter": NaN}', "NaN"),
        (b"\xff", "UTF-8"),
    ],
)
def test_a_body_that_is_no_payload_is_400(client: FlaskClient, body: bytes, words: str) -> None:
    answer = client.post(PROCESS, data=body)
    assert answer.status_code == 400
    assert words in answer.get_json()["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_the_content_type_of_a_payload_does_not_matter(client: FlaskClient, kind: str) -> None:
    answer = client.post("/pesto/echo/api/v1/process", data=b'{"text": "hello"}', content_type=kind)
    assert answer.get_json() == {"text": "hello", "count": 0}


def test_values_of_ours_are_held_to_their_schema(client: FlaskClient) -> None:
    answer = client.post("/pesto/echo/api/v1/process", json={"text": "a", "n": [1, -1, "x"]})
    assert answer.status_code == 400
    assert "input 'n': value 2: got -1" in answer.get_json()["detail"]
    answer = client.post("/pesto/echo/api/v1/process", json={"text": "a", "n": 3})
    assert "input 'n': got 3; allowed: an array" in answer.get_json()["detail"]


def test_a_file_under_a_data_root_is_taken(client: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "scene.tif").write_bytes(b"II*\0")
    answer = client.post(PROCESS, json={"image": (tmp_path / "scene.tif").as_uri()})
    assert answer.status_code == 200


def test_a_name_with_blanks_and_accents_under_a_data_root(client: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "été 1.tif").write_bytes(b"II*\0")
    assert client.post(PROCESS, json={"image": f"file://{tmp_path}/été 1.tif"}).status_code == 200


def test_a_payload_that_is_too_large(client: FlaskClient) -> None:
    answer = client.post(PROCESS, data=b'{"image": "' + b"A" * 1_000_000 + b'"}')
    assert answer.status_code == 413
    assert list(answer.get_json()) == ["detail"]
