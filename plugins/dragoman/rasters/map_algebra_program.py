"""An expression of map algebra, parsed, checked and compiled for numexpr."""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numexpr
import numpy as np

from dragoman.rasters.map_algebra import NUMEXPR, Translator, fault

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LENGTH = 2000
"""Characters of an expression."""
MAX_BANDS = 24
"""Different bands that one expression names; numexpr takes 32 arrays."""


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
