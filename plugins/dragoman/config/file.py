"""Reading the YAML with its line numbers and ``${NAME:-default}``.

    text -> nodes -> no duplicate keys, variables substituted -> data -> accepted by pygeoapi's own schema

Only plain scalars are substituted, as by pygeoapi, which reads the same file again for itself.
``values.py`` reads single values out of it.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from dragoman.config.yaml_limits import check_nodes
from dragoman.config.yaml_problems import YamlProblem, repeated_key, yaml_problems
from dragoman.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

type Key = tuple[str | int, ...]

SHOWN = 120
"""Characters of a value, or of a name, that an error quotes."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")
_TYPES = (  # what a substituted text becomes: YAML's words, but 010 stays the text it may well be
    ("tag:yaml.org,2002:bool", re.compile(r"(?i:true|false|yes|no|on|off)")),
    ("tag:yaml.org,2002:null", re.compile(r"~|null")),
    ("tag:yaml.org,2002:int", re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)),
    ("tag:yaml.org,2002:float", re.compile(r"[-+]?(0|[1-9][0-9]*)?\.[0-9]+|[-+]?[1-9][0-9]*\.", re.ASCII)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """The parsed file."""

    path: Path
    """Absolute."""
    data: dict[str, Any]
    lines: Mapping[Key, int]
    """Line, from 1, of every key and list item."""
    keys: Mapping[str, str]
    """The dotted keys that are known, ``*`` for any one name."""

    def line(self, key: Key) -> int:
        """Where the key, or else the nearest mapping around it, is written."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def error(self, key: Key, problem: str) -> SettingsError:
        """The one line; ``problem`` says what is wrong and what is allowed."""
        named = f"{_dotted(key)}: {problem}" if key else problem
        return SettingsError(f"{self.path}:{self.line(key)}: {' '.join(named.split())}")

    def known(self, key: Key) -> list[str]:
        """The names that may stand below a key, in the order of ``keys``."""
        names: dict[str, None] = {}
        for dotted in self.keys:
            parts = dotted.split(".")
            pairs = zip(parts, key, strict=False)
            if len(parts) > len(key) and all(part in ("*", name) for part, name in pairs):
                names[parts[len(key)]] = None
        return list(names)

    def refuse_unknown(self, key: Key, values: Mapping[str, Any], known: Iterable[str]) -> None:
        """Raise for the first name that is not known; guess what was meant."""
        allowed = list(known)
        for name in values:
            if name not in allowed:
                near = difflib.get_close_matches(str(name), allowed, n=1)
                guess = f" (did you mean {near[0]}?)" if near else ""
                raise self.error((*key, name), f"is an unknown key{guess}; allowed: {', '.join(allowed)}")


def shown(value: object) -> str:
    """A value as an error quotes it: in one line, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"


def _dotted(key: Key) -> str:
    names = (str(part) for part in key)
    return ".".join(name if len(name) <= SHOWN else f"{name[:SHOWN]}..." for name in names)


def read_config(path: Path, env: Mapping[str, str], keys: Mapping[str, str]) -> ConfigFile:
    """Parse and substitute; SettingsError with one line."""
    path = Path(os.path.abspath(path))
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror}); PYGEOAPI_CONFIG names the file"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not text in UTF-8, which is all that is allowed") from error
    try:
        with yaml_problems():
            loader = _Loader(text)
            root = loader.get_single_node()
            if not isinstance(root, yaml.MappingNode):
                raise SettingsError(
                    f"{path}:1: holds no mapping; allowed: server, logging, metadata, resources"
                )
            check_nodes(root)
            _check_nodes(path, root, env)
            data, lines = loader.construct_document(root), dict(_lines(root, ()))
    except YamlProblem as error:
        allowed = "YAML, with ${...} unquoted and in block form"
        raise SettingsError(f"{path}:{error.line}: syntax: {error.problem}; allowed: {allowed}") from error
    return ConfigFile(path=path, data=data, lines=lines, keys=keys)


def without_effect(path: Path, env: Mapping[str, str], names: Iterable[str]) -> SettingsError | None:
    """What is wrong if one of the variables ``names`` is set and the file names it nowhere; else None."""
    text = path.read_text("utf-8")
    used = {match["name"] for match in _VARIABLE.finditer(text)}
    for name in names:
        if env.get(name) and name not in used:
            problem = f"the variable {name} is set and has no effect, since this file does not name it"
            return SettingsError(f"{path}:1: {problem}; allowed: ${{{name}}} at its key, or leave it unset")
    return None


