"""What the official suite asks of execution: every kind of input, every form of the answer (18-062r2, 7.11)."""

from __future__ import annotations

import email.policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness import Server
    from tests.conformance.conftest import World

    type Post = Callable[..., requests.Response]
    type Valid = Callable[[str, Any], None]

pytestmark = pytest.mark.slow

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
RECEIVED = {"received": {"transmissionMode": "value"}}


def received(answer: requests.Response) -> list[str]:
    """What echo was given, of a raw answer with that output alone."""
    assert answer.status_code == 200, answer.text
    found: list[str] = answer.json()
    return found


def parts(answer: requests.Response) -> dict[str, EmailMessage]:
    """The parts of a multipart answer by their Content-ID."""
    head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(EmailMessage, policy=email.policy.HTTP).parsebytes(head + answer.content)
    return {str(part["Content-ID"]): part for part in message.iter_parts() if isinstance(part, EmailMessage)}


# -- inputs by value --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "shown"),
    [
        ({"text": "a"}, 'text="a"'),
        ({"text": {"value": "a"}}, 'text="a"'),
        ({"text": "a", "numbers": [1, 2, 3]}, "numbers=[1, 2, 3]"),
        ({"text": "a", "numbers": {"value": [1, 2, 3]}}, "numbers=[1, 2, 3]"),
        ({"text": "a", "area": {"bbox": [5, 45, 10, 47]}}, 'area={"bbox": [5, 45, 10, 47]}'),
        ({"text": "a", "area": {"bbox": [5, 45, 0, 10, 47, 9], "crs": CRS84}}, "area="),
        ({"text": "a", "area": {"value": {"bbox": [5, 45, 10, 47]}}}, 'area={"bbox": [5, 45, 10, 47]}'),
        ({"text": "a", "value": "word"}, 'value="word"'),
        ({"text": "a", "value": 2.5}, "value=2.5"),
        ({"text": "a", "value": {"value": 2.5}}, "value=2.5"),
        ({"text": "a", "note": "plain"}, 'note="plain"'),
        ({"text": "a", "note": {"value": "plain", "mediaType": "text/plain"}}, 'note="plain"'),
        ({"text": "a", "note": {"value": "cGxhaW4=", "encoding": "base64"}}, 'note="plain"'),
    ],
)
def test_an_input_is_taken_by_value(post: Post, inputs: dict[str, Any], shown: str) -> None:
    assert any(shown in item for item in received(post(inputs, outputs=RECEIVED)))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({}, "text"),
        ({"text": None}, "text"),
        ({"text": 1}, "text"),
        ({"text": ["a", "b"]}, "text"),
        ({"text": {"any": "thing"}}, "text"),
        ({"text": "a", "numbers": "one"}, "numbers"),
        ({"text": "a", "numbers": [1, "two"]}, "numbers"),
        ({"text": "a", "numbers": {"value": {}}}, "numbers"),
        ({"text": "a", "area": {"bbox": [5, 45, 10]}}, "area"),
        ({"text": "a", "area": {"bbox": ["5", "45", "10", "47"]}}, "area"),
        ({"text": "a", "area": [5, 45, 10, 47]}, "area"),
        ({"text": "a", "value": True}, "value"),
        ({"text": "a", "value": []}, "value"),
        ({"text": "a", "pause": 3601}, "pause"),
        ({"text": "a", "pause": "long"}, "pause"),
        ({"text": "a", "note": {"value": "a", "mediaType": "text/html"}}, "note"),
        ({"text": "a", "note": {"value": "not base64!", "encoding": "base64"}}, "note"),
        ({"text": "a", "unknown": 1}, "unknown"),
    ],
)
def test_a_wrong_input_is_400_and_named(
    server: Server, post: Post, valid: Valid, wrong: dict[str, Any], named: str
) -> None:
    before = requests.get(f"{server.url}/jobs", timeout=120).json()["numberMatched"]
    answer = post(wrong)
    assert answer.status_code == 400
    valid("exception", answer.json())
    assert f"'{named}'" in answer.json()["detail"]
    assert requests.get(f"{server.url}/jobs", timeout=120).json()["numberMatched"] == before, (
        "no job was made"
    )


@pytest.fixture(scope="module")
def raster(server: Server) -> dict[str, Any]:
    """A raster by value, as the definition's example of ndvi has it."""
    paths = requests.get(f"{server.url}/openapi", timeout=120).json()["paths"]
    content = paths["/processes/ndvi/execution"]["post"]["requestBody"]["content"]["application/json"]
    found: dict[str, Any] = content["example"]["inputs"]["red"]
    return found


