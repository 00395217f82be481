"""Annotations that can never work are told when the code is loaded; doubtful ones pass."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dragoman.errors import PackageError
from dragoman.packages.native.algorithm import load_algorithm

HEAD = """
import pathlib
import typing
import collections.abc

import numpy as np
import rasterio
import xarray as xr

import dragoman


"""
NUMBER = "{type: number}"


def load(make_process: Any, schema: str, annotation: str, form: str) -> None:
    run = f"def run(x: {annotation}): ...\n"
    if form == "class":
        run = f"class Algorithm:\n    def run(self, x: {annotation}): ...\n"
    repeated = ", maxOccurs: 3" if form == "repeated" else ""
    load_algorithm(make_process(f"{{x: {{schema: {schema}{repeated}}}}}", py=HEAD + run))


@pytest.mark.parametrize("form", ["function", "class"])
@pytest.mark.parametrize(
    ("schema", "annotation", "told"),
    [
        (
            "raster",
            "np.ndarray",
            "asks for numpy.ndarray, which is no form of an input; allowed: pathlib.Path",
        ),
        ("{}", "tuple[int, int]", "asks for tuple[int, int], which is no form of an input"),
        (NUMBER, "str", "asks for str, which no value of its schema (type: number) can become"),
        (NUMBER, "dragoman.Raster", "which no value of its schema (type: number) can become"),
        ("{type: integer}", "bool", "which no value of its schema (type: integer) can become"),
        ("{type: boolean}", "int | None", "which no value of its schema (type: boolean) can become"),
        ("{type: string}", "float", "which no value of its schema (type: string) can become"),
        (
            "{type: object}",
            "rasterio.DatasetReader",
            "which no value of its schema (type: object) can become",
        ),
        ("{type: object}", "list", "which no value of its schema (type: object) can become"),
        ("features", "xr.Dataset", "which no value of its schema (features) can become"),
        ("raster", "int", "which no value of its schema (raster) can become"),
        ("netcdf", "dict", "which no value of its schema (netcdf) can become"),
    ],
)
def test_what_can_never_work_names_file_and_line(
    make_process: Any, schema: str, annotation: str, told: str, form: str
) -> None:
    with pytest.raises(PackageError) as raised:
        load(make_process, schema, annotation, form)
    line = HEAD.lstrip().count("\n") + 1
    place = f"{line}: run" if form == "function" else f"{line + 1}: Algorithm.run"
    assert raised.value.detail.startswith(f"demo/algorithm.py:{place}: parameter 'x' asks")
    assert told in raised.value.detail


@pytest.mark.parametrize(
    ("schema", "annotation", "told"),
    [
        (NUMBER, "float", "asks for float, but the input may be repeated, so it has to be a list[...]"),
        (NUMBER, "list[str]", "asks for list[str], which no value of its schema (type: number) can become"),
        ("raster", "list[np.ndarray]", "asks for list[numpy.ndarray], which is no form of an input"),
    ],
)
def test_so_does_one_of_several_values(make_process: Any, schema: str, annotation: str, told: str) -> None:
    with pytest.raises(PackageError, match=re.escape(told)):
        load(make_process, schema, annotation, "repeated")


@pytest.mark.parametrize(
    ("schema", "annotation"),
    [
        ("raster", "pathlib.Path"),
        ("raster", "rasterio.DatasetReader | None"),
        ("raster", "dragoman.Raster"),
        ("raster", "str"),
        ("netcdf", "xr.Dataset"),
        ("features", "dict[str, object]"),
        ("features", "str"),
        ("features", "pathlib.Path"),
        ("bbox", "dict"),
        ("bbox", "collections.abc.Mapping[str, object]"),
        (NUMBER, "int"),
        ("{type: integer}", "float"),
        (NUMBER, "typing.Any"),
        (NUMBER, "object"),
        (NUMBER, "np.ndarray | str"),
        (NUMBER, "typing.Literal[1, 2]"),
        ("{type: [number, string]}", "str"),
        ("{type: number, nullable: true}", "str"),
        ("{oneOf: [{type: number}, {type: string}]}", "str"),
        ("{enum: [1]}", "str"),
        ("{type: array}", "list[float]"),
        ("{type: array}", "collections.abc.Sequence[float]"),
        ("{type: string}", "xr.Dataset"),
    ],
)
def test_what_may_work_passes(make_process: Any, schema: str, annotation: str) -> None:
    load(make_process, schema, annotation, "function")


def test_no_annotation_and_several_values_pass(make_process: Any) -> None:
    load_algorithm(make_process(f"{{x: {{schema: {NUMBER}}}}}", py="def run(x): ..."))
    load_algorithm(make_process(f"{{x: {{schema: {NUMBER}}}}}", py="def run(**rest: str): ..."))
    load(make_process, NUMBER, "list[float]", "repeated")
    load(make_process, NUMBER, "list", "repeated")


def test_check_says_so(make_package: Any, tmp_path: Path) -> None:
    make_package(
        f"version: '1'\ninputs: {{x: {{schema: {NUMBER}}}}}\noutputs: {{out: {{schema: {{}}}}}}\n",
        "def run(x: str): ...",
    )
    config = yaml.safe_load((Path(__file__).parents[3] / "pygeoapi-config.yml").read_text())
    package = {
        "type": "process",
        "processor": {"name": "dragoman.plugin.PackagedProcessor", "package": "demo"},
    }
    config["resources"] = {"demo": package}
    (tmp_path / "c.yml").write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "dragoman.cli", "--config", "c.yml", "check"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == (
        "broken  demo: demo/algorithm.py:1: run: parameter 'x' asks for str, "
        "which no value of its schema (type: number) can become\n"
    ), done.stderr
    assert done.returncode == 1
