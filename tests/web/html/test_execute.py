from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.web.html import execute

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@given(TEXTS, TEXTS)
def test_the_command_carries_the_request_whatever_is_in_it(process_id: str, text: str) -> None:
    request = {"inputs": {"echo": text}}
    words = shlex.split(execute.curl("http://localhost:5000", process_id, request).replace(" \\\n", " "))
    assert words[:3] == ["curl", "-X", "POST"]
    assert json.loads(words[-1]) == request


def test_an_asynchronous_command_says_so() -> None:
    command = execute.curl("http://localhost:5000/", "echo", {}, asynchronous=True)
    assert "http://localhost:5000/processes/echo/execution" in command
    assert "'Prefer: respond-async'" in command


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "default": "a"}, "a"),
        ({"type": "string", "enum": ["b", "c"]}, "b"),
        ({"type": "integer"}, 1),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"oneOf": [{"type": "number"}, {"type": "string"}]}, 1.5),
        ({"type": "string", "contentMediaType": "image/tiff"}, {"href": "https://example.org/input"}),
        ({"allOf": [{"format": "ogc-bbox"}, {"type": "object"}]}, {"bbox": [5.9, 45.8, 10.5, 47.8]}),
        (None, "text"),
        ({}, "text"),
    ],
)
def test_an_input_gets_a_plausible_value(schema: Any, value: Any) -> None:
    description = {"inputs": {"a": {"schema": schema}, "b": {"schema": schema, "minOccurs": 0}}}
    assert execute.request_of(description) == {"inputs": {"a": value}}


def test_an_input_of_several_values_gets_several() -> None:
    description = {"inputs": {"a": {"schema": {"type": "integer"}, "minOccurs": 3}}}
    assert execute.request_of(description) == {"inputs": {"a": [1, 1, 1]}}
