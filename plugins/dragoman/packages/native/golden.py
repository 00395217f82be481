"""What an example expects, written from what a run has given: for an author who has looked at it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import yaml

from dragoman.packages.native.examples import compare, file_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dragoman.model.job import Output
    from dragoman.model.process import JSON
    from dragoman.packages.native.examples import Example


def accept(example: Example, outputs: Mapping[str, Output], folder: Path) -> list[str]:
    """Take the outputs of a run, whose files lie in ``folder``, as expected from now on; what cannot be, in lines.

    A file that the example names is written anew where it differs; a value in its YAML is left to its author.
    An example that expects nothing gets ``outputs`` with all of them, files beside it.
    """
    if not example.outputs:
        return _append(example, outputs, folder)
    for name, expected in example.outputs.items():
        output = outputs.get(name)
        if output is None or not any(_is_of(line, name) for line in compare(example, {name: output}, folder)):
            continue
        for file, part in _files(expected, output):
            _write(part, folder, example.folder / file)
    return [
        f"{line} (a value: change it in {example.path.name})" for line in compare(example, outputs, folder)
    ]


def _is_of(line: str, name: str) -> bool:
    return line.startswith((f"{name}:", f"{name}.", f"{name}[")) and line != f"{name}: is missing"


def _files(expected: JSON, output: Output) -> Iterator[tuple[str, Output]]:
    """The files that an example names for an output, or for each item of a list as long as it expects."""
    if output.items and isinstance(expected, list) and len(expected) == len(output.items):
        for each, item in zip(expected, output.items, strict=True):
            yield from _files(each, item)
    elif not output.items and (file := file_name(expected)):
        yield file, output


def _write(output: Output, folder: Path, target: Path) -> None:
    if output.file is not None:
        shutil.copyfile(folder / output.file, target)
    else:
        text = output.value if isinstance(output.value, str) else json.dumps(output.value, ensure_ascii=False)
        target.write_text(text, encoding="utf-8")


def _append(example: Example, outputs: Mapping[str, Output], folder: Path) -> list[str]:
    """Add ``outputs`` to the YAML, behind what its author wrote."""
    expected: dict[str, JSON] = {}
    for name, output in outputs.items():
        named = [_named(example, item) for item in output.items]
        expected[name] = named or (_named(example, output) if output.file is not None else output.value)
    before = example.path.read_text(encoding="utf-8")
    block = yaml.safe_dump({"outputs": expected}, sort_keys=False, allow_unicode=True)
    after = f"{before.rstrip()}\n{block}"
    if _parsed(after) != {**(_parsed(before) or {}), "outputs": expected}:
        return [f"{example.path.name} is written in a way that cannot be added to: write its outputs by hand"]
    for name, value in expected.items():
        for file, part in _files(value, outputs[name]):
            _write(part, folder, example.folder / file)
    example.path.write_text(after, encoding="utf-8")
    return []


def _named(example: Example, output: Output) -> JSON:
    """A file of the run as the example names it, in its own folder: ``bands/0.tif`` of first is first-bands-0.tif."""
    return {"file": f"{example.name}-{(output.file or '').replace('/', '-')}"}


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None
