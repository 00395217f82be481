"""Map algebra as a small checked language, translated for numexpr.

The grammar is the part of Python's that calculates: numbers, rN and rN[b], + - * / ** %, comparisons
(also chained), & | ~ on conditions, where(), and the functions below. Nothing is evaluated by Python;
each node is known, typed (number or condition) and counted before anything runs.
"""

from __future__ import annotations

import ast
import math
import re
import threading
from typing import TYPE_CHECKING, Literal, NamedTuple

import numexpr
import numpy as np

from dragoman.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_NODES = 300
MAX_DEPTH = 100
FUNCTIONS: dict[str, tuple[int, str]] = {
    **{name: (1, name) for name in ("sqrt", "exp", "log", "log10", "log1p", "expm1", "abs", "floor", "ceil")},
    **{name: (1, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: (1, f"arc{name[1:]}") for name in ("asin", "acos", "atan")},
    "atan2": (2, "arctan2"),
}
"""By the name that is written: number of arguments, and numexpr's name."""
OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.Mod: "%"}
COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
JOINS = {ast.BitAnd: "&", ast.BitOr: "|"}
NUMEXPR = threading.Lock()
"""numexpr's machine is one for the process: two threads in it at once corrupt the memory."""

type Kind = Literal["number", "condition"]


class Term(NamedTuple):
    """A translated part of the expression."""

    text: str
    kind: Kind
    bands: frozenset[tuple[int, int]] = frozenset()
    """(raster, band) that it reads, both from 1."""
    value: float | None = None
    """Of a number that needs no raster."""


def fault(message: str) -> InputError:
    """An error in the expression, as the caller's."""
    return InputError("expression", message)


