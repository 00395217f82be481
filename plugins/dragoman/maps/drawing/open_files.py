"""GeoTIFFs that a render process keeps open, each at the overviews that were drawn from; the least used is closed."""

from __future__ import annotations

import math
import warnings
from collections import OrderedDict
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.warp import transform_bounds

from dragoman.errors import InvalidRequest, MapUnreadable
from dragoman.maps.drawing.one_band import is_better_alone, open_alone
from dragoman.rasters.crs import TRANSFORM_ERRORS
from dragoman.rasters.opening import check_header, check_place

if TYPE_CHECKING:
    from rasterio.crs import CRS

MOST_FILES: Final = 32
"""Open at once; each has a handle for each of its overviews that is used."""
MOST_BANDS: Final = 8
"""Of one file, open at once by themselves."""
HALF_TURN: Final = 180.001
"""Degrees, and a little."""


class MapFile:
    """One open GeoTIFF. Raises MapUnreadable for what is none, or costs too much to read."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._handles: dict[int, Any] = {}
        self._alone: OrderedDict[tuple[int, int], Any] = OrderedDict()
        """Bands by themselves, by level and number, the least used first."""
        self._closing = ExitStack()
        self._bounds: dict[CRS, tuple[float, float, float, float] | None] = {}
        self.full = self._open(None)
        """The dataset at its own resolution."""
        self.factors: tuple[float, ...] = (1.0, *self._overview_factors())
        """How many of the file's columns one of each level has, the file itself first."""

    def level(self, number: int) -> Any:
        """The dataset at a level; 0 is the file itself, 1 its first overview."""
        return self.full if number == 0 else self._open(number - 1)

    def level_for(self, columns: float) -> Any:
        """The coarsest level of which a pixel that is so many of the file's columns wide has one at least."""
        return self.level(self._fitting(columns))

    def band_for(self, columns: float, band: int) -> tuple[Any, int]:
        """What a band is warped from at the level for so many columns: a dataset, and the band's number in it.

        Raises MapUnreadable for a band that is not there.
        """
        level = self._fitting(columns)
        dataset = self.level(level)
        if not 1 <= band <= dataset.count:
            raise MapUnreadable
        if not is_better_alone(dataset, band):
            return dataset, band
        if (level, band) not in self._alone:
            try:
                self._alone[level, band] = open_alone(dataset, self._path, level - 1 if level else None, band)
            except RasterioError as error:
                raise MapUnreadable from error
        self._alone.move_to_end((level, band))
        while len(self._alone) > MOST_BANDS:
            self._alone.popitem(last=False)[1].close()
        return self._alone[level, band], 1

    def _fitting(self, columns: float) -> int:
        return max(n for n, factor in enumerate(self.factors) if factor <= max(1.0, columns) * 1.001)

    def bounds_in(self, crs: CRS) -> tuple[float, float, float, float] | None:
        """Least x, least y, greatest x, greatest y of the file in a CRS; None: some of its places have none there."""
        if crs not in self._bounds:
            try:
                bounds = transform_bounds(self.full.crs, crs, *self.full.bounds)
            except TRANSFORM_ERRORS:
                bounds = (math.inf,) * 4
            known = all(map(math.isfinite, bounds)) and bounds[0] <= bounds[2]  # else around the antimeridian
            known &= len(self.turns) == 1
            self._bounds[crs] = bounds if known else None
        return self._bounds[crs]

    @property
    def turns(self) -> tuple[float, ...]:
        """By how many degrees its columns have to be moved to be found: 0 to 360 is seen at -180 to 180 as well."""
        left, _, right, _ = self.full.bounds
        if not (self.full.crs and self.full.crs.is_geographic):
            return (0.0,)
        east, west = right > HALF_TURN, left < -HALF_TURN
        return (0.0, *((-360.0,) if east else ()), *((360.0,) if west else ()))

    def close(self) -> None:
        """Close every handle."""
        while self._alone:
            self._alone.popitem()[1].close()
        self._closing.close()

    def _overview_factors(self) -> list[float]:
        shared = self.full.overviews(1)
        return [float(factor) for factor in shared if factor > 1]

    def _open(self, overview: int | None) -> Any:
        key = -1 if overview is None else overview
        if key not in self._handles:
            options = {} if overview is None else {"overview_level": overview}
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", NotGeoreferencedWarning)
                    dataset = rasterio.open(self._path, driver="GTiff", sharing=False, **options)
                self._closing.callback(dataset.close)
                check_header(dataset, Path(self._path).stat().st_size, None)
                check_place(dataset)
            except (RasterioError, OSError, ValueError, InvalidRequest) as error:
                self._closing.close()
                raise MapUnreadable from error
            self._handles[key] = dataset
        return self._handles[key]


class OpenFiles:
    """The files of one render process, by path and version: one that was replaced is opened anew."""

    def __init__(self, most: int = MOST_FILES) -> None:
        self._most = most
        self._files: OrderedDict[str, tuple[tuple[int, int, int], MapFile]] = OrderedDict()

    def get(self, path: str) -> MapFile:
        """The file, open; raises MapUnreadable."""
        try:
            status = Path(path).stat()
        except OSError as error:
            raise MapUnreadable from error
        version = (status.st_ino, status.st_size, status.st_mtime_ns)
        kept = self._files.get(path)
        if kept is not None and kept[0] == version:
            self._files.move_to_end(path)
            return kept[1]
        self.forget(path)
        file = MapFile(path)
        self._files[path] = (version, file)
        while len(self._files) > self._most:
            self.forget(next(iter(self._files)))
        return file

    def forget(self, path: str) -> None:
        """Close a file, if it is open: one that could not be read may be whole the next time."""
        kept = self._files.pop(path, None)
        if kept is not None:
            kept[1].close()

    def __len__(self) -> int:
        return len(self._files)