def unset_empty(text: str, env: Mapping[str, str]) -> list[str]:
    """The variables that the YAML text names and that are set but empty.

    They count as unset. pygeoapi takes empty for a value: remove them from
    ``os.environ`` before it reads the file.
    """
    names = dict.fromkeys(match["name"] for match in _VARIABLE.finditer(text))
    return [name for name in names if env.get(name) == ""]


def _check_nodes(path: Path, root: yaml.Node, env: Mapping[str, str]) -> None:
    """Visit each node once (an anchor is used again): substitute, and refuse duplicate keys."""
    seen: set[int] = set()
    waiting: list[tuple[yaml.Node, Key]] = [(root, ())]
    while waiting:
        node, key = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            _substitute(path, node, key, env)
        elif isinstance(node, yaml.MappingNode):
            _refuse_duplicates(path, node, key)
            for name, child in node.value:
                waiting += [(name, key), (child, (*key, str(name.value)))]
        else:
            waiting += [(child, (*key, index)) for index, child in enumerate(node.value)]


def _refuse_duplicates(path: Path, node: yaml.MappingNode, key: Key) -> None:
    if repeated := repeated_key(node):
        name, first = repeated
        problem = f"is there already, in line {first}; allowed: each key once"
        raise SettingsError(f"{path}:{name.start_mark.line + 1}: {_dotted((*key, name.value))}: {problem}")


def _substitute(path: Path, node: yaml.ScalarNode, key: Key, env: Mapping[str, str]) -> None:
    """Expand ``${NAME}`` and ``${NAME:-default}`` in a plain scalar; set but empty counts as unset."""
    if node.style or not _VARIABLE.search(node.value):
        return

    def value(match: re.Match[str]) -> str:
        if (text := env.get(match["name"]) or match["default"]) is not None:
            return text
        dotted, line = _dotted(key), node.start_mark.line + 1
        problem = (
            f"the variable {match['name']} is not set; allowed: set it, or ${{{match['name']}:-default}}"
        )
        raise SettingsError(f"{path}:{line}: {dotted}: {problem}")

    node.value = _VARIABLE.sub(value, node.value)
    tags = (tag for tag, pattern in _TYPES if pattern.fullmatch(node.value))
    node.tag = next(tags, "tag:yaml.org,2002:str")


def _lines(node: yaml.Node, key: Key, depth: int = 0) -> Iterator[tuple[Key, int]]:
    """Line of each key and item; 32 levels, since an anchor may hold itself."""
    if depth > 32 or isinstance(node, yaml.ScalarNode):
        return
    pairs: Iterable[tuple[str | int, yaml.Node, yaml.Node]]
    if isinstance(node, yaml.MappingNode):
        pairs = ((str(name.value), name, child) for name, child in node.value)
    else:
        pairs = ((index, child, child) for index, child in enumerate(node.value))
    for name, mark, child in pairs:
        yield (*key, name), mark.start_mark.line + 1
        yield from _lines(child, (*key, name), depth + 1)


def check_schema(config: ConfigFile) -> None:
    """Hold the file against pygeoapi's own schema, read as data: importing pygeoapi would start it.

    The schema lets any further key pass; under ``server`` and at the top an unknown one is refused here.
    """
    import jsonschema  # here, since the workers, which get the settings ready-made, can do without

    spec = importlib.util.find_spec("pygeoapi")
    root = Path(spec.origin).parent if spec and spec.origin else Path()
    schema_file = root / "resources" / "schemas" / "config" / "pygeoapi-config-0.x.yml"
    schema = yaml.load(schema_file.read_text(encoding="utf-8"), Loader=_Loader)
    own = {name: value for name, value in config.data.items() if not str(name).startswith("x-")}
    config.refuse_unknown((), own, schema["properties"])
    config.refuse_unknown(("server",), own.get("server") or {}, schema["properties"]["server"]["properties"])
    document = json.loads(json.dumps(config.data, default=str))
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(document))
    if error is not None and error.validator == "required":
        name = next(name for name in error.validator_value if name not in error.instance)
        raise config.error((*error.absolute_path, name), "is missing; allowed: a value, pygeoapi needs one")
    if error is not None:
        allowed = f"{error.validator} {json.dumps(error.validator_value, default=str)}"
        raise config.error(tuple(error.absolute_path), f"{error.message[:200]}; allowed: {allowed[:200]}")