def test_an_input_that_may_be_repeated_is_one_value_or_several(post: Post, raster: dict[str, Any]) -> None:
    bare = raster["value"]
    for rasters, expression in [
        (raster, "r1"), ([raster], "r1"), (bare, "r1"), ([bare], "r1"), ([raster, bare], "r1 - r2"),
    ]:  # fmt: skip
        answer = post({"rasters": rasters, "expression": expression}, process="raster-calculator")
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith("image/tiff")


@pytest.mark.parametrize("count", [0, 17])
def test_more_or_fewer_values_than_allowed_are_400(post: Post, raster: dict[str, Any], count: int) -> None:
    answer = post({"rasters": [raster] * count, "expression": "1"}, process="raster-calculator")
    assert answer.status_code == 400
    assert "'rasters'" in answer.json()["detail"]


@pytest.mark.parametrize("media_type", ["application/json", "application/x-netcdf", "text/plain"])
def test_another_media_type_than_the_inputs_own_is_400(
    post: Post, raster: dict[str, Any], media_type: str
) -> None:
    wrong = {**raster, "mediaType": media_type}
    answer = post({"red": wrong, "nir": raster}, process="ndvi")
    assert answer.status_code == 400
    assert "'red'" in answer.json()["detail"]


# -- inputs by reference ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path", "type_", "shown"),
    [
        ("text", "/text", "text/plain", 'text="from far away"'),
        ("text", "/text", None, 'text="from far away"'),
        ("text", "/text.json", "application/json", 'text="from far away"'),
        ("numbers", "/numbers", "application/json", "numbers=[1, 2, 3]"),
        ("area", "/area", "application/json", 'area={"bbox": [5, 45, 10, 47]}'),
        ("note", "/text", "text/plain", 'note="from far away"'),
    ],
)
def test_an_input_is_taken_by_reference(
    post: Post, world: World, name: str, path: str, type_: str | None, shown: str
) -> None:
    reference = {"href": f"{world.url}{path}", **({"type": type_} if type_ else {})}
    inputs = {"text": "a", name: reference}
    assert shown in received(post(inputs, outputs=RECEIVED))


def test_a_media_type_that_the_input_does_not_take_is_400(post: Post, world: World) -> None:
    answer = post({"text": "a", "note": {"href": f"{world.url}/page", "type": "text/html"}})
    assert answer.status_code == 400
    assert "text/plain" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("name", "path"), [("numbers", "/words"), ("text", "/missing"), ("area", "/numbers")]
)
def test_what_lies_there_is_checked_as_an_inline_value_is(
    post: Post, world: World, name: str, path: str
) -> None:
    answer = post({"text": "a", name: {"href": f"{world.url}{path}"}})
    assert answer.status_code == 400
    assert f"'{name}'" in answer.json()["detail"]


@pytest.mark.parametrize(
    "href", ["http://127.0.0.1:9/x", "http://10.0.0.1/x", "file:///etc/passwd", "ftp://a/b", ""]
)
def test_what_may_not_be_fetched_is_400(post: Post, href: str) -> None:
    assert post({"text": {"href": href}}).status_code == 400


# -- the forms of a synchronous answer --------------------------------------------------------------------


def test_raw_and_one_value_is_the_value_itself(post: Post) -> None:
    answer = post({"text": "héllo"}, outputs={"text": {}}, response="raw")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.content.decode() == "héllo"


@pytest.mark.parametrize(
    "members",
    [{}, {"response": "raw"}, {"outputs": {}}, {"outputs": {"text": {}, "received": {}, "value": {}}}],
)
def test_raw_and_several_values_is_multipart_from_the_first_byte_on(
    post: Post, members: dict[str, Any]
) -> None:
    answer = post({"text": "héllo"}, **members)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("multipart/related")
    assert answer.content.startswith(b"--")
    found = parts(answer)
    assert list(found) == ["text", "received", "value"]
    assert found["text"].get_content_type() == "text/plain"
    assert found["text"].get_payload(decode=True) == "héllo".encode()
    assert found["received"].get_content_type() == "application/json"


def test_raw_and_all_by_reference_is_204_with_links(post: Post) -> None:
    by_reference = {"transmissionMode": "reference"}
    answer = post({"text": "a"}, outputs={"text": by_reference, "received": by_reference})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.links.keys() == {"text", "received"}
    assert requests.get(answer.links["text"]["url"], timeout=120).text == "a"


def test_raw_and_mixed_is_multipart_with_a_location_in_place_of_content(post: Post) -> None:
    outputs = {"text": {"transmissionMode": "value"}, "received": {"transmissionMode": "reference"}}
    found = parts(post({"text": "a"}, outputs=outputs))
    assert found["text"].get_payload(decode=True) == b"a"
    assert found["received"].get_payload(decode=True) == b""
    assert requests.get(str(found["received"]["Content-Location"]), timeout=120).json() == ['text="a"']


