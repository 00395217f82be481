"""A raster held in memory: its values, which of them are missing, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from rasterio.transform import array_bounds

from dragoman.rasters.nodata import nodata_of

if TYPE_CHECKING:
    from rasterio.crs import CRS

    from dragoman.rasters.nodata import Nodata


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Raster:
    """Values on a grid; the masked ones are nodata.

    Checked at entry: the shape is (bands, rows, cols) with at least one of each, the values are
    numbers, nodata fits their type, and there is one name for each band.
    """

    array: np.ma.MaskedArray[Any, np.dtype[Any]]
    """Shape (bands, rows, cols); a plain array becomes one without masked values, 2-D one band."""
    transform: Affine
    """From (col, row) to (x, y) of the CRS; (0, 0) is the outer corner of the first pixel."""
    crs: CRS | None = None
    """None: not known."""
    nodata: Nodata = None
    """What stands for a masked value in a file; None: a file needs a mask of its own. Long integers are ints."""
    band_names: tuple[str, ...] = ()
    """One for each band; empty strings where the source had none."""

    def __post_init__(self) -> None:
        array = np.ma.asanyarray(self.array)
        if array.ndim == 2:
            array = array[np.newaxis]
        if array.ndim != 3 or 0 in array.shape:
            raise ValueError(f"a raster has the shape (bands, rows, cols), not {array.shape}")
        if array.dtype.kind not in "iuf":
            raise ValueError(f"a raster holds integers or floats, not {array.dtype}")
        names = tuple(self.band_names) or ("",) * array.shape[0]
        if len(names) != array.shape[0]:
            raise ValueError(f"{len(names)} band names for {array.shape[0]} bands")
        if self.nodata is not None and not fits(self.nodata, array.dtype):
            raise ValueError(f"nodata {self.nodata} does not fit {array.dtype}")
        if not isinstance(self.transform, Affine):
            raise TypeError("transform is an affine.Affine")
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "band_names", names)

    @classmethod
    def from_dataset(cls, dataset: Any) -> Raster:
        """The whole of an open rasterio dataset; whoever cannot hold that reads by windows."""
        array = dataset.read(masked=True)
        nodata = nodata_of(dataset)
        if nodata is not None and not fits(nodata, array.dtype):
            nodata = None
        return cls(
            array=array,
            transform=dataset.transform,
            crs=dataset.crs,
            nodata=nodata,
            band_names=tuple(name or "" for name in dataset.descriptions),
        )

    @property
    def count(self) -> int:
        """Number of bands."""
        return int(self.array.shape[0])

    @property
    def height(self) -> int:
        """Number of rows."""
        return int(self.array.shape[1])

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.array.shape[2])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.array.dtype

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top of the outer edges, in units of the CRS."""
        left, bottom, right, top = array_bounds(self.height, self.width, self.transform)
        return (left, bottom, right, top)


def fits(value: float, dtype: np.dtype[Any]) -> bool:
    """Whether ``value`` can be told in ``dtype`` (NaN and infinities only in floats and complex numbers)."""
    if dtype.kind in "fc":
        return not np.isfinite(value) or abs(value) <= float(np.finfo(dtype).max)
    if not np.isfinite(value) or value != int(value):
        return False
    limits = np.iinfo(dtype)
    return int(limits.min) <= int(value) <= int(limits.max)
