"""Every bundled process loads, describes itself as OGC wants it, and gives what its examples say."""

from __future__ import annotations

import base64
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from jsonschema import Draft4Validator
from packagekit import run_package
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from dragoman.model.resolved import ResolvedValue
from dragoman.packages.catalogue import bundled
from dragoman.packages.native.examples import Example, compare, example_inputs, load_examples
from dragoman.packages.native.loader import load_package
from dragoman.packages.validation import validate_inputs, validate_resolved
from dragoman.schemas.forms import SHORTHANDS, expand

if TYPE_CHECKING:
    from dragoman.model.job import InputValue
    from dragoman.model.process import InputSpec, OutputSpec, Process

FOLDERS = sorted(path.parent for path in bundled().glob("*/process.yml"))
EXAMPLES = [
    pytest.param(folder, path.stem, id=f"{folder.name}-{path.stem}")
    for folder in FOLDERS
    for path in sorted((folder / "examples").glob("*.yml"))
]
OGC = Path(__file__).parents[1] / "data/ogc-schemas/ogcapi/processes/part1/1.0/openapi/schemas"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_a_bundled_process_loads_and_has_an_example(folder: Path) -> None:
    process = load_package(folder)
    assert process.id == folder.name
    assert process.title
    assert process.description
    assert load_examples(folder, process)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_the_description_meets_ogcs_schema(folder: Path) -> None:
    assert [error.message for error in ogc_validator().iter_errors(description(load_package(folder)))] == []


@pytest.mark.parametrize("word", SHORTHANDS)
def test_every_word_meets_ogcs_schema(word: str) -> None:
    described = {"id": "p", "version": "1", "inputs": {"x": {"schema": expand(word)[0]}}, "outputs": {}}
    assert [error.message for error in ogc_validator().iter_errors(described)] == []


@pytest.mark.parametrize(
    "schema", [{"const": 1}, {"type": ["string", "null"]}, {"exclusiveMinimum": 0}, {"x-a": 1}]
)
def test_ogcs_schema_is_really_asked(schema: dict[str, Any]) -> None:
    described = {"id": "p", "version": "1", "inputs": {"x": {"schema": schema}}, "outputs": {}}
    assert list(ogc_validator().iter_errors(described))
    described["inputs"] = {"x": {"schema": expand({k: v for k, v in schema.items() if k != "x-a"})[0]}}
    assert not list(ogc_validator().iter_errors(described))


@pytest.mark.parametrize(("folder", "name"), EXAMPLES)
def test_an_example_gives_what_it_says(folder: Path, name: str, context: Any, tmp_path: Path) -> None:
    process = load_package(folder)
    example = next(e for e in load_examples(folder, process) if e.name == name)
    context.config = process.config
    forget_neighbours()
    made = run_package(
        process, resolved(process, example, tmp_path), context=context, folder=tmp_path / "out"
    )
    assert list(made) == list(process.outputs)
    assert compare(example, made, tmp_path / "out") == []


def resolved(process: Process, example: Example, folder: Path) -> dict[str, list[ResolvedValue]]:
    """The inputs as the worker gets them: checked, files local, base64 decoded."""
    inputs = example_inputs(example, process)
    validate_inputs(process, inputs)
    values = {
        name: [resolve(value, folder / f"{name}-{index}") for index, value in enumerate(given)]
        for name, given in inputs.items()
    }
    for name, given in values.items():
        for value in given:
            validate_resolved(process, name, value)
    return values


def resolve(value: InputValue, target: Path) -> ResolvedValue:
    if value.href is not None:
        return ResolvedValue(path=Path(unquote(urlsplit(value.href).path)))
    if value.encoding == "base64":
        target.write_bytes(base64.b64decode(value.value))
        return ResolvedValue(path=target, media_type=value.media_type)
    return ResolvedValue(value=value.value)


def forget_neighbours() -> None:
    """A worker belongs to one package; here several follow each other."""
    for name, module in list(sys.modules.items()):
        if str(bundled()) in str(getattr(module, "__file__", "")):
            del sys.modules[name]


def description(process: Process) -> dict[str, Any]:
    """The OGC description, as far as it comes from the package."""

    def common(spec: InputSpec | OutputSpec) -> dict[str, Any]:
        return {
            "title": spec.title,
            "description": spec.description,
            "keywords": list(spec.keywords),
            "metadata": list(spec.metadata),
            "schema": spec.schema,
        }

    inputs = {
        name: common(spec)
        | {
            "minOccurs": spec.min_occurs,
            "maxOccurs": "unbounded" if spec.max_occurs is None else spec.max_occurs,
        }
        for name, spec in process.inputs.items()
    }
    return {
        "id": process.id,
        "version": process.version,
        "title": process.title,
        "description": process.description,
        "keywords": list(process.keywords),
        "links": list(process.links),
        "metadata": list(process.metadata),
        "jobControlOptions": [f"{mode}-execute" for mode in process.modes],
        "inputs": inputs,
        "outputs": {name: common(spec) for name, spec in process.outputs.items()},
    }


@cache
def ogc_validator() -> Any:
    """OGC's process.yaml, in the dialect that OpenAPI 3.0 took from (exclusiveMinimum is a boolean)."""
    resources = [
        (path.name, Resource.from_contents(yaml.safe_load(path.read_text()), default_specification=DRAFT4))
        for path in OGC.glob("*.yaml")
    ]
    return Draft4Validator({"$ref": "process.yaml"}, registry=Registry().with_resources(resources))
