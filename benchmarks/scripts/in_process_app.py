"""What a synchronous call costs at the least: Flask, and the echo algorithm called in its own process."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flask import Flask, Response, jsonify, request

ECHO = Path(__file__).resolve().parents[2] / "processes" / "echo" / "algorithm.py"


def load() -> Any:
    """The algorithm's module."""
    spec = importlib.util.spec_from_file_location("echo_algorithm", ECHO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


app = Flask("in_process")
echo = load()
context = SimpleNamespace(progress=lambda *_: None, log=logging.getLogger(__name__))


@app.get("/livez")
def livez() -> Response:
    """Whether it is there."""
    return jsonify(status="ok")


@app.post("/processes/echo/execution")
def execute() -> Response:
    """Run it."""
    return jsonify(echo.run(**request.get_json()["inputs"], context=context))
