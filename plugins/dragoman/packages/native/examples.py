"""Examples of a package: ``examples/*.yml``, each a request and what it should give."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import InputError, PackageError
from dragoman.model.job import InputValue, Output
from dragoman.packages.native.process_file_schema import check_document
from dragoman.packages.outputs.comparison import compare_output
from dragoman.packages.yaml_document import Document, read_document
from dragoman.schemas.file_values import FileContentError, expects_json, parse_json
from dragoman.schemas.forms import media_types
from dragoman.schemas.media_types import of_file
from dragoman.schemas.messages import shown
from dragoman.schemas.ogc_values import input_value, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dragoman.model.process import JSON, InputSpec, Process

INLINE_BYTES: Final = 64 * 2**10
"""Of all files together that are put into a request as base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One example, as its file says it."""

    path: Path
    """The YAML file; ``{file: NAME}`` is relative to its folder."""
    title: str = ""
    inputs: Mapping[str, JSON] = field(default_factory=dict)
    """By input id: ``{file: NAME}``, a list of such, or JSON as a client would send it."""
    outputs: Mapping[str, JSON] = field(default_factory=dict)
    """By output id: ``{file: NAME}`` or JSON; what is not named is not compared."""
    tolerance: float = 0.0
    """Of numbers: absolute, plus as much relative to the expected one."""

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def folder(self) -> Path:
        """The folder beside whose files the example stands."""
        return self.path.parent


def load_examples(folder: Path, process: Process | None = None) -> tuple[Example, ...]:
    """The examples of the package in ``folder``, in the order of their names.

    Raises PackageError, one line with file, line and key, for one that is not well made, names a
    missing file or (where ``process`` is given) an unknown input or output.
    """
    files = sorted((folder / "examples").glob("*.yml"))
    return tuple(_load(path, f"{folder.name}/examples/{path.name}", process) for path in files)


def _load(path: Path, label: str, process: Process | None) -> Example:
    document = read_document(path, label)
    check_document(document, "example")
    if process is not None:
        for part, known in (("inputs", process.inputs), ("outputs", process.outputs)):
            for name in document.data.get(part, {}):
                if name not in known:
                    raise document.error((part, name), f"is unknown; allowed: {', '.join(known) or 'none'}")
    _check_files(document, path.parent)
    example = Example(path=path, **document.data)
    try:
        example_inputs(example, process)
    except InputError as error:
        problem = error.problems[0]
        raise document.error(("inputs", problem.input_id), problem.message) from error
    return example


def _check_files(document: Document, folder: Path) -> None:
    for part in ("inputs", "outputs"):
        for name, value in document.data.get(part, {}).items():
            for file in filter(None, map(file_name, _listed(value))):
                if not (folder / file).is_file() or Path(file).name != file:
                    raise document.error((part, name), f"there is no file {file!r} beside the example")


def example_inputs(example: Example, process: Process | None = None) -> dict[str, tuple[InputValue, ...]]:
    """The inputs as a request has them; a file becomes a file: URL, all else is read as it is over HTTP.

    A list is several values where the input is repeatable (with ``process``), or where it holds a
    file; else it is one value. Raises InputError.
    """
    inputs: dict[str, tuple[InputValue, ...]] = {}
    for name, wire in example.inputs.items():
        spec = process.inputs.get(name) if process else None
        with_files = (
            isinstance(wire, list) and any(map(file_name, wire)) and (spec is None or spec.repeatable)
        )
        values = wire if with_files else listed(wire, spec)
        inputs[name] = tuple(_input_value(name, value, spec, example.folder) for value in values)
    return inputs


def _input_value(name: str, wire: JSON, spec: InputSpec | None, folder: Path) -> InputValue:
    if file := file_name(wire):
        return InputValue(href=(folder / file).absolute().as_uri())
    return input_value(name, wire, spec)


def file_name(value: JSON) -> str | None:
    """The name in ``{file: NAME}``; None of any other value."""
    if isinstance(value, dict) and value.keys() == {"file"} and isinstance(value["file"], str):
        return value["file"]
    return None


def _listed(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else [value]


def compare(example: Example, actual: Mapping[str, Output], folder: Path) -> list[str]:
    """How the results differ from what the example expects, a line each; empty where they agree.

    ``folder`` holds the files of ``actual``.
    """
    differences: list[str] = []
    for name, expected in example.outputs.items():
        output = actual.get(name)
        if output is None:
            differences.append(f"{name}: is missing")
            continue
        differences.extend(f"{name}{line}" for line in _differences(example, expected, output, folder))
    return differences


def _differences(example: Example, expected: JSON, output: Output, folder: Path) -> list[str]:
    if not output.items:
        file = file_name(expected)
        reference = example.folder / file if file else expected
        return compare_output(reference, output, folder, example.tolerance)
    if not isinstance(expected, list):
        return [f": is a list of {len(output.items)} files, expected {shown(expected)}"]
    if len(expected) != len(output.items):
        return [f": has {len(output.items)} items, expected {len(expected)}"]
    return [
        f"[{index}]{line}"
        for index, (one, item) in enumerate(zip(expected, output.items, strict=True))
        for line in _differences(example, one, item, folder)
    ]


def example_request(examples: Sequence[Example], process: Process) -> Mapping[str, JSON] | None:
    """``{"inputs": {...}}`` that a client may send as it is; None where no example is self-contained.

    The first example without files, else the first whose files are small enough to stand in it.
    """
    plain = (e for e in examples if not any(_file_names(e.inputs)))
    small = (e for e in examples if sum(map(_size, _paths(e))) <= INLINE_BYTES)
    for example in (*plain, *small):
        try:
            return {"inputs": {name: _inlined(example, process, name) for name in example.inputs}}
        except FileContentError as error:
            label = f"{example.path.parent.parent.name}/examples/{example.path.name}"
            raise PackageError(f"{label}: {error}") from error
    return None


def _file_names(inputs: Mapping[str, JSON]) -> Iterator[str]:
    for value in inputs.values():
        yield from filter(None, map(file_name, _listed(value)))


def _paths(example: Example) -> Iterator[Path]:
    return (example.folder / name for name in _file_names(example.inputs))


def _size(path: Path) -> int:
    return path.stat().st_size


def _inlined(example: Example, process: Process, input_id: str) -> JSON:
    value = example.inputs[input_id]
    schema = process.inputs[input_id].schema
    if isinstance(value, list):
        return [_inline(item, example.folder, schema) for item in value]
    return _inline(value, example.folder, schema)


def _inline(value: JSON, folder: Path, schema: Mapping[str, JSON]) -> JSON:
    name = file_name(value)
    if name is None:
        return value
    content = (folder / name).read_bytes()
    if expects_json(schema):
        return parse_json(content.decode("utf-8", "replace"))
    return {
        "value": base64.b64encode(content).decode("ascii"),
        "encoding": "base64",
        "mediaType": next(iter(media_types(schema)), of_file(folder / name)),
    }