def test_document_holds_each_value(post: Post, valid: Valid) -> None:
    answer = post({"text": "a"}, response="document")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    valid("results", answer.json())
    assert answer.json() == {"text": "a", "received": ['text="a"'], "value": ""}


def test_document_holds_a_link_where_a_reference_was_asked_for(post: Post, valid: Valid) -> None:
    answer = post({"text": "a"}, outputs={"text": {"transmissionMode": "reference"}}, response="document")
    valid("results", answer.json())
    assert answer.json().keys() == {"text"}
    assert requests.get(answer.json()["text"]["href"], timeout=120).text == "a"


def test_no_link_header_comes_with_a_synchronous_200(post: Post) -> None:
    for response in ("raw", "document"):
        assert "Link" not in post({"text": "a"}, response=response).headers


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"outputs": {"nothing": {}}}, "nothing"),
        ({"outputs": {"text": {"transmissionMode": "pigeon"}}}, "transmissionMode"),
        ({"outputs": {"text": {"format": {"mediaType": 7}}}}, "format"),
        ({"outputs": ["text"]}, "outputs"),
        ({"response": "both"}, "response"),
        ({"response": 7}, "response"),
        ({"subscriber": {"successUri": "nowhere"}}, "successUri"),
    ],
)
def test_another_member_that_is_wrong_is_400_and_named(
    post: Post, valid: Valid, members: dict[str, Any], named: str
) -> None:
    answer = post({"text": "a"}, **members)
    assert answer.status_code == 400
    valid("exception", answer.json())
    assert f"'{named}'" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '"text"', "5", '{"inputs": []}', '{"inputs": null}', "NaN"]
)
def test_a_body_that_is_no_request_is_400(server: Server, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = requests.post(f"{server.url}/processes/echo/execution", data=body, headers=headers, timeout=120)
    assert answer.status_code == 400


@pytest.mark.parametrize("headers", [{"Content-Type": "text/plain"}, {"Content-Encoding": "gzip"}])
def test_a_body_that_is_no_plain_json_is_415(server: Server, headers: dict[str, str]) -> None:
    url = f"{server.url}/processes/echo/execution"
    body = '{"inputs": {"text": "a"}}'
    assert requests.post(url, data=body, headers=headers, timeout=120).status_code == 415


# -- synchronous, or not ----------------------------------------------------------------------------------


def test_without_preference_it_is_synchronous_and_a_job_all_the_same(server: Server, post: Post) -> None:
    answer = post({"text": "remembered"}, outputs={"text": {}})
    assert (answer.status_code, answer.text) == (200, "remembered")
    newest = requests.get(f"{server.url}/jobs?limit=1", timeout=120).json()["jobs"][0]
    assert (newest["processID"], newest["status"]) == ("echo", "successful")
    assert requests.get(f"{server.url}/jobs/{newest['jobID']}/results", timeout=120).text == "remembered"


@pytest.mark.parametrize(
    "prefer",
    [
        "respond-async",
        "Respond-Async",
        " foo=bar ,respond-async;x",
        'a="b,c", respond-async',
        "respond-async=",
    ],
)
def test_respond_async_is_201_with_location_and_status(
    server: Server, post: Post, valid: Valid, prefer: str
) -> None:
    answer = post({"text": "a"}, prefer=prefer.strip())
    assert answer.status_code == 201
    document = answer.json()
    valid("statusInfo", document)
    assert answer.headers["Location"] == f"{server.url}/jobs/{document['jobID']}"
    assert answer.headers["Preference-Applied"] == "respond-async"
    server.finished(document["jobID"])


@pytest.mark.parametrize(
    "prefer", ["respond-sync", "return=minimal", "wait=x", "respond-asynchronously", ",,,", "=;"]
)
def test_another_preference_changes_nothing(post: Post, prefer: str) -> None:
    answer = post({"text": "a"}, prefer=prefer, outputs={"text": {}})
    assert (answer.status_code, answer.text) == (200, "a")


def test_wait_answers_with_the_results_if_they_are_there_in_time(post: Post) -> None:
    answer = post({"text": "a"}, prefer="respond-async, wait=20", outputs={"text": {}})
    assert (answer.status_code, answer.text) == (200, "a")


def test_wait_answers_with_the_job_if_they_are_not(server: Server, post: Post) -> None:
    answer = post({"text": "a", "pause": 30}, prefer="respond-async, wait=0", outputs={"text": {}})
    assert answer.status_code == 201
    assert server.dismiss(answer.json()["jobID"]).status_code == 200


@pytest.mark.parametrize("value", ["a", "2.5", 2.5, 3])
def test_an_output_of_mixed_type_comes_back_as_it_came(post: Post, valid: Valid, value: str | float) -> None:
    answer = post({"text": "a", "value": value}, response="document", outputs={"value": {}})
    valid("results", answer.json())
    assert answer.json() == {"value": value}
