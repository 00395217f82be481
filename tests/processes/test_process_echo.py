from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    from tests.processes.conftest import FakeContext

PROCESS = "echo"


def test_the_text_comes_back_first(algorithm: ModuleType, context: FakeContext) -> None:
    result = algorithm.run("Grüße\n", context=context)
    assert list(result) == ["text", "received", "value"]
    assert result == {"text": "Grüße\n", "received": ['text="Grüße\\n"'], "value": ""}


@pytest.mark.parametrize("value", ["a", "2.5", 2.5, 3, 0, ""])
def test_a_value_of_mixed_type_comes_back_as_it_came(
    algorithm: ModuleType, context: FakeContext, value: str | float
) -> None:
    returned = algorithm.run("a", value=value, context=context)["value"]
    assert (returned, type(returned)) == (value, type(value))


def test_everything_that_was_given_is_told(algorithm: ModuleType, context: FakeContext) -> None:
    box = {"bbox": [1, 2, 3, 4]}
    result = algorithm.run("a", pause=0, numbers=[1, 2], area=box, value=2.5, note="n", context=context)
    told = dict(line.split("=", 1) for line in result["received"])
    assert {name: json.loads(text) for name, text in told.items()} == {
        "text": "a",
        "pause": 0,
        "numbers": [1, 2],
        "area": box,
        "value": 2.5,
        "note": "n",
    }


def test_a_pause_takes_its_time_and_tells_of_it(
    algorithm: ModuleType, context: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr(algorithm, "time", clock)
    algorithm.run("a", pause=0.5, context=context)
    assert sum(slept) == pytest.approx(0.5)
    assert len(context.seen) >= 2
    assert context.seen == sorted(context.seen)


@pytest.fixture
def declared(examples: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((examples.parent / "process.yml").read_text())
    return loaded


def test_it_is_what_the_official_suite_wants(declared: dict[str, Any]) -> None:
    inputs, outputs = declared["inputs"], declared["outputs"]
    first, *rest = inputs
    assert inputs[first]["schema"] == {"type": "string"}
    assert "minOccurs" not in inputs[first]
    assert first in outputs
    assert len(outputs) >= 2
    assert all(inputs[name]["minOccurs"] == 0 for name in rest)
    assert inputs["pause"]["schema"]["type"] == "number"
    assert inputs["pause"]["schema"]["maximum"] == 3600
    assert any(item["schema"] == {"type": "array", "items": {"type": "integer"}} for item in inputs.values())
    assert any(item["schema"] == "bbox" for item in inputs.values())
    mixed = {"oneOf": [{"type": "string"}, {"type": "number"}]}
    assert any(item["schema"] == mixed for item in inputs.values())
    assert outputs["value"]["schema"] == mixed
    media = [item["schema"] for item in inputs.values() if "contentMediaType" in item["schema"]]
    assert [schema["type"] for schema in media] == ["string"]


def keys(value: object) -> Iterator[str]:
    """Every key of a nested value."""
    if isinstance(value, dict):
        yield from value
        for member in value.values():
            yield from keys(member)
    if isinstance(value, list):
        for member in value:
            yield from keys(member)


def test_it_holds_nothing_that_the_official_suite_stumbles_over(declared: dict[str, Any]) -> None:
    forbidden = {"const", "examples", "$ref", "exclusiveMinimum", "exclusiveMaximum", "format"}
    used = set(keys([declared["inputs"], declared["outputs"]]))
    assert not used & forbidden
    assert not any(key.startswith("x-") for key in used)
    schemas = [item["schema"] for item in declared["inputs"].values()]
    assert not any(isinstance(schema, dict) and schema.get("type") == "object" for schema in schemas)
