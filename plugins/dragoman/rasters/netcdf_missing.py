"""Which of a NetCDF variable's stored numbers are missing, by what its attributes say.

``_FillValue`` and ``missing_value`` name values, ``valid_min``, ``valid_max`` and ``valid_range`` bounds (CF 2.5.1);
all are told in the type of the stored numbers, and are brought into it where a file tells them in another. Where no
``_FillValue`` is declared, the library's default fill is what was never written (NetCDF User's Guide, appendix A).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

type Number = int | float
type Bounds = tuple[Number | None, Number | None]
"""The least and the greatest valid number, both inclusive; None: no bound."""

DEFAULT_FILLS: Final[Mapping[str, Number]] = {
    "i2": -32767,
    "u2": 65535,
    "i4": -2147483647,
    "u4": 4294967295,
    "i8": -9223372036854775806,
    "u8": 18446744073709551614,
    "f4": 9.969209968386869e36,
    "f8": 9.969209968386869e36,
}
"""By type: what the library writes where nothing was; single bytes have none, since each of their values is data."""

NO_BOUNDS: Final[Bounds] = (None, None)


def numbers_type(attributes: Mapping[str, Any], stored: np.dtype[Any]) -> np.dtype[Any]:
    """The native type the stored numbers are to be taken as: ``_Unsigned`` changes the sign of an integer."""
    native = stored.newbyteorder("=")
    unsigned = str(attributes.get("_Unsigned", "")).strip().lower()
    if native.kind == "i" and unsigned == "true":
        return np.dtype(f"u{native.itemsize}")
    if native.kind == "u" and unsigned == "false":
        return np.dtype(f"i{native.itemsize}")
    return native


def declared_missing(attributes: Mapping[str, Any], dtype: np.dtype[Any]) -> list[Number]:
    """The numbers of ``dtype`` that ``_FillValue`` and ``missing_value`` name; NaN is missing anyway."""
    return [
        number
        for key in ("_FillValue", "missing_value")
        if key in attributes
        for item in _items(attributes[key])
        for number in _brought(item, dtype)
    ]


def default_missing(attributes: Mapping[str, Any], dtype: np.dtype[Any]) -> list[Number]:
    """The library's default fill, where ``_FillValue`` does not name another that the type can hold."""
    if any(True for item in _items(attributes.get("_FillValue", ())) for _ in _brought(item, dtype)):
        return []
    fill = DEFAULT_FILLS.get(dtype.str[1:])
    return [] if fill is None else [dtype.type(fill).item()]


def valid_bounds(attributes: Mapping[str, Any], dtype: np.dtype[Any]) -> Bounds:
    """The bounds that ``valid_range``, or else ``valid_min`` and ``valid_max`` tell, in ``dtype``."""
    low, high = _declared_bounds(attributes)
    return _bound(low, dtype, math.ceil), _bound(high, dtype, math.floor)


def bounds_type(attributes: Mapping[str, Any]) -> np.dtype[Any] | None:
    """The type in which a file tells its bounds; None where it has none."""
    known = [item for item in _declared_bounds(attributes) if item is not None]
    return np.result_type(*(np.asarray(item).dtype for item in known)) if known else None


def _declared_bounds(attributes: Mapping[str, Any]) -> tuple[Any, Any]:
    both = list(_items(attributes.get("valid_range", ())))
    if len(both) == 2:
        return both[0], both[1]
    ends = [list(_items(attributes.get(key, ()))) for key in ("valid_min", "valid_max")]
    low, high = (end[0] if len(end) == 1 else None for end in ends)
    return low, high


def _items(value: Any) -> Iterator[Any]:
    """The numbers of an attribute, one or many; a text counts if it spells a number."""
    for item in np.atleast_1d(np.asarray(value)).ravel():
        if isinstance(item, str | bytes):
            try:
                yield np.float64(item)
            except ValueError:
                continue
        elif np.asarray(item).dtype.kind in "iuf":
            yield item


def _brought(item: Any, dtype: np.dtype[Any]) -> Iterator[Number]:
    """The number of ``dtype`` that an attribute's item stands for; nothing where the type cannot hold it.

    A float32 on doubles stands also for the decimal it was written as: 1e20 for 100000002004087734272.
    """
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            number = dtype.type(item)
        if np.isnan(number) or (np.isinf(number) and not np.isinf(item)):
            return
        yield number.item()
        if dtype.itemsize > item.dtype.itemsize and item.dtype.kind == "f":
            yield dtype.type(str(item)).item()
    elif np.isfinite(item) and item == int(item):
        number = _as_signed(int(item), item.dtype, dtype)
        limits = np.iinfo(dtype)
        if int(limits.min) <= number <= int(limits.max):
            yield number


def _as_signed(number: int, told: np.dtype[Any], dtype: np.dtype[Any]) -> int:
    """The number in the sign of ``dtype``: an attribute of ``_Unsigned`` bytes tells 255 as -1, or as 255."""
    bits = 8 * int(dtype.itemsize)
    if told.kind not in "iu" or told.itemsize > dtype.itemsize:
        return number
    if dtype.kind == "u" and number < 0:
        return number + (1 << bits)
    if dtype.kind == "i" and number >= 1 << (bits - 1):
        return number - (1 << bits)
    return number


def _bound(item: Any, dtype: np.dtype[Any], rounded: Any) -> Number | None:
    if item is None or not np.isfinite(item):
        return None
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            number = dtype.type(item)
        return number.item() if np.isfinite(number) else None
    return _as_signed(int(rounded(item)), item.dtype, dtype)
