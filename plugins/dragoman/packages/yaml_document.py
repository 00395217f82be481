"""A YAML file of a package, read with the line of every key, so that a mistake can be shown.

It is YAML as PyYAML reads it, but stricter where authors slip: a key may not occur twice, keys are
strings, numbers are finite. Dates stay strings, and ``1e-5`` is a number.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from dragoman.config.yaml_limits import check_nodes
from dragoman.config.yaml_problems import YamlProblem, repeated_key, yaml_problems
from dragoman.errors import PackageError
from dragoman.schemas.key_paths import KeyPath, dotted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.model.process import JSON


MAX_BYTES = 4 * 2**20
_FLOAT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+", re.ASCII)


class _Loader(yaml.SafeLoader):
    """SafeLoader without timestamps (a date is a JSON string), with exponents that need no point."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _first in "-+.0123456789":
    _Loader.yaml_implicit_resolvers.setdefault(_first, []).insert(
        0, ("tag:yaml.org,2002:float", re.compile(rf"^(?:{_FLOAT.pattern})$"))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a YAML file says, and where it says it."""

    label: str
    """The file as errors name it: ``ndvi/process.yml``, never an absolute path."""
    data: JSON
    lines: Mapping[KeyPath, int]
    """Line (from 1) of the key at each path; of the item in a list."""

    def error(self, path: KeyPath, message: str) -> PackageError:
        """A one-line error that names the file, the line and the key."""
        line = next((self.lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.lines), 1)
        key = dotted(path)
        return PackageError(one_line(f"{self.label}:{line}: {key + ': ' if key else ''}{message}"))


def read_document(path: Path, label: str) -> Document:
    """Read a YAML file; raises PackageError with the line where it cannot be read."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PackageError(f"{label}: is larger than {MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PackageError(f"{label}: cannot be read ({error.strerror or type(error).__name__})") from error
    except UnicodeDecodeError as error:
        raise PackageError(f"{label}: is not UTF-8") from error
    return parse_document(text, label)


def parse_document(text: str, label: str) -> Document:
    """Parse YAML text; an empty one is None."""
    try:
        with yaml_problems():
            loader = _Loader(text)
            node = loader.get_single_node()
            if node is not None:
                check_nodes(node)
            reader = _Reader(loader, label)
            data = None if node is None else reader.build(node, ())
    except YamlProblem as error:
        raise PackageError(one_line(f"{label}:{error.line}: {error.problem}")) from error
    return Document(label=label, data=data, lines=reader.lines)


def one_line(text: str) -> str:
    """The text with every run of white space made one blank."""
    return " ".join(text.split())


class _Reader:
    """Builds plain data from YAML nodes and notes the line of each."""

    def __init__(self, loader: _Loader, label: str) -> None:
        self._loader = loader
        self._label = label
        self.lines: dict[KeyPath, int] = {}

    def build(self, node: yaml.Node, path: KeyPath) -> JSON:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> JSON:
        value = self._loader.construct_object(node)
        if isinstance(value, float) and not math.isfinite(value):
            raise self._error(node, f"{dotted(path)}: {node.value} is not a finite number")
        if not isinstance(value, str | int | float | bool | None):
            raise self._error(node, f"{dotted(path)}: {node.tag} is not allowed here")
        return value

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, JSON]:
        self._refuse_duplicates(node, path)
        self._loader.flatten_mapping(node)
        built: dict[str, JSON] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            built[key] = self.build(value_node, (*path, key))
        return built

    def _refuse_duplicates(self, node: yaml.MappingNode, path: KeyPath) -> None:
        if repeated := repeated_key(node):
            key, line = repeated
            raise self._error(key, f"{dotted((*path, key.value))}: occurs twice, first in line {line}")

    def _key(self, node: yaml.Node, path: KeyPath) -> str:
        key = node.value if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(key, str) or node.tag != "tag:yaml.org,2002:str":
            where = f"{dotted(path)}: " if path else ""
            raise self._error(node, f"{where}the key {key!r} is not a string; put it in quotes")
        return key

    def _error(self, node: yaml.Node, message: str) -> PackageError:
        return PackageError(one_line(f"{self._label}:{node.start_mark.line + 1}: {message}"))
