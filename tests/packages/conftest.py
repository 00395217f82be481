"""Packages made by code, and a context that keeps what it is told."""

from __future__ import annotations

import logging
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dragoman.model.process import Process
from dragoman.packages.native.loader import load_package

type MakePackage = Callable[..., Path]
type MakeProcess = Callable[..., Process]

MINIMAL = """
version: 1.0.0
inputs:
  name: {schema: {type: string}}
outputs:
  greeting: {schema: {type: string}}
"""
OUT = "{out: {schema: {}}}"
RUN = """
def run(name):
    return {"greeting": f"Hello {name}"}
"""


@dataclass(kw_only=True)
class FakeContext:
    """See dragoman.packages.program.WatchedContext."""

    scratch: Path
    job_id: str = "job"
    config: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("test"))
    told: list[tuple[float, str]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def progress(self, percent: float, message: str = "") -> None:
        self.told.append((percent, message))

    def notice(self, text: str) -> None:
        self.notices.append(text)

    @contextmanager
    def opening(self, input_id: str) -> Iterator[None]:
        self.opened.append(input_id)
        yield


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return FakeContext(scratch=scratch)


@pytest.fixture
def make_package(tmp_path: Path) -> MakePackage:
    """Writes a package folder: process.yml, algorithm.py, and further files by name."""

    def make(yml: str = MINIMAL, py: str = RUN, name: str = "demo", **files: str) -> Path:
        folder = tmp_path / name
        (folder / "examples").mkdir(parents=True, exist_ok=True)
        (folder / "process.yml").write_text(textwrap.dedent(yml).lstrip())
        (folder / "algorithm.py").write_text(textwrap.dedent(py).lstrip())
        for stem, text in files.items():
            (folder / "examples" / f"{stem}.yml").write_text(textwrap.dedent(text).lstrip())
        return folder

    return make


@pytest.fixture
def make_process(make_package: MakePackage) -> MakeProcess:
    """Writes and loads a package; ``inputs`` and ``outputs`` are YAML in flow style."""

    def make(
        inputs: str = "{}", outputs: str = "{out: {schema: {}}}", py: str = "def run(**_): ..."
    ) -> Process:
        return load_package(make_package(f"version: '1'\ninputs: {inputs}\noutputs: {outputs}\n", py))

    return make


@pytest.fixture(autouse=True)
def clean_imports() -> Iterator[None]:
    """A worker belongs to one package; a test puts back what loading changed."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.partition(".")[0] in ("algorithm", "neighbour", "mypkg"):
            del sys.modules[name]
