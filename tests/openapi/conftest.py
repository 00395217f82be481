"""Processes of every shape that the documents have to describe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dragoman.model.process import InputSpec, OutputSpec, Process, Runtime
from dragoman.schemas.forms import expand

if TYPE_CHECKING:
    from collections.abc import Mapping


def put(id: str, schema: str | Mapping[str, Any], **more: Any) -> InputSpec:
    expanded, word = expand(schema)
    return InputSpec(id=id, schema=expanded, shorthand=word, **more)


def out(id: str, schema: str | Mapping[str, Any], **more: Any) -> OutputSpec:
    expanded, word = expand(schema)
    return OutputSpec(id=id, schema=expanded, shorthand=word, **more)


def make(id: str, inputs: list[InputSpec], outputs: list[OutputSpec], **more: Any) -> Process:
    arguments: dict[str, Any] = {"version": "1.0.0", "runtime": Runtime(form="native", folder="/x")} | more
    arguments["inputs"] = {spec.id: spec for spec in inputs}
    arguments["outputs"] = {spec.id: spec for spec in outputs}
    return Process(id=id, **arguments)


@pytest.fixture
def catalogue() -> list[Process]:
    numbers = {"type": "array", "items": {"type": "integer"}}
    words = {"type": "string", "enum": ["mean", "sum"], "default": "mean"}
    statistics = {"type": "object", "properties": {"mean": {"type": ["number", "null"]}}}
    rasters = [put("red", "raster"), put("nir", "raster")]
    zones = [put("zones", "features"), put("how", words, max_occurs=None)]
    zones.append(put("one", {"type": "integer", "default": 3}, min_occurs=0))
    echo = [
        put("text", {"type": "string"}, title="Text", description="Comes back."),
        put("pause", {"type": "number", "exclusiveMinimum": 0}, min_occurs=0),
        put("numbers", numbers, min_occurs=0),
        put("area", "bbox", min_occurs=0),
        put("value", {"oneOf": [{"type": "string"}, {"type": "number"}]}, min_occurs=0),
    ]
    return [
        make("echo", echo, [out("text", {"type": "string"})], example={"inputs": {"text": "hello"}}),
        make("ndvi", rasters, [out("ndvi", "raster"), out("s", statistics)]),
        make("raster-calculator", [put("rasters", "raster", max_occurs=16)], [out("result", "raster")]),
        make("zones", zones, [out("zones", "features")]),
        make("output", [put("dataset", "netcdf")], [out("result", "netcdf")], modes=("async",)),
        make("HelloWorld", [], [out("echo", {"type": "object"})], outputs_checked=False),
        make("hello-world", [], [out("echo", {})]),
    ]
