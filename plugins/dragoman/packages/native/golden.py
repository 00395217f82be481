"""What an example expects, written from what a run has given: for an author who has looked at it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import yaml

from dragoman.packages.native.examples import compare, file_name

if TYPE_CHECKING:
    from collections.abc import Mapping
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
        file, output = file_name(expected), outputs.get(name)
        if file is None or output is None or output.items:
            continue
        if any(_is_of(line, name) for line in compare(example, {name: output}, folder)):
            _write(output, folder, example.folder / file)
    return [
        f"{line} (a value: change it in {example.path.name})" for line in compare(example, outputs, folder)
    ]


def _is_of(line: str, name: str) -> bool:
    return line.startswith((f"{name}:", f"{name}.", f"{name}[")) and line != f"{name}: is missing"


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
        if output.file is not None:
            expected[name] = {"file": f"{example.name}-{output.file}"}
        elif not output.items:
            expected[name] = output.value
    before = example.path.read_text(encoding="utf-8")
    block = yaml.safe_dump({"outputs": expected}, sort_keys=False, allow_unicode=True)
    after = f"{before.rstrip()}\n{block}"
    if _parsed(after) != {**(_parsed(before) or {}), "outputs": expected}:
        return [f"{example.path.name} is written in a way that cannot be added to: write its outputs by hand"]
    for name, value in expected.items():
        if file := file_name(value):
            _write(outputs[name], folder, example.folder / file)
    example.path.write_text(after, encoding="utf-8")
    return []


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None
