"""Jobs as ncdjango's clients start and poll them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from openapi_answers import ApiDocument
from tests.adapters.ncdjango.job_server import Server

from dragoman.model.job import Output

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient
    from tests.adapters.conftest import NewEngine
    from werkzeug.test import TestResponse

    from dragoman.model.job import Job

JOBS = "/geoprocessing/rest/jobs/"
KEYS = ["uuid", "job", "created", "status", "inputs", "outputs"]
SENT = '{"int1": 3,  "int2": 5}'


@pytest.fixture
def server(tmp_path: Path, new_engine: NewEngine) -> Server:
    return Server(tmp_path, new_engine)


@pytest.fixture
def client(server: Server) -> FlaskClient:
    return server.client()


def post(client: FlaskClient, job: str, inputs: Any, **more: Any) -> TestResponse:
    response = client.post(JOBS, json={"job": job, "inputs": inputs}, **more)
    ApiDocument("ncdjango").check(response, JOBS)
    return response


def outputs(response: TestResponse) -> Any:
    assert isinstance(response.json["outputs"], str)  # type: ignore[index]  # an object
    return json.loads(response.json["outputs"])  # type: ignore[index]  # as above


WAYS: list[tuple[dict[str, Any], str]] = [
    ({"json": {"job": "sum_numbers", "inputs": SENT}}, SENT),
    ({"json": {"job": "sum_numbers", "inputs": json.dumps(SENT)}}, json.dumps(SENT)),
    ({"json": {"job": "sum_numbers", "inputs": {"int1": 3, "int2": 5}}}, '{"int1": 3, "int2": 5}'),
    ({"data": {"job": "sum_numbers", "inputs": SENT}}, SENT),
    ({"data": {"job": "sum_numbers", "inputs": json.dumps(SENT)}}, json.dumps(SENT)),
    ({"data": {"job": "sum_numbers", "inputs": SENT, "csrfmiddlewaretoken": "abc"}}, SENT),
    (
        {"data": {"job": "sum_numbers", "inputs": SENT}, "content_type": "multipart/form-data; boundary=x"},
        SENT,
    ),
    ({"data": json.dumps({"job": "sum_numbers", "inputs": SENT}), "content_type": ""}, SENT),
]


@pytest.mark.parametrize("slash", ["/", ""])
@pytest.mark.parametrize(("body", "sent"), WAYS)
def test_inputs_come_in_many_ways_and_are_given_back_as_they_were_sent(
    client: FlaskClient, body: dict[str, Any], sent: str, slash: str
) -> None:
    response = client.post(f"/geoprocessing/rest/jobs{slash}", **body)
    assert response.status_code == 201, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Allow"] == "POST, OPTIONS"
    assert "Location" not in response.headers
    document = response.json
    assert list(document) == KEYS  # type: ignore[arg-type]  # an object
    assert document["job"] == "sum_numbers"  # type: ignore[index]
    assert document["inputs"] == sent  # type: ignore[index]
    again = client.get(f"/geoprocessing/rest/jobs/{document['uuid']}{slash}")  # type: ignore[index]
    assert again.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert list(again.json) == KEYS  # type: ignore[arg-type]
    assert again.json["status"] == "success"  # type: ignore[index]
    assert again.json["outputs"] == '{"sum": 8}'  # type: ignore[index]


def test_a_job_that_ends_at_once_has_ended_in_the_answer_to_its_post(client: FlaskClient) -> None:
    """Clients ask at once and then every second: what they get at once is to be the end."""
    assert post(client, "sum_numbers", SENT).json | {"uuid": "", "created": ""} == {  # type: ignore[operator]
        "uuid": "",
        "job": "sum_numbers",
        "created": "",
        "status": "success",
        "inputs": SENT,
        "outputs": '{"sum": 8}',
    }
    failed = post(client, "fail", '{"msg": "boo"}')
    assert failed.status_code == 201
    assert failed.json["status"] == "failure"  # type: ignore[index]
    assert failed.json["message"] == "ValueError: boo"  # type: ignore[index]


def test_a_post_does_not_wait_where_no_more_calls_may_wait(server: Server, client: FlaskClient) -> None:
    while server.services.slots.enter():
        pass
    response = post(client, "sum_numbers", SENT)
    assert response.status_code == 201
    assert response.json["status"] == "pending"  # type: ignore[index]
    assert outputs(response) == {}


def test_a_job_that_takes_longer_is_not_waited_for(client: FlaskClient) -> None:
    response = post(client, "slow", '{"text": "x"}')
    assert response.status_code == 201
    assert response.json["status"] == "pending"  # type: ignore[index]


def test_the_form_of_the_documentation_with_csrf(client: FlaskClient) -> None:
    client.set_cookie("csrftoken", "abc")
    response = client.post(JOBS, data={"job": "sum_numbers", "inputs": SENT}, headers={"X-CSRFToken": "abc"})
    assert response.status_code == 201


def test_a_page_of_another_origin_may_send_the_header(client: FlaskClient) -> None:
    asked = {
        "Origin": "http://localhost:5000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, x-csrftoken",
    }
    response = client.options(JOBS, headers=asked)
    assert "X-CSRFToken" in response.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("form", [False, True])
def test_inputs_may_be_longer_than_flask_lets_a_field_be(client: FlaskClient, form: bool) -> None:
    long = json.dumps({"string": "x" * 1_500_000})
    body = {"job": "typed", "inputs": long}
    part = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    whole = "".join(part.format(*each) for each in body.items()) + "--x--\r\n"
    kinds: list[dict[str, Any]] = [
        {"data": body},
        {"data": whole.encode(), "content_type": "multipart/form-data; boundary=x"},
    ]
    for options in kinds if form else [{"json": body}]:
        response = client.post(JOBS, **options)
        assert response.status_code == 201
        assert response.json["inputs"] == long  # type: ignore[index]


def test_a_body_beyond_the_servers_limit_is_413(client: FlaskClient) -> None:
    response = client.post(JOBS, data={"job": "typed", "inputs": "x" * 4_000_000})
    assert response.status_code == 413
    assert response.json.keys() == {"detail"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"job": ["This field is required."], "inputs": ["This field is required."]}),
        ({"inputs": "{}"}, {"job": ["This field is required."]}),
        ({"job": "sum_numbers"}, {"inputs": ["This field is required."]}),
        ({"job": "nope", "inputs": "{}"}, {"job": ["Invalid job name"]}),
        ({"job": "sum", "inputs": "{}"}, {"job": ["Invalid job name"]}),
        ({"job": None, "inputs": "{}"}, {"job": ["This field may not be null."]}),
        ({"job": " ", "inputs": "{}"}, {"job": ["This field may not be blank."]}),
        ({"job": ["sum_numbers"], "inputs": "{}"}, {"job": ["Not a valid string."]}),
        ({"job": "sum_numbers", "inputs": "{bad"}, {"inputs": ["Invalid input JSON"]}),
        (
            {"job": "sum_numbers", "inputs": "[1, 2]"},
            {"inputs": ["Invalid input JSON: [1, 2]; allowed: an object with the inputs by name"]},
        ),
        (
            {"job": "sum_numbers", "inputs": '{"int1": 3}'},
            {"non_field_errors": ["Missing task inputs: int2"]},
        ),
        ({"job": "sum_numbers", "inputs": None}, {"non_field_errors": ["Missing task inputs: int1,int2"]}),
        ({"job": "sum_numbers", "inputs": ""}, {"non_field_errors": ["Missing task inputs: int1,int2"]}),
        (
            {"job": "sum_numbers", "inputs": {"int1": "x", "int2": 1}},
            {"inputs": ['int1: got "x"; allowed: an integer']},
        ),
        (
            {"job": "double", "inputs": {"data": [1, 2, 3]}},
            {
                "inputs": [
                    "data: got [1, 2, 3]; allowed: service://name, service://name:variable@seconds, "
                    "or the URL of a raster"
                ]
            },
        ),
        (
            [],
            {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]},
        ),
    ],
)
def test_errors_of_fields(client: FlaskClient, body: Any, errors: Any) -> None:
    response = client.post(JOBS, json=body)
    assert response.status_code == 400
    assert response.json == errors
    ApiDocument("ncdjango").check(response, JOBS)


def test_an_unknown_input_is_named(client: FlaskClient) -> None:
    response = post(client, "sum_numbers", {"int1": 1, "int2": 2, "int3": 3})
    assert response.status_code == 400
    assert response.json == {"inputs": ["int3: unknown input; allowed: int1, int2"]}


@pytest.mark.parametrize(
    "reference", ["service://nowhere", "service://", "service://a@abc", "ftp://host/a.tif"]
)
def test_a_reference_that_is_none_is_the_fields_error(client: FlaskClient, reference: str) -> None:
    response = post(client, "double", {"data": reference})
    assert response.status_code == 400
    ((message,),) = response.json.values()  # type: ignore[union-attr]
    assert message.startswith("data: ")


@pytest.mark.parametrize(
    ("method", "path", "status", "detail", "allow"),
    [
        ("GET", JOBS, 405, 'Method "GET" not allowed.', {"POST", "OPTIONS"}),
        ("DELETE", JOBS, 405, 'Method "DELETE" not allowed.', {"POST", "OPTIONS"}),
        ("PUT", f"{JOBS}x/", 405, 'Method "PUT" not allowed.', {"GET", "HEAD", "OPTIONS"}),
        (
            "GET",
            f"{JOBS}aa346c90-68e5-4d19-a7f3-a54f6b87ec34/",
            404,
            "No ProcessingJob matches the given query.",
            None,
        ),
        ("GET", f"{JOBS}whatever", 404, "No ProcessingJob matches the given query.", None),
        ("GET", "/geoprocessing/rest/other/", 404, "Not found.", None),
    ],
)
def test_details(
    client: FlaskClient, method: str, path: str, status: int, detail: str, allow: set[str] | None
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == status
    assert response.json == {"detail": detail}
    assert response.headers["Content-Type"] == "application/json"
    if allow is not None:
        assert set(response.headers["Allow"].split(", ")) == allow


def test_another_type_of_body_and_a_body_that_is_no_json(client: FlaskClient) -> None:
    response = client.post(JOBS, data="hello", content_type="text/plain")
    assert response.status_code == 415
    assert response.json == {"detail": 'Unsupported media type "text/plain" in request.'}
    response = client.post(JOBS, data="{bad", content_type="application/json")
    assert response.status_code == 400
    assert response.json["detail"].startswith("JSON parse error - ")  # type: ignore[index]


def test_options_tell_what_is_there(client: FlaskClient) -> None:
    response = client.options(JOBS)
    assert response.status_code == 200
    assert response.headers["Allow"] == "POST, OPTIONS"
    assert response.json["renders"] == ["application/json"]  # type: ignore[index]


CLEANED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"string": 5}, {"string": "5"}),
    ({"number": "3.0"}, {"number": 3}),
    ({"number": "3.5"}, {"number": 3.5}),
    ({"int": 3.9}, {"int": 3}),
    ({"int": True}, {"int": 1}),
    ({"int": "5.0"}, {"int": 5}),
    ({"bool": "False"}, {"bool": False}),
    ({"bool": "no"}, {"bool": True}),
    ({"bool": 0}, {"bool": False}),
    ({"dict": {"a": 1}}, {"dict": {"a": 1}}),
    ({"dict": [1]}, {"dict": [1]}),
    ({"list": "7"}, {"list": [7]}),
    ({"list": ["7", 8.5]}, {"list": [7, 8]}),
    ({"multiple": "7"}, {"multiple": 7}),
    ({"multiple": "seven"}, {"multiple": "seven"}),
    ({"any": {"a": [None]}}, {"any": {"a": [None]}}),
]


@pytest.mark.parametrize(("sent", "value"), CLEANED)
def test_values_are_cleaned_by_their_type(client: FlaskClient, sent: dict[str, Any], value: Any) -> None:
    response = post(client, "typed", sent)
    assert response.status_code == 201, response.text
    got = outputs(client.get(f"{JOBS}{response.json['uuid']}/"))["all"]  # type: ignore[index]
    assert got == {name: [each] for name, each in value.items()}
    assert type(next(iter(got.values()))[0]) is type(next(iter(value.values())))


@pytest.mark.parametrize(("sent", "values"), [("7", [7]), ([7, "8"], [7, 8])])
def test_a_single_value_is_a_list_of_one(client: FlaskClient, sent: Any, values: list[int]) -> None:
    response = post(client, "typed", {"several": sent})
    assert outputs(client.get(f"{JOBS}{response.json['uuid']}/"))["all"] == {"several": values}  # type: ignore[index]


def test_a_failed_job_says_why(client: FlaskClient) -> None:
    response = post(client, "fail", {"msg": "custom"})
    document = client.get(f"{JOBS}{response.json['uuid']}/").json  # type: ignore[index]
    assert list(document) == [*KEYS, "message"]  # type: ignore[arg-type]
    assert document["status"] == "failure"  # type: ignore[index]
    assert document["outputs"] == "{}"  # type: ignore[index]
    assert document["message"] == "ValueError: custom"  # type: ignore[index]


def test_states_have_celerys_words(server: Server, client: FlaskClient) -> None:
    job_id = post(client, "slow", {"text": "hello"}).json["uuid"]  # type: ignore[index]
    assert client.get(f"{JOBS}{job_id}/").json["status"] == "pending"  # type: ignore[index]
    client.delete(f"/jobs/{job_id}")
    assert client.get(f"{JOBS}{job_id}/").json["status"] == "revoked"  # type: ignore[index]


def test_outputs_are_json_in_which_nothing_is_infinite(client: FlaskClient) -> None:
    job_id = post(client, "values", {}).json["uuid"]  # type: ignore[index]
    assert outputs(client.get(f"{JOBS}{job_id}/")) == {
        "number": None,
        "few": [[1.5, None], [None, 2]],
        "many": f"http://localhost/jobs/{job_id}/results/many",
        "table": [[1, 2], [3, None]],
        "text": "wörter",
    }
    assert client.get(f"/jobs/{job_id}/results/many").json == [0] * 1000


def _raster(lists: Any) -> Any:
    def run(job: Job, folder: Path) -> dict[str, Output]:
        folder.mkdir(parents=True)
        (folder / "a.tif").write_bytes(b"II*")
        output = Output(
            id="result", media_type="image/tiff; application=geotiff", file="a.tif", size=3, lists=lists
        )
        return {"result": output}

    return run


@pytest.mark.parametrize(
    ("job", "lists", "value"),
    [
        ("double", None, "{id}/result"),
        ("plain_double", [[1.0, None]], [[1.0, None]]),
        ("plain_double", None, "http://localhost/jobs/{id}/results/result"),
    ],
)
def test_rasters_are_services_lists_or_urls(
    server: Server, client: FlaskClient, job: str, lists: Any, value: Any
) -> None:
    response = post(client, job, {"data": "https://example.org/a.tif"})
    assert response.status_code == 201, response.text
    job_id = response.json["uuid"]  # type: ignore[index]
    request = server.engine.get(job_id).request
    assert set(request.publish) == ({"result"} if job == "double" else set())
    assert request.outputs is not None
    assert request.outputs["result"].as_lists is (job == "plain_double")
    server.engine.finish(job_id, _raster(lists))
    expected = value.format(id=job_id) if isinstance(value, str) else value
    assert outputs(client.get(f"{JOBS}{job_id}/")) == {"result": expected}


def test_jobs_of_other_dialects_are_seen(client: FlaskClient) -> None:
    body = {"inputs": {"int1": 3, "int2": 5}}
    made = client.post("/processes/sum/execution", json=body, headers={"Prefer": "respond-async"})
    document = client.get(f"{JOBS}{made.json['jobID']}/").json  # type: ignore[index]
    assert document["job"] == "sum"  # type: ignore[index]
    assert document["inputs"] == '{"int1": 3, "int2": 5}'  # type: ignore[index]
    assert document["outputs"] == '{"sum": 8}'  # type: ignore[index]


def test_created_is_utc_with_microseconds(client: FlaskClient) -> None:
    created = post(client, "values", {}).json["created"]  # type: ignore[index]
    assert created.endswith("Z")
    assert len(created) in (20, 27)


def test_a_job_made_here_may_be_sent_again_in_ogcs_form(client: FlaskClient) -> None:
    job_id = post(client, "sum_numbers", SENT).json["uuid"]  # type: ignore[index]
    assert client.get(f"/jobs/{job_id}").json["processID"] == "sum"  # type: ignore[index]
