"""Calculating with arrays in memory of which some cells are masked, as numpy.ma would, several times as fast.

A constant has the type that numpy gives it by itself (int64, float64, bool), as numpy.ma has it: uint8 cells times 2
are int64, and nothing wraps; float32 cells times 2 are float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

type Mask = NDArray[np.bool_] | None
"""True where a cell is masked; None: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Values, and which of them are masked; what stands in ``data`` for a masked cell means nothing."""

    data: NDArray[Any]
    mask: Mask = None
    """Of the shape of the data."""

    @classmethod
    def of(cls, value: Any) -> Block:
        """An array, a masked one, a number or a list of numbers; raises TypeError, ValueError for anything else."""
        if isinstance(value, Block):
            return value
        if isinstance(value, np.ma.MaskedArray):
            mask = np.ma.getmask(value)
            return cls(data=np.asarray(value.data), mask=None if mask is np.ma.nomask else np.asarray(mask))
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{type(value).__name__} is no array of numbers")
        return cls(data=array)

    def masked(self) -> np.ma.MaskedArray[Any, np.dtype[Any]]:
        """As numpy.ma has it."""
        return np.ma.MaskedArray(self.data, np.ma.nomask if self.mask is None else self.mask)

    def finite(self) -> np.ma.MaskedArray[Any, np.dtype[Any]]:
        """The same, with what is no finite number masked as well."""
        bad = ~np.isfinite(self.data) if self.data.dtype.kind == "f" else np.zeros((), bool)
        mask = bad if self.mask is None else self.mask | bad
        return np.ma.MaskedArray(self.data, np.broadcast_to(mask, self.data.shape))

    def __getitem__(self, index: Any) -> Block:
        mask = None if self.mask is None else np.asarray(self.mask[index])
        return Block(data=np.asarray(self.data[index]), mask=mask)


def either(first: Mask, second: Mask) -> Mask:
    """Where one of two masks says so, which are broadcast against each other."""
    if first is second or second is None:
        return first
    return second if first is None else first | second


OPERATORS: Final[Mapping[str, Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.true_divide,
    "%": np.remainder,
    "**": np.power,
    "==": np.equal,
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "<": np.less,
    ">": np.greater,
    "and": np.logical_and,
    "or": np.logical_or,
}
DOMAINS: Final = frozenset({"/", "%", "**"})
"""Operators that mask a cell whose result is not finite, as numpy.ma does."""


def operate(sign: str, left: Block, right: Block) -> Block:
    """Two blocks with an operator between, cell by cell, broadcast against each other as numpy does."""
    a, b = left.data, right.data
    if sign == "-" and a.dtype == b.dtype == np.bool_:
        a = a.astype(np.int64)  # numpy subtracts no truth values
    if sign == "**":
        a = _base(a, b)
    data = np.asarray(OPERATORS[sign](a, b))
    mask = _spread(either(left.mask, right.mask), data.shape)
    if sign in DOMAINS:
        bad = b == 0 if data.dtype.kind in "iu" and sign == "%" else None
        if data.dtype.kind == "f":
            bad = ~np.isfinite(data)
        if bad is not None and bad.any():
            mask = either(mask, np.broadcast_to(bad, data.shape))
    return Block(data=data, mask=mask)


def _base(base: NDArray[Any], exponent: NDArray[Any]) -> NDArray[Any]:
    """As a float where the exponent may be a negative whole number, which numpy refuses."""
    whole = base.dtype.kind in "biu" and exponent.dtype.kind == "i"
    return base.astype(np.float64) if whole and (exponent.ndim > 0 or exponent < 0) else base


def _spread(mask: Mask, shape: tuple[int, ...]) -> Mask:
    return mask if mask is None or mask.shape == shape else np.broadcast_to(mask, shape)


def negated(block: Block) -> Block:
    """Minus the block; of truth values 0 and -1."""
    data = block.data.astype(np.int64) if block.data.dtype == np.bool_ else block.data
    return Block(data=np.asarray(np.negative(data)), mask=block.mask)


def hide(block: Block, condition: Block) -> Block:
    """The block, masked also where the condition holds; where it is masked itself, nobody knows whether it does."""
    holds = condition.data if condition.data.dtype == np.bool_ else condition.data.astype(bool)
    if condition.mask is not None:
        holds = holds & ~condition.mask
    shape = np.broadcast_shapes(block.data.shape, holds.shape)
    data = np.broadcast_to(block.data, shape)
    return Block(data=data, mask=either(_spread(block.mask, shape), np.broadcast_to(holds, shape)))


def _masked_cells(block: Block) -> Block:
    mask = block.mask
    return Block(data=np.zeros(block.data.shape, bool) if mask is None else np.array(mask))


def _cast(dtype: str) -> Callable[[Block], Block]:
    kind = np.dtype(dtype)

    def cast(block: Block) -> Block:
        mask = block.mask
        if kind.kind == "i" and block.data.dtype.kind == "f":
            bad = ~np.isfinite(block.data)
            if bad.any():  # no whole number stands for them
                mask = either(mask, bad)
        return Block(data=block.data.astype(kind), mask=mask)

    return cast


def _ufunc(function: Any) -> Callable[[Block], Block]:
    return lambda block: Block(data=np.asarray(function(block.data)), mask=block.mask)


CELLWISE: Final[Mapping[str, Callable[[Block], Block]]] = {
    "abs": _ufunc(np.absolute),
    "floor": _ufunc(np.floor),
    "ceil": _ufunc(np.ceil),
    "get_mask": _masked_cells,
    "int": _cast("int64"),
    "float": _cast("float64"),
    **{name: _cast(name) for name in ("int8", "int16", "int32", "int64", "float16", "float32", "float64")},
}
"""The functions of each cell by itself."""


def reduce_block(function: str, block: Block, axis: int | None) -> Block:
    """min, max, mean, std, var or median along an axis (None: of all), of the cells that are neither masked nor NaN.

    Where there is none, the result is masked.
    """
    values = block.masked()
    if block.data.dtype.kind == "f":
        values = np.ma.masked_where(np.isnan(block.data), values)
    kind = _result_type(function, block.data.dtype)
    if function == "median":
        result = np.ma.median(values, axis=axis)
    elif function in ("min", "max"):
        result = getattr(values, function)(axis=axis)
    else:
        result = getattr(values, function)(axis=axis, dtype=np.float64)
    reduced = Block.of(np.ma.asanyarray(result))
    return Block(data=reduced.data.astype(kind), mask=reduced.mask)


def _result_type(function: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Of a reduction: the cells' own for min and max, and for floats; else float64."""
    return dtype if function in ("min", "max") or dtype.kind == "f" else np.dtype(np.float64)
