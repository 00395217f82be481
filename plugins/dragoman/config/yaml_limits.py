"""How much a YAML file may hold once its aliases are written out: a few lines can stand for billions."""

from __future__ import annotations

from typing import Any, Final

import yaml

MAX_DEPTH: Final = 64
"""Mappings and lists within each other."""

MAX_NODES: Final = 250_000
"""Keys and values, those behind an alias counted each time."""

TOO_DEEP: Final = f"is nested too deeply; allowed: {MAX_DEPTH} levels"


def check_nodes(root: yaml.Node) -> None:
    """Raise MarkedYAMLError for what is too deep, too large or contains itself; visits each node once."""
    measured: dict[int, tuple[int, int]] = {}
    around: set[int] = set()
    waiting: list[tuple[yaml.Node, bool]] = [(root, False)]
    while waiting:
        node, left = waiting.pop()
        if left:
            around.remove(id(node))
            measured[id(node)] = _measure(node, measured)
        elif id(node) in around:
            raise _wrong(node, "an alias may not contain itself")
        elif id(node) not in measured:
            around.add(id(node))
            waiting.append((node, True))
            waiting += [(child, False) for child in _children(node)]


def _measure(node: yaml.Node, measured: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Nodes in it, and levels of it, from those of its children."""
    children = [measured[id(child)] for child in _children(node)]
    size = 1 + sum(size for size, _ in children)
    levels = max((levels for _, levels in children), default=0) + (not isinstance(node, yaml.ScalarNode))
    if levels > MAX_DEPTH:
        raise _wrong(node, TOO_DEEP)
    if size > MAX_NODES:
        raise _wrong(node, f"holds too much with its aliases written out; allowed: {MAX_NODES} values")
    return size, levels


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _wrong(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    mark: Any = node.start_mark
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
