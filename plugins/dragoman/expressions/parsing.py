"""From the text of an expression to its tree, by a grammar; nothing of it is ever evaluated by Python.

An error names the column (from 1) and what is allowed there. Length, depth and the size of constants are bounded, so
that no expression costs more to read than its text.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedEOF, UnexpectedToken, v_args

from dragoman.errors import InvalidRequest
from dragoman.expressions.constants import NotCalculable, calculate, negated
from dragoman.expressions.nodes import Binary, Call, Index, Literal, Name, Unary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dragoman.expressions.nodes import Node, Plain

MAX_LENGTH: Final = 2000
"""Characters of an expression."""
MAX_DEPTH: Final = 100
"""Operations within operations."""
ELEMENTWISE: Final = frozenset(
    {"abs", "get_mask", "floor", "ceil"}
    | {"int", "int8", "int16", "int32", "int64", "float", "float16", "float32", "float64"}
)
"""Functions of each cell by itself."""
REDUCTIONS: Final = frozenset({"min", "max", "median", "mean", "std", "var"})
"""Functions of a whole array, or along the axis that is their second argument."""
FUNCTIONS: Final = ELEMENTWISE | REDUCTIONS | {"mask"}
WORDS: Final = {
    "OR": "or",
    "AND": "and",
    "COMPARE": "== <= >= < >",
    "SIGN": "+ -",
    "POWER": "**",
    "TIMES": "* / %",
    "OPEN_INDEX": "[",
    "NUMBER": "a number",
    "STRING": "a text in quotes",
    "TRUE": "true",
    "FALSE": "false",
    "NAME": "a variable or function",
    "LPAR": "(",
    "RPAR": ")",
    "RSQB": "]",
    "COMMA": "a comma",
    "$END": "the end",
}
"""What each token of the grammar is called."""


class ExpressionError(InvalidRequest):
    """An expression is not one of the language, or cannot be calculated."""


def at(column: int, problem: str) -> ExpressionError:
    """An error at a place of the expression."""
    return ExpressionError(f"column {column}: {problem}")


def parse(text: str) -> Node:
    """The tree of an expression, its constant parts calculated; raises ExpressionError."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression has {len(text)} characters; at most {MAX_LENGTH} are read")
    try:
        tree: Any = _parser().parse(text)
    except UnexpectedCharacters as error:
        place = error.pos_in_stream or 0
        shown = text[place]
        raise at(
            place + 1,
            f"{shown!r} is no part of the language; allowed: {_named(error.allowed or ())}",
        ) from None
    except UnexpectedEOF as error:
        raise at(len(text) + 1, f"the expression ends too early; allowed: {_named(error.expected)}") from None
    except UnexpectedToken as error:
        raise _unexpected(error, text) from None
    node: Node = tree
    return node


def _unexpected(error: UnexpectedToken, text: str) -> ExpressionError:
    allowed = _named(error.accepts or error.expected)
    if error.token.type == "$END":
        return at(len(text) + 1, f"the expression ends too early; allowed: {allowed}")
    return at(
        (error.token.start_pos or 0) + 1, f"{str(error.token)[:40]!r} is not expected; allowed: {allowed}"
    )


def _named(tokens: Iterable[str]) -> str:
    order = list(WORDS)
    known = sorted((token for token in tokens if token in WORDS), key=order.index)
    return ", ".join(WORDS[token] for token in known) or "nothing more"


@v_args(inline=True)
class _Builder(Transformer[Token, "Node"]):
    """Makes the tree while the text is read, from the leaves up, so that no depth is met by recursion."""

    def number(self, token: Token) -> Node:
        whole = token.isdigit()
        value: Plain = int(token) if whole and len(token) <= 18 else float(token)
        return self._literal(value, _column(token))

    def string(self, token: Token) -> Node:
        return self._literal(str(token)[1:-1], _column(token))

    def truth(self, token: Token) -> Node:
        return self._literal(True, _column(token))

    def falsehood(self, token: Token) -> Node:
        return self._literal(False, _column(token))

    def name(self, token: Token) -> Node:
        if token in FUNCTIONS:
            raise at(_column(token), f"{token} is a function; allowed: {token}(...)")
        return Name(id=str(token), column=_column(token))

    def unary(self, sign: Token, operand: Node) -> Node:
        if sign == "+":
            return operand
        if isinstance(operand, Literal):
            return self._literal(_calculated(_column(sign), negated, operand.value), _column(sign))
        return Unary(operand=operand, column=_column(sign), depth=_depth(_column(sign), operand))

    def binary(self, left: Node, token: Token, right: Node) -> Node:
        operator = {"&&": "and", "||": "or"}.get(str(token), str(token))
        column = _column(token)
        if isinstance(left, Literal) and isinstance(right, Literal):
            return self._literal(_calculated(column, calculate, operator, left.value, right.value), column)
        return Binary(
            operator=operator, left=left, right=right, column=column, depth=_depth(column, left, right)
        )

    def index(self, container: Node, bracket: Token, index: Node) -> Node:
        column = _column(bracket)
        return Index(container=container, index=index, column=column, depth=_depth(column, container, index))

    def arguments(self, *arguments: Node) -> tuple[Node, ...]:
        return arguments

    def call(self, name: Token, arguments: tuple[Node, ...] = ()) -> Node:
        column, function = _column(name), str(name)
        if function not in FUNCTIONS:
            raise at(
                column, f"there is no function {function[:40]}(); allowed: {', '.join(sorted(FUNCTIONS))}"
            )
        most = 1 if function in ELEMENTWISE else 2
        least = 2 if function == "mask" else 1
        if not least <= len(arguments) <= most:
            takes = str(least) if least == most else f"{least} or {most}"
            raise at(
                column, f"{function}() takes {takes} argument{'s' * (takes != '1')}, not {len(arguments)}"
            )
        return Call(function=function, arguments=arguments, column=column, depth=_depth(column, *arguments))

    def _literal(self, value: Plain, column: int) -> Literal:
        return Literal(value=value, column=column)


def _column(token: Token) -> int:
    return (token.start_pos or 0) + 1


def _depth(column: int, *nodes: Node) -> int:
    depth = 1 + max((node.depth for node in nodes), default=0)
    if depth > MAX_DEPTH:
        raise at(column, f"the expression is nested more than {MAX_DEPTH} deep")
    return depth


def _calculated(column: int, calculation: Any, *values: Any) -> Plain:
    try:
        result: Plain = calculation(*values)
    except NotCalculable as error:
        raise at(column, str(error)) from None
    return result


@cache
def _parser() -> Lark:
    grammar = (files("dragoman.expressions") / "grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=_Builder(), maybe_placeholders=False)
