"""From the numbers that a NetCDF variable stores to the values that they stand for: CF's masking and scaling.

The one place for it: what a package is given as a dataset, and what the bundled processes calculate with, is decoded
here. What is missing becomes NaN, so integers become floats where they are packed or some of them may be missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dragoman.rasters.netcdf_missing import (
    NO_BOUNDS,
    Bounds,
    Number,
    bounds_type,
    declared_missing,
    default_missing,
    numbers_type,
    valid_bounds,
)
from dragoman.rasters.scaling import check_exact, distinct_in_float32

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

NOT_A_TIME: Final = np.iinfo(np.int64).min
"""What xarray reads as NaT among integers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """How the stored numbers of one variable become values."""

    stored: np.dtype[Any]
    """The type in the file, in native order."""
    numbers: np.dtype[Any]
    """The type they are taken as: ``stored``, or with the other sign."""
    missing: tuple[Number, ...] = ()
    """Stored numbers that stand for no value, in type ``numbers``."""
    bounds: Bounds = NO_BOUNDS
    """Stored numbers outside of them are missing."""
    scale: float | None = None
    offset: float | None = None
    value_bounds: Bounds = NO_BOUNDS
    """Values outside of them, after scaling, are missing."""
    declared: bool = False
    """Whether the file itself names values that are missing, by ``_FillValue`` or ``missing_value``."""
    times: bool = False
    """Whether unpacked integers count time: the missing ones become ``NOT_A_TIME``."""

    @property
    def scaled(self) -> bool:
        """Whether the numbers are packed."""
        return self.scale is not None or self.offset is not None

    @property
    def integers(self) -> bool:
        """Whether values may stay integers: they are stored so, and are not packed."""
        return self.numbers.kind in "iu" and not self.scaled

    @property
    def masking(self) -> bool:
        """Whether there is anything but NaN that could be missing."""
        return bool(self.missing) or self.bounds != NO_BOUNDS or self.value_bounds != NO_BOUNDS

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        if self.scaled:
            return np.dtype(np.float32 if self._narrow() else np.float64)
        if not (self.integers and self.masking):
            return self.numbers
        if self.times:
            return np.dtype(np.int64)
        return np.dtype(np.float32 if self.numbers.itemsize <= 2 else np.float64)

    def _narrow(self) -> bool:
        """Whether float32 is the type of the packing, and keeps all steps apart."""
        single = all(isinstance(item, np.float32) for item in (self.scale, self.offset) if item is not None)
        if not single or self.scale is None or self.numbers.itemsize > (4 if self.numbers.kind == "f" else 2):
            return False
        offset = 0.0 if self.offset is None else self.offset
        return self.numbers.kind == "f" or distinct_in_float32(self.numbers, float(self.scale), float(offset))

    def without_missing(self) -> Decoder:
        """The same for a variable in which nothing is missing, whatever could be."""
        return replace(self, missing=(), bounds=NO_BOUNDS, value_bounds=NO_BOUNDS)

    def numbers_of(self, stored: NDArray[Any]) -> NDArray[Any]:
        """The stored numbers in native order and with the sign that is meant; no copy where none is needed."""
        return stored.astype(self.stored, copy=False).view(self.numbers)

    def missing_of(self, numbers: NDArray[Any], *, infinite: bool = False) -> NDArray[np.bool_] | None:
        """Where stored numbers are missing; None where none is. Looks at the extremes first.

        NaN aside, unless ``infinite``: then NaN and infinities are missing as well.
        """
        infinite = infinite and numbers.dtype.kind == "f"
        if not numbers.size or not (infinite or self.missing or self.bounds != NO_BOUNDS):
            return None
        least, greatest = numbers.min(), numbers.max()  # NaN if there is one
        low, high = self.bounds
        finite = bool(np.isfinite(least) and np.isfinite(greatest))
        if finite or not (infinite or np.isnan(least)):
            inside = (low is None or least >= low) and (high is None or greatest <= high)
            if inside and not any(least <= value <= greatest for value in self.missing):
                return None
        mask = np.zeros(numbers.shape, dtype=bool) if finite or not infinite else ~np.isfinite(numbers)
        for value in self.missing:
            mask |= numbers == value
        _outside(numbers, self.bounds, mask)
        return mask if mask.any() else None

    def values_of(
        self, numbers: NDArray[Any], *, infinite: bool = False
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Values, and where they are missing (None: nowhere), as ``missing_of``; what is masked is unspecified.

        Unpacked integers stay integers. The values may be the very ``numbers``.
        """
        mask = self.missing_of(numbers, infinite=infinite)
        if not self.scaled:
            return numbers, mask
        values = numbers.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            if self.scale is not None:
                values *= float(self.scale)
            if self.offset is not None:
                values += float(self.offset)
            values = values.astype(self.dtype, copy=False)
        beyond = replace(self, missing=(), bounds=self.value_bounds).missing_of(values, infinite=infinite)
        if beyond is not None:
            mask = beyond if mask is None else mask | beyond
        return values, mask

    def decode(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Values of ``dtype``, NaN where they are missing.

        Raises InvalidRequest where an integer is so large that the float which NaN asks for loses digits of it.
        """
        values, mask = self.values_of(self.numbers_of(stored))
        dtype = self.dtype
        if dtype == values.dtype and mask is None:
            return values
        if self.integers and dtype.kind == "f":
            check_exact(values, mask)
        decoded = values.astype(dtype)
        if mask is not None:
            decoded[mask] = NOT_A_TIME if dtype.kind == "i" else np.nan
        return decoded


def decoder_of(
    attributes: Mapping[str, Any], stored: np.dtype[Any], *, default_fill: bool = True, times: bool = False
) -> Decoder:
    """The decoder of a variable of numbers with these attributes.

    ``default_fill`` says whether the library's fill value counts where none is declared. Bounds are those of the
    packed numbers, unless they are told in the type of the packing, which is wider (NetCDF User's Guide).
    """
    numbers = numbers_type(attributes, stored)
    scale, offset = _factor(attributes.get("scale_factor")), _factor(attributes.get("add_offset"))
    declared = declared_missing(attributes, numbers)
    default = default_missing(attributes, numbers) if default_fill else []
    decoder = Decoder(
        stored=stored.newbyteorder("="),
        numbers=numbers,
        missing=tuple(dict.fromkeys([*declared, *default])),
        scale=scale,
        offset=offset,
        declared=bool(declared),
        times=times,
    )
    if _bounds_of_values(attributes, decoder):
        return replace(decoder, value_bounds=valid_bounds(attributes, decoder.dtype))
    return replace(decoder, bounds=_narrowing(valid_bounds(attributes, numbers), numbers))


def _factor(value: Any) -> Any:
    """A scale or offset as numpy number; None where there is none, or no finite one."""
    if value is None:
        return None
    array = np.asarray(value)
    if array.size != 1:
        return None
    try:
        factor = array.ravel()[0] if array.dtype.kind in "iuf" else np.float64(array.item())
    except (TypeError, ValueError):
        return None
    return factor if np.isfinite(factor) else None


def _bounds_of_values(attributes: Mapping[str, Any], decoder: Decoder) -> bool:
    told = bounds_type(attributes)
    if told is None or not decoder.scaled:
        return False
    packing = np.result_type(
        *(np.asarray(item).dtype for item in (decoder.scale, decoder.offset) if item is not None)
    )
    wider = packing.kind == "f" and (
        decoder.numbers.kind in "iu" or packing.itemsize > decoder.numbers.itemsize
    )
    return told == packing and wider


def _narrowing(bounds: Bounds, dtype: np.dtype[Any]) -> Bounds:
    """The bounds without those that every integer of the type is within."""
    if dtype.kind not in "iu":
        return bounds
    limits, (low, high) = np.iinfo(dtype), bounds
    return (
        None if low is None or low <= int(limits.min) else low,
        None if high is None or high >= int(limits.max) else high,
    )


def _outside(values: NDArray[Any], bounds: Bounds, mask: NDArray[np.bool_]) -> None:
    """Mark in ``mask`` what is outside of the bounds; NaN is not."""
    low, high = bounds
    if low is not None:
        mask |= values < low
    if high is not None:
        mask |= values > high
