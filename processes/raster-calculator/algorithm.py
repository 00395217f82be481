"""Map algebra by windows: a small checked language, translated for numexpr.

The grammar is the part of Python's that calculates: numbers, rN and rN[b], + - * / ** %, comparisons
(also chained), & | ~ on conditions, where(), and the functions below. Nothing is evaluated by Python;
each node is known, typed (number or condition) and counted before anything runs.
"""

from __future__ import annotations

import ast
import math
import re
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numexpr
import numpy as np
import rasterio
from rasterio.windows import Window

import dragoman
from dragoman.rasters.grids import Grid
from dragoman.rasters.opening import placed_by_points, reopen
from dragoman.rasters.windows import THREADS, WindowWriter, each_window, is_striped, read_float, windows_of
from dragoman.rasters.writing import create_geotiff, geotiff_profile

MAX_LENGTH = 2000
"""Characters of an expression."""
MAX_NODES = 300
MAX_DEPTH = 100
MAX_BANDS = 24
"""Different bands that one expression names; numexpr takes 32 arrays."""
WINDOW_VALUES = 1 << 23
"""Values that a thread holds at once, all bands together."""

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


def fault(message: str) -> dragoman.InputError:
    """An error in the expression, as the caller's."""
    return dragoman.InputError("expression", message)


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


class Program(NamedTuple):
    """A compiled expression; one may be called by several threads."""

    bands: tuple[tuple[int, int], ...]
    """(raster, band) of each argument, in order."""
    compiled: Any

    def __call__(self, arrays: list[Any]) -> Any:
        """float32 of the arrays' shape; NaN where any of them is, and where the result is not finite."""
        with NUMEXPR:
            result = self.compiled(*arrays, casting="safe", ex_uses_vml=False)
        with np.errstate(over="ignore"):
            result = result.astype(np.float32)
        missing = ~np.isfinite(result)
        for array in arrays:
            missing |= np.isnan(array)
        result[missing] = np.nan
        return result


def parse(text: str) -> ast.Expression:
    """The tree of the expression; white space of every kind is a blank."""
    if "#" in text:
        raise fault(
            f"'#' at character {text.index('#') + 1} is not part of the language: there are no comments"
        )
    start = len(text) - len(text.lstrip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(re.sub(r"\s", " ", text.strip()), mode="eval")
    except SyntaxError as error:
        offset = error.offset or 0
        inside = 0 < offset <= len(text.strip())
        place = f"at character {start + offset}" if inside else "at its end"
        raise fault(f"cannot be read: {error.msg} {place}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise fault("cannot be read") from error


def compile_expression(text: str, coarse: Mapping[str, str] | None = None) -> Program:
    """Parse, check and compile; raises InputError with what is wrong. ``coarse``: as the translator has it."""
    if len(text) > MAX_LENGTH:
        raise fault(f"is {len(text)} characters long; at most {MAX_LENGTH} are read")
    tree = parse(text)
    try:
        term = Translator(coarse or {}).number(tree.body, 0)
    except (ValueError, RecursionError, MemoryError) as error:
        raise fault("cannot be read") from error
    if not term.bands:
        raise fault("names no raster; write r1, r2 or r1[2]")
    if len(term.bands) > MAX_BANDS:
        raise fault(f"names {len(term.bands)} bands; at most {MAX_BANDS} are possible")
    bands = tuple(sorted(term.bands))
    signature = [(f"r{raster}_{band}", np.float64) for raster, band in bands]
    try:
        with np.errstate(all="ignore"):
            compiled = numexpr.NumExpr(term.text, signature, sanitize=False)
    except (ArithmeticError, ValueError, TypeError, RecursionError, NotImplementedError) as error:
        raise fault("a part of it that is made of numbers alone cannot be calculated") from error
    if any(isinstance(constant, complex) for constant in compiled.constants):
        raise fault("a part of it that is made of numbers alone is not a real number")
    return Program(bands, compiled)


def run(
    rasters: list[rasterio.DatasetReader], expression: str, *, context: dragoman.Context
) -> dict[str, Any]:
    """Calculate on the common grid of all rasters, window by window."""
    program = compile_expression(expression, coarse_bands(rasters))
    check_rasters(rasters, program)
    numexpr.set_num_threads(THREADS)
    grid = Grid.of(rasters[0])
    used = sorted({raster for raster, _ in program.bands})

    @contextmanager
    def handles() -> Iterator[dict[int, Any]]:
        with ExitStack() as stack:
            yield {raster: stack.enter_context(reopen(rasters[raster - 1])) for raster in used}

    limit = math.isqrt(WINDOW_VALUES // len(program.bands)) // 512 * 512
    size = int(context.config.get("window", max(512, min(2048, limit))))
    striped = all(is_striped(rasters[raster - 1]) for raster in used)
    path = Path(context.scratch) / "result.tif"
    with create_geotiff(path, geotiff_profile(grid, dtype="float32", nodata=float("nan"))) as target:
        place(rasters[0], target)
        writer = WindowWriter(target)

        def work(sources: dict[int, Any], window: Window) -> None:
            arrays = [
                read_float(sources[raster], band, window, decimal=True) for raster, band in program.bands
            ]
            writer.write(program(arrays), window, band=1)

        windows = windows_of(grid.width, grid.height, size=size, striped=striped)
        each_window(windows, handles, work, progress=context.progress)
    return {"result": path}


def place(raster: rasterio.DatasetReader, target: Any) -> None:
    """Hand on the points or RPCs of a raster that lies on no grid."""
    if placed_by_points(raster) is None:
        return
    if raster.gcps[0]:
        target.gcps = raster.gcps
    if raster.rpcs:
        target.rpcs = raster.rpcs


def coarse_bands(rasters: list[rasterio.DatasetReader]) -> dict[str, str]:
    """By term: the type of each band that is stored as float32 or float16, and not scaled."""
    return {
        f"r{number}_{band}": dtype
        for number, raster in enumerate(rasters, start=1)
        for band, dtype in enumerate(raster.dtypes, start=1)
        if dtype in ("float16", "float32")
        and (raster.scales[band - 1], raster.offsets[band - 1]) == (1.0, 0.0)
    }


def check_rasters(rasters: list[rasterio.DatasetReader], program: Program) -> None:
    """Raise InputError unless all rasters share one grid and have the bands that are named."""
    for raster, band in program.bands:
        if raster > len(rasters):
            raise fault(f"names r{raster}, but there are {len(rasters)} rasters")
        if band > rasters[raster - 1].count:
            raise fault(f"names r{raster}[{band}], but r{raster} has {rasters[raster - 1].count} bands")
    first = Grid.of(rasters[0])
    points = [placed_by_points(raster) for raster in rasters]
    for number, own in enumerate(points, start=1):
        if own != points[0]:
            kind = (own or points[0] or ("",))[0]
            raise dragoman.InputError(
                "rasters",
                f"r{number} and r1 differ in their {kind}: they lie on no common grid; warp them onto one first",
            )
    differences = [
        f"r{number} differs from r1 in {', '.join(first.differences(Grid.of(raster)))}"
        for number, raster in enumerate(rasters[1:], start=2)
        if not first.same_as(Grid.of(raster))
    ]
    if differences:
        raise dragoman.InputError("rasters", f"are not on one grid: {'; '.join(differences)}")
