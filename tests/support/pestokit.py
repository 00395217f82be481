"""A PESTO project of our own, written by code: a folder for each way in which one can be made, or be wrong."""

from __future__ import annotations

import json
import textwrap
from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

DESCRIPTION: dict[str, Any] = {
    "title": "Brighten",
    "name": "brighten",
    "version": "2.1.0",
    "family": "radiometry",
    "description": "Adds to every pixel.",
    "organization": "example",
    "email": "geo@example.org",
    "keywords": ["image"],
    "resources": {"cpu": 2, "gpu": 0, "ram": 3, "static_memory": "1GB"},
    "asynchronous": False,
}
INPUTS: dict[str, Any] = {
    "scene": {"$ref": "#/definitions/Image", "description": "What is brightened"},
    "others": {"$ref": "#/definitions/Images"},
    "offset": {"type": "integer", "description": "Added to every pixel"},
    "style": {"$ref": "#/definitions/style"},
    "window": {
        "type": "object",
        "properties": {"left": {"type": "integer"}, "inner": {"type": "object", "properties": {"a": {}}}},
    },
    "footprint": {"$ref": "#/definitions/Polygon"},
    "required": ["scene"],
}
OUTPUTS: dict[str, Any] = {
    "bright": {"$ref": "#/definitions/Image"},
    "tiles": {"$ref": "#/definitions/Images"},
    "seen": {"$ref": "#/definitions/Metadata"},
    "mean": {"type": "number"},
    "note": {"type": "string"},
}
DEFINITIONS: dict[str, Any] = {
    "style": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "of": {"$ref": "#/definitions/palette"}},
    },
    "palette": {"enum": ["grey", "blue"], "$schema": "http://json-schema.org/draft-06/schema#"},
}
BY_NAME = """
import numpy as np


class Process:
    def on_start(self):
        self.started = getattr(self, "started", 0) + 1

    def process(self, scene, others, offset, style, window, footprint):
        seen = {
            "started": self.started,
            "shape": list(scene.shape),
            "dtype": scene.dtype.name,
            "others": None if others is None else [other.shape[1] for other in others],
            "offset": offset,
            "style": style,
            "window": window,
            "footprint": footprint,
        }
        bright = scene + (offset or 0)
        tiles = [np.full((4, 5), number, "uint8") for number in range(12)]
        return {
            "bright": bright.astype(scene.dtype),
            "tiles": tiles,
            "seen": seen,
            "mean": scene.mean(),
            "note": None,
        }
"""
BY_CLASS = """
from algorithm.input_output import Input, Output


class Process:
    def process(self, input: Input) -> Output:
        return Output(bright=input.scene, seen={"offset": input.offset, "others": input.others})
"""
INPUT_OUTPUT = """
from dataclasses import dataclass

from pesto.cli.fields import Definition, definition, field, user_definition


@dataclass
class Input:
    scene: object = definition(Definition.Image, required=True, description="What is brightened")
    others: object = definition(Definition.Images, default=None)
    offset: int = field("Added to every pixel", default=None)
    style: object = user_definition("style", default=None)
    window: object = field(default=None)
    footprint: object = definition(Definition.Polygon, default=None)


@dataclass
class Output:
    bright: object = definition(Definition.Image)
    tiles: object = definition(Definition.Images, default=None)
    seen: object = definition(Definition.Metadata, default=None)
    mean: float = field(default=None)
    note: str = field(default=None)
"""


def project_files() -> dict[str, Any]:
    """The JSON files below ``pesto/``, to be changed before they are written."""
    files = {
        "api/description.json": DESCRIPTION,
        "api/description.stateful.json": {
            "description": "Adds, later.",
            "asynchronous": True,
            "resources": {"ram": 9},
        },
        "api/input_schema.json": INPUTS,
        "api/output_schema.json": OUTPUTS,
        "api/user_definitions.json": DEFINITIONS,
        "api/config.json": {"zoom": [16], "padding": 0},
        "api/config_schema.json": {
            "$schema": "http://json-schema.org/draft-06/schema#",
            "type": "object",
            "required": ["padding"],
            "properties": {"padding": {"type": "number", "maximum": 256}},
        },
        "api/version.json": {"version": "2.1.0", "commit": "abc"},
        "build/build.json": {"name": "brighten", "version": "2.1.0"},
        "build/requirements.json": {"environments": {}, "requirements": {}, "dockerBaseImage": "python:3.12"},
    }
    return deepcopy(files)


def write_project(
    folder: Path, files: dict[str, Any] | None = None, code: str = BY_NAME, classes: str | None = None
) -> Path:
    """Write a project; a file whose content is text is written as it is, one that is None is left out."""
    for name, content in (project_files() if files is None else files).items():
        path = folder / "pesto" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
    module = folder / "algorithm"
    module.mkdir(parents=True, exist_ok=True)
    (module / "process.py").write_text(textwrap.dedent(code).lstrip())
    if classes is not None:
        (module / "input_output.py").write_text(classes.lstrip())
    return folder
