"""What values a service has: class breaks and different values. Contract: ncdjango.md, 5, info.

A band of more than MOST_CELLS cells is looked at through the first of its overviews that has fewer: nearest-neighbour
overviews hold values that the data have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rasterio.errors import RasterioError

from dragoman.errors import InvalidRequest, MapUnreadable
from dragoman.maps.drawing.views import usable_nodata

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from dragoman.maps.drawing.open_files import OpenFiles
    from dragoman.maps.drawing.orders import Band, Classes, UniqueValues
    from dragoman.model.process import JSON

MOST_CELLS: Final = 2**22
"""That are read of all bands together."""
MOST_SORTED: Final = 2000
"""Values among which natural breaks are looked for: the time grows with their square."""
MOST_CLASSES: Final = 100


def class_breaks(order: Classes, files: OpenFiles) -> dict[str, JSON]:
    """``breaks``, where each class ends, and ``min``, where the first begins; raises MapUnreadable."""
    if not 1 <= order.count <= MOST_CLASSES:
        raise InvalidRequest(f"breaks: got {order.count}; allowed: 1 to {MOST_CLASSES}")
    values = np.sort(_values(order.bands, files))
    if not values.size:
        return {"breaks": [], "min": None}
    return {"breaks": [_plain(each) for each in _breaks(order, values)], "min": _plain(values[0])}


def _breaks(order: Classes, values: NDArray[Any]) -> Iterable[Any]:
    if order.method == "equal":
        return np.linspace(float(values[0]), float(values[-1]), order.count + 1)[1:]
    if order.method == "quantile":
        return np.percentile(values.astype(np.float64), np.linspace(0, 100, order.count + 1)[1:])
    return _natural_breaks(values.astype(np.float64), order.count)


def _natural_breaks(values: NDArray[np.float64], count: int) -> list[float]:
    """Jenks' natural breaks, of a sample that holds the first and the last of many values."""
    from jenkspy import jenks_breaks  # seldom asked for

    if values.size > MOST_SORTED:
        values = values[np.linspace(0, values.size - 1, MOST_SORTED).round().astype(np.intp)]
    different = np.unique(values)
    if different.size <= count:
        return [float(value) for value in different]
    return [float(value) for value in jenks_breaks(values, n_classes=count)[1:]]


def unique_values(order: UniqueValues, files: OpenFiles) -> dict[str, JSON]:
    """``num_values``, and of the ``values`` the first; cells without a value are none."""
    values = np.unique(_values(order.bands, files))
    return {"num_values": int(values.size), "values": [_plain(each) for each in values[: order.most]]}


def _values(bands: Sequence[Band], files: OpenFiles) -> NDArray[Any]:
    """All valid cells of some bands, in one row."""
    parts = [_valid_cells(band, files, MOST_CELLS // max(1, len(bands))) for band in bands]
    return np.concatenate(parts) if parts else np.empty(0)


def _valid_cells(band: Band, files: OpenFiles, most: int) -> NDArray[Any]:
    file = files.get(band.path)
    cells = file.full.width * file.full.height
    level = next(
        (n for n, factor in enumerate(file.factors) if cells / factor**2 <= most), len(file.factors) - 1
    )
    dataset = file.level(level)
    if not 1 <= band.number <= dataset.count:
        raise MapUnreadable
    try:
        values = dataset.read(band.number)
    except (RasterioError, MemoryError) as error:
        raise MapUnreadable from error
    absent = usable_nodata(dataset, band.number, band.nodata)
    valid = np.isfinite(values)
    if absent is not None:
        valid &= values != absent
    return np.asarray(values[valid])


def _plain(value: Any) -> float | int:
    """A number as JSON has it: one without a fraction is an integer."""
    number = float(value)
    return int(number) if number.is_integer() else number
