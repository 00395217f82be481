"""Rasters warped as they are read, each region in its own way (see ``warp_regions``)."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from rasterio.enums import Resampling
from rasterio.windows import Window, intersect, intersection

from dragoman.errors import InvalidRequest
from dragoman.rasters.crs import TRANSFORM_ERRORS, crs_label
from dragoman.rasters.grids import Grid, missing_options
from dragoman.rasters.overlaps import moved, turns
from dragoman.rasters.reading import Warped, checking
from dragoman.rasters.warp_regions import KERNELS, surveyed
from dragoman.rasters.windows import EXACT_IN_FLOAT32
from dragoman.rasters.world_seam import around, beyond, further, goes_around, meets_an_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dragoman.rasters.warp_regions import Regions, Way

NEAR = 0.06
"""Source pixels by which GDAL may simplify the way along a row; its own 0.125 costs bilinear more than the field."""


class Pieced:
    """A raster on another grid, each region of it warped in its own way; read as a dataset is."""

    def __init__(self, source: Any, regions: Regions, options: dict[str, Any], stack: ExitStack) -> None:
        self._source, self._regions, self._options, self._stack = source, regions, options, stack
        self._views: dict[Way, Any] = {}
        self.first = self._view(regions[0][1])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.first, name)

    def read(self, indexes: Any, *, window: Window, out_dtype: Any = None) -> NDArray[Any]:
        """As rasterio's, for a window within the grid."""
        return self._joined("read", indexes, window, {"out_dtype": out_dtype} if out_dtype else {})

    def read_masks(self, indexes: Any, *, window: Window) -> NDArray[Any]:
        """As rasterio's, for a window within the grid."""
        return self._joined("read_masks", indexes, window, {})

    def _joined(self, method: str, indexes: Any, window: Window, options: dict[str, Any]) -> NDArray[Any]:
        values: NDArray[Any] | None = None
        for region, way in self._regions:
            if not intersect([region, window]):
                continue
            part = intersection([region, window])
            with checking(edged=way.edged):
                piece = getattr(self._view(way), method)(indexes, window=part, **options)
            if values is None:
                values = np.empty((*piece.shape[:-2], int(window.height), int(window.width)), piece.dtype)
            row, col = int(part.row_off - window.row_off), int(part.col_off - window.col_off)
            values[..., row : row + int(part.height), col : col + int(part.width)] = piece
        assert values is not None
        return values

    def _view(self, way: Way) -> Any:
        if way not in self._views:
            with checking(edged=way.edged):
                view = Warped(self._source, **{**self._options, **way.options()})
            self._views[way] = self._stack.enter_context(view)
        return self._views[way]


def columns_beyond(source: Any, target: Grid, regions: Regions, resampling: str) -> int:
    """By how many columns at each end a dataset that goes around the world is continued, if a kernel needs it."""
    grid = Grid.of(source)
    if resampling not in KERNELS or source.driver != "GTiff" or not goes_around(grid):
        return 0
    columns = beyond(grid.width, (way.scale for _, way in regions))
    return columns + further(grid, target) if meets_an_end(grid, target, columns) else 0


def moves(source: Any, target: Grid, regions: Regions, resampling: str) -> list[float]:
    """By how many units of its x a dataset is to be warped, once each, so that it lies under all of the target."""
    if columns_beyond(source, target, regions, resampling):
        return [0.0]
    return turns(Grid.of(source), target)


@contextmanager
def warped(
    source: Any, target: Grid, regions: Regions, *, transform: Affine, resampling: str, **options: Any
) -> Iterator[Any]:
    """An open dataset on the target grid, readable by window: ``regions`` are those that a Survey tells.

    ``transform`` is the source's, perhaps moved by a turn; ``options`` are those of ``WarpedVRT``.
    """
    with ExitStack() as stack:
        if columns := columns_beyond(source, target, regions, resampling):
            source = stack.enter_context(around(source, columns))
            transform = transform @ Affine.translation(-columns, 0)
        all_options = {
            "crs": target.crs,
            "transform": target.transform,
            "width": target.width,
            "height": target.height,
            "resampling": Resampling[resampling],
            "src_transform": transform,
            **({"tolerance": NEAR} if resampling in KERNELS else {}),
            **options,
        }
        view = Pieced(source, regions, all_options, stack)
        yield view if len(regions) > 1 or regions[0][1].edged else view.first


class Filled:
    """Several views of one raster with nodata NaN, each a turn further; what one lacks comes from the next."""

    def __init__(self, views: list[Any]) -> None:
        self._views = views

    def __getattr__(self, name: str) -> Any:
        return getattr(self._views[0], name)

    def read(self, indexes: Any, *, window: Window, out_dtype: Any = None) -> NDArray[Any]:
        """As rasterio's, for a window within the grid."""
        values: NDArray[Any] = self._views[0].read(indexes, window=window, out_dtype=out_dtype)
        for view in self._views[1:]:
            missing = np.isnan(values)
            if missing.any():
                values[missing] = view.read(indexes, window=window, out_dtype=out_dtype)[missing]
        return values


@contextmanager
def on_grid(
    dataset: Any, grid: Grid, resampling: str = "bilinear", regions: Regions | None = None
) -> Iterator[Any]:
    """A readable dataset with the bands of ``dataset`` on ``grid``: itself, or warped as it is read.

    Warped bands are floats (float32 where exact) with nodata NaN: outside of ``dataset``, and where
    it has no data. ``regions`` are those of an earlier survey. Raises InvalidRequest where a CRS is missing or no
    transformation is known.
    """
    source = Grid.of(dataset)
    if source.same_as(grid):
        yield dataset
        return
    regions = regions or surveyed(source, grid, resampling)
    options = {
        "nodata": float("nan"),
        "dtype": "float32" if EXACT_IN_FLOAT32.issuperset(dataset.dtypes) else "float64",
        **missing_options(dataset),
    }
    with ExitStack() as stack:
        try:
            views = [
                stack.enter_context(
                    warped(
                        dataset,
                        grid,
                        regions,
                        transform=moved(source, turn),
                        resampling=resampling,
                        **options,
                    )
                )
                for turn in moves(dataset, grid, regions, resampling)
            ]
        except TRANSFORM_ERRORS as error:
            raise InvalidRequest(
                f"no transformation from {crs_label(source.crs)} to {crs_label(grid.crs)} is known here"
            ) from error
        yield views[0] if len(views) == 1 else Filled(views)
