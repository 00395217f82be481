"""Calculating with plain values: the constants of an expression, and what reductions have given."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dragoman.expressions.nodes import Plain

LARGEST_WHOLE: Final = 2**63
"""A whole number beyond is calculated as a float, as numpy's would be."""

ARITHMETIC: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "**": operator.pow,
}
COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


class NotCalculable(ValueError):
    """What an operator cannot do, in words for whoever wrote the expression."""


def calculate(sign: str, left: Plain, right: Plain) -> Plain:
    """The value of two plain values with an operator between; raises NotCalculable."""
    if sign == "and":
        return left and right
    if sign == "or":
        return left or right
    if sign == "==" and isinstance(left, str) == isinstance(right, str):
        return left == right
    if isinstance(left, str) or isinstance(right, str):
        raise NotCalculable(f"{sign} does not work on texts; allowed: ==")
    if sign in COMPARISONS:
        return COMPARISONS[sign](left, right)
    return _arithmetic(sign, left, right)


def negated(value: Plain) -> Plain:
    """Minus the value; raises NotCalculable for a text."""
    if isinstance(value, str):
        raise NotCalculable("a text has no sign; allowed: a number")
    return -value


def _arithmetic(sign: str, left: float, right: float) -> float:
    if sign == "**" and not _small_power(left, right):
        left, right = float(left), float(right)
    try:
        result = ARITHMETIC[sign](left, right)
    except ZeroDivisionError:
        raise NotCalculable("a division by zero") from None
    except OverflowError:
        raise NotCalculable(f"the result of {sign} is too large for a number") from None
    if isinstance(result, complex) or not math.isfinite(result):
        raise NotCalculable(f"the result of {sign} is no finite, real number")
    if isinstance(result, int) and abs(result) >= LARGEST_WHOLE:
        return float(result)
    return result


def _small_power(base: float, exponent: float) -> bool:
    """Whether a power of whole numbers stays one that is cheap to calculate."""
    if isinstance(base, float) or isinstance(exponent, float) or exponent < 0:
        return False
    return abs(base) <= 1 or exponent * math.log2(abs(base)) < 64
