"""What an expression consists of once it is read: a tree of these nodes and of nothing else.

Literal   3, 0.5, true, 'name'          Unary    -x
Name      x                             Binary   x + y, x >= 3, x and y
Call      max(x, 0)                     Index    x[0]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

type Node = Literal | Name | Unary | Binary | Call | Index
"""A part of an expression; ``column`` is where it begins, counted from 1."""

type Plain = bool | int | float | str
"""What a literal may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A number, a truth value or a text."""

    value: Plain
    column: int
    depth: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A variable."""

    id: str
    column: int
    depth: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary:
    """A minus sign before an operand; a plus sign stays nothing."""

    operand: Node
    column: int
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """Two operands with an operator between; ``&&`` is ``and``, ``||`` is ``or``."""

    operator: str
    left: Node
    right: Node
    column: int
    """Of the operator."""
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function of the language with its arguments."""

    function: str
    arguments: tuple[Node, ...]
    column: int
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One item of an array along its first axis, of a list, or of an object."""

    container: Node
    index: Node
    column: int
    """Of the bracket."""
    depth: int


def parts(node: Node) -> tuple[Node, ...]:
    """The nodes directly below one."""
    match node:
        case Unary():
            return (node.operand,)
        case Binary():
            return (node.left, node.right)
        case Call():
            return node.arguments
        case Index():
            return (node.container, node.index)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for part in parts(node):
        yield from walk(part)


def names(node: Node) -> tuple[str, ...]:
    """The variables of an expression, each once, in alphabetical order."""
    return tuple(sorted({each.id for each in walk(node) if isinstance(each, Name)}))
