"""What R makes of JSON, as recorded, and what is meant by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.adapters.ccp.conftest import OWN, submit

from dragoman.adapters.ccp.tolerance import tolerated

if TYPE_CHECKING:
    from flask.testing import FlaskClient


@pytest.mark.parametrize(
    ("name", "sent", "meant"),
    [
        ("list", 1, [1]),
        ("list", "1", [1]),
        ("list", ["1", 2], [1, 2]),
        ("list", [], []),
        ("rows", [[1, 2], 3], [[1, 2], [3]]),
        ("rows", 3, [[3]]),
        ("several", 3, 3),
        ("several", ["3", 4], [3, 4]),
        ("number", "1e-07", 1e-07),
        ("number", " 2.5 ", 2.5),
        ("number", "abc", "abc"),
        ("number", "nan", "nan"),
        ("number", "9" * 50, "9" * 50),
        ("number", True, True),
        ("text", "5", "5"),
        ("thing", {"n": "5"}, {"n": 5}),
        ("thing", {"n": "x"}, {"n": "x"}),
        ("number", {"value": "5"}, {"value": 5}),
        ("number", {"href": "data:,5"}, {"href": "data:,5"}),
        ("nothing", {}, None),
    ],
)
def test_an_input_is_what_it_was_meant_to_be(name: str, sent: Any, meant: Any) -> None:
    assert tolerated({"inputs": {name: sent}}, OWN["numbers"]) == {"inputs": {name: meant}}


def test_an_empty_object_is_an_input_that_was_left_out() -> None:
    assert tolerated({"inputs": {"list": {}, "number": {}}}, OWN["numbers"]) == {"inputs": {}}


@pytest.mark.parametrize("empty", [{}, None])
def test_members_that_are_empty_are_left_out(empty: Any) -> None:
    body = {"inputs": empty, "outputs": empty, "response": empty, "subscriber": empty}
    assert tolerated(body, OWN["numbers"]) == {}


@pytest.mark.parametrize("body", [[], "x", 5, None])
def test_what_is_no_object_is_left_to_be_refused(body: Any) -> None:
    assert tolerated(body, OWN["numbers"]) == body


def test_a_request_whose_empty_members_httr_dropped_runs(client: FlaskClient) -> None:
    response = client.post("/ccp/processes/numbers/execution", json={"response": "raw"})
    assert response.status_code == 201


def test_it_holds_below_ccp_alone(client: FlaskClient) -> None:
    submit(client, "numbers", {"list": 1, "number": "5"})
    response = client.post("/processes/numbers/execution", json={"inputs": {"number": "5"}})
    assert response.status_code == 400
    assert response.get_json()["invalid-params"][0]["name"] == "number"


def test_what_fits_no_better_is_refused_as_it_was_sent(client: FlaskClient) -> None:
    response = client.post(
        "/ccp/processes/numbers/execution", json={"inputs": {"list": ["1", "abc"], "text": {}}}
    )
    assert response.status_code == 400
    problems = response.get_json()["invalid-params"]
    assert {problem["name"] for problem in problems} == {"list"}
    assert any("abc" in problem["reason"] for problem in problems)