class Translator:
    """Turns the checked tree into numexpr's text; raises InputError at the first thing it does not know."""

    def __init__(self, coarse: Mapping[str, str]) -> None:
        self.nodes = 0
        self.coarse = coarse
        """By term: the type of a band whose numbers are coarser than those of the language."""

    def translate(self, node: ast.AST, depth: int = 0) -> Term:
        """One node and all below it."""
        self.nodes += 1
        if self.nodes > MAX_NODES or depth > MAX_DEPTH:
            raise fault(f"is too long: at most {MAX_NODES} parts, {MAX_DEPTH} deep")
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise fault(f"{ast.unparse(node)[:60]!r} is not part of the language")
        term: Term = method(node, depth + 1)
        if term.bands or term.kind != "number" or term.value is not None:
            return term
        return term._replace(value=constant(term.text, node))

    def number(self, node: ast.AST, depth: int) -> Term:
        """A term as a number; a condition counts 1 where it holds, else 0."""
        term = self.translate(node, depth)
        if term.kind == "number":
            return term
        return Term(f"where({term.text}, 1.0, 0.0)", "number", term.bands)

    def condition(self, node: ast.AST, depth: int) -> Term:
        """A term that has to be a condition."""
        term = self.translate(node, depth)
        if term.kind != "condition":
            raise fault(
                f"{ast.unparse(node)[:60]!r} is a number where a condition belongs "
                "(& and | bind tighter than comparisons: write (r1 > 0) & (r2 > 0))"
            )
        return term

    def _constant(self, node: ast.Constant, _depth: int) -> Term:
        value = node.value
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= 1e300:
            raise fault(f"{ast.unparse(node)[:40]!r} is not a number of the language")
        return Term(repr(float(value)), "number", value=float(value))

    def _name(self, node: ast.Name, _depth: int) -> Term:
        if node.id in ("pi", "e"):
            return Term(repr(getattr(math, node.id)), "number", value=getattr(math, node.id))
        return self._band(node.id, 1)

    def _subscript(self, node: ast.Subscript, _depth: int) -> Term:
        index = node.slice
        if not isinstance(node.value, ast.Name) or not isinstance(index, ast.Constant):
            raise fault(f"{ast.unparse(node)[:60]!r}: a band is written r1[2]")
        if type(index.value) is not int or index.value < 1:
            raise fault(f"{ast.unparse(node)[:60]!r}: bands are counted from 1")
        return self._band(node.value.id, index.value)

    def _band(self, name: str, band: int) -> Term:
        match = re.fullmatch(r"r([1-9]\d?)", name)
        if match is None:
            raise fault(f"{name[:40]!r} is not known; rasters are r1, r2, ...")
        raster = int(match[1])
        return Term(f"r{raster}_{band}", "number", frozenset({(raster, band)}))

    def _binop(self, node: ast.BinOp, depth: int) -> Term:
        if type(node.op) in JOINS:
            left, right = self.condition(node.left, depth), self.condition(node.right, depth)
            return Term(
                f"({left.text} {JOINS[type(node.op)]} {right.text})", "condition", left.bands | right.bands
            )
        if type(node.op) not in OPERATORS:
            raise fault(f"{ast.unparse(node)[:60]!r}: use + - * / ** % & |")
        left, right = self.number(node.left, depth), self.number(node.right, depth)
        if isinstance(node.op, ast.Div | ast.Mod) and right.value == 0:
            raise fault(f"{ast.unparse(node)[:60]!r} is a division by zero")
        return Term(
            f"({left.text} {OPERATORS[type(node.op)]} {right.text})", "number", left.bands | right.bands
        )

    def _unaryop(self, node: ast.UnaryOp, depth: int) -> Term:
        if isinstance(node.op, ast.Invert):
            inner = self.condition(node.operand, depth)
            return Term(f"(~{inner.text})", "condition", inner.bands)
        if isinstance(node.op, ast.Not):
            raise fault("write ~ instead of not")
        inner = self.number(node.operand, depth)
        return inner if isinstance(node.op, ast.UAdd) else Term(f"(-{inner.text})", "number", inner.bands)

    def _boolop(self, _node: ast.BoolOp, _depth: int) -> Term:
        raise fault("write & and | instead of and, or; with each comparison in parentheses")

    def _compare(self, node: ast.Compare, depth: int) -> Term:
        terms = [self.number(item, depth) for item in (node.left, *node.comparators)]
        if not all(type(op) in COMPARISONS for op in node.ops):
            raise fault(f"{ast.unparse(node)[:60]!r}: compare by < <= > >= == !=")
        signs = [COMPARISONS[type(op)] for op in node.ops]
        pairs = [
            f"({self._beside(a, b)} {sign} {self._beside(b, a)})"
            for a, sign, b in zip(terms, signs, terms[1:], strict=False)
        ]
        return Term(f"({' & '.join(pairs)})", "condition", frozenset().union(*(t.bands for t in terms)))

    def _beside(self, term: Term, other: Term) -> str:
        """A side of a comparison: a number beside a float32 band is the float32 that a file has for it."""
        dtype = self.coarse.get(other.text)
        if dtype is None or term.value is None:
            return term.text
        with np.errstate(over="ignore"):
            number = float(np.dtype(dtype).type(term.value))
        return repr(number) if math.isfinite(number) else term.text

    def _call(self, node: ast.Call, depth: int) -> Term:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)[:40]
        if node.keywords:
            raise fault(f"{name}() takes no named arguments")
        if name == "where" and len(node.args) == 3:
            test = self.condition(node.args[0], depth)
            terms = [test, *(self.number(item, depth) for item in node.args[1:])]
            text = f"where({', '.join(term.text for term in terms)})"
        else:
            terms = [self.number(item, depth) for item in node.args]
            text = self._function(name, [term.text for term in terms])
        return Term(text, "number", frozenset().union(*(term.bands for term in terms)))

    def _function(self, name: str, args: list[str]) -> str:
        if name in ("min", "max") and 2 <= len(args) <= 16:
            text = args[0]
            for arg in args[1:]:
                text = f"{name}imum({text}, {arg})"
            return text
        if name not in FUNCTIONS:
            known = ", ".join(sorted([*FUNCTIONS, "min", "max", "where"]))
            raise fault(f"{name}() is not known with {len(args)} arguments; known: {known}")
        count, translated = FUNCTIONS[name]
        if len(args) != count:
            raise fault(f"{name}() takes {count} argument{'s' * (count > 1)}, not {len(args)}")
        return f"{translated}({', '.join(args)})"


def constant(text: str, node: ast.AST) -> float:
    """The value of a translated part that names no raster; raises InputError where it has none."""
    try:
        with NUMEXPR, np.errstate(all="ignore"):
            value = numexpr.NumExpr(text, [], sanitize=False)(ex_uses_vml=False)[()]
    except (ArithmeticError, ValueError, TypeError, RecursionError, NotImplementedError) as error:
        raise fault(f"{ast.unparse(node)[:60]!r} cannot be calculated") from error
    if isinstance(value, complex) or not math.isfinite(value):
        raise fault(f"{ast.unparse(node)[:60]!r} is not a finite, real number")
    return float(value)
