"""The tests of a PESTO project: ``pesto/tests/resources/test_*/{input,output}/<name>.<ending>``.

.string                  text                 .json, .geojson    JSON
.float, .number          a number             a folder           a list if all names are numbers, else an object
.int, .integer           an integer           anything else      an image
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import PackageError, RequestError
from dragoman.model.job import InputValue
from dragoman.packages.outputs.comparison import json_differences
from dragoman.schemas.file_values import FileContentError, parse_json, read_text
from dragoman.schemas.forms import may_be_binary
from dragoman.schemas.media_types import is_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dragoman.model.job import Output
    from dragoman.model.process import JSON, Process

type Content = Any
"""A JSON value, an image, or a list or object of such."""

MOST: Final = 10
"""Differences that are listed for one test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceTest:
    """One test: a folder with ``input`` and ``output``."""

    path: Path
    inputs: Mapping[str, Content]
    outputs: Mapping[str, Content]

    @property
    def title(self) -> str:
        """The folder's name."""
        return self.path.name

    def values(self, process: Process) -> dict[str, tuple[InputValue, ...]]:
        """The inputs as a request has them; an image is a file: URL."""
        inputs = {}
        for name, content in self.inputs.items():
            spec = process.inputs.get(name)
            several = spec is not None and spec.repeatable and isinstance(content, list)
            binary = spec is not None and may_be_binary(spec.schema)
            inputs[name] = tuple(_value(item, binary) for item in (content if several else [content]))
        return inputs


def load_tests(folder: Path) -> tuple[ResourceTest, ...]:
    """The tests of a project in the order of their names; PackageError for one that cannot be read."""
    folders = sorted(path for path in (folder / "pesto/tests/resources").glob("test_*") if path.is_dir())
    return tuple(
        ResourceTest(
            path=path, inputs=_members(path / "input", folder), outputs=_members(path / "output", folder)
        )
        for path in folders
    )


def _members(path: Path, folder: Path) -> dict[str, Content]:
    if not path.is_dir():
        return {}
    return {child.stem: _content(child, folder) for child in _children(path)}


def _children(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if not child.name.startswith("."))


def _content(path: Path, folder: Path) -> Content:
    if path.is_dir():
        children = _children(path)
        if all(child.stem.isdecimal() for child in children):
            return [_content(child, folder) for child in sorted(children, key=lambda child: int(child.stem))]
        return {child.stem: _content(child, folder) for child in children}
    read = _READERS.get(path.suffix.lower())
    try:
        return path.absolute() if read is None else read(read_text(path))
    except (FileContentError, ValueError) as error:
        raise PackageError(f"{folder.name}/{path.relative_to(folder)}: {error}") from error


_READERS: Final[Mapping[str, Callable[[str], JSON]]] = {
    ".string": str,
    ".float": float,
    ".number": float,
    ".int": int,
    ".integer": int,
    ".json": parse_json,
    ".geojson": parse_json,
}


def _value(content: Content, binary: bool) -> InputValue:
    if isinstance(content, Path):
        return InputValue(href=content.as_uri())
    by_reference = binary and isinstance(content, str) and "://" in content[:16]
    return InputValue(href=content) if by_reference else InputValue(value=_with_uris(content))


def _with_uris(content: Content) -> JSON:
    """As it is sent: with a URI in place of each image within."""
    if isinstance(content, dict):
        return {name: _with_uris(member) for name, member in content.items()}
    if isinstance(content, list):
        return [_with_uris(item) for item in content]
    return content.as_uri() if isinstance(content, Path) else content


def compare(test: ResourceTest, actual: Mapping[str, Output], folder: Path) -> list[str]:
    """How the results differ from what the test promises, a line each; of images the pixels count alone.

    ``folder`` holds the files of ``actual``.
    """
    differences = list(_differences(test, actual, folder))
    more = len(differences) - MOST
    return differences if more <= 0 else [*differences[:MOST], f"and {more} more differences"]


def _differences(test: ResourceTest, actual: Mapping[str, Output], folder: Path) -> Iterator[str]:
    for name in actual.keys() - test.outputs.keys():
        if not _is_null(actual[name]):  # no file says null, so no test can expect it
            yield f"{name}: is not expected"
    for name, expected in test.outputs.items():
        output = actual.get(name)
        if output is None:
            yield f"{name}: is missing"
        elif isinstance(expected, Path):
            yield from _image_differences(expected, output, folder, name)
        elif output.items or _holds_images(expected):
            yield from _list_differences(expected, output, folder, name)
        else:
            yield from json_differences(expected, _json(output, folder), 0.0, name)


def _is_null(output: Output) -> bool:
    return output.file is None and output.value is None and not output.items


def _holds_images(expected: Content) -> bool:
    return isinstance(expected, list) and any(isinstance(item, Path) for item in expected)


def _list_differences(expected: Content, output: Output, folder: Path, place: str) -> Iterator[str]:
    wanted = expected if isinstance(expected, list) else [expected]
    if len(wanted) != len(output.items):
        yield f"{place}: has {len(output.items)} images, expected {len(wanted)}"
    for index, (path, item) in enumerate(zip(wanted, output.items, strict=False)):
        yield from _image_differences(path, item, folder, f"{place}[{index}]")


def _image_differences(expected: Content, output: Output, folder: Path, place: str) -> Iterator[str]:
    import numpy as np

    from dragoman.rasters.images import read_image

    if not isinstance(expected, Path) or output.file is None:
        yield f"{place}: one is an image, the other is not"
        return
    try:
        reference, result = read_image(expected), read_image(folder / output.file)
    except RequestError as error:
        yield f"{place}: cannot be compared with {expected.name}: {error.detail}"
        return
    if reference.shape != result.shape:
        yield f"{place}: has the shape {result.shape}, expected {reference.shape}"
    elif not np.array_equal(reference, result):
        yield f"{place}: {int((reference != result).sum())} of {reference.size} values differ"


def _json(output: Output, folder: Path) -> JSON:
    if output.file is None:
        return output.value
    text = read_text(folder / output.file)
    return parse_json(text) if is_json(output.media_type) else text
