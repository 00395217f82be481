"""Pyramids of the variables of a NetCDF file: a GeoTIFF for each, with a band for each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dragoman.errors import InvalidRequest
from dragoman.maps.pyramids import add_overviews, new_pyramid
from dragoman.maps.renderers import resolved
from dragoman.maps.statistics import BandStatistics, needs_sample
from dragoman.model.map_service import MapVariable
from dragoman.rasters.raster_layers import cells
from dragoman.rasters.windows import windows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from dragoman.model.map_service import MapGrid
    from dragoman.model.renderer import Renderer
    from dragoman.rasters.netcdf_layers_reading import NetcdfLayer

WINDOW: Final = 1024
"""Cells along a side of a window."""
BLOCK: Final = 1 << 24
"""Cells that are held at once, of all the steps together."""


def draw_netcdf(
    layers: Mapping[str, NetcdfLayer],
    renderers: Mapping[str, Renderer],
    folder: Path,
    place: Path,
    *,
    stem: str,
    strict: bool,
) -> tuple[MapGrid, list[MapVariable]]:
    """Write the pyramids of some layers into ``folder``, which will be ``place``; their grid, and what they hold.

    Of those that share a grid; see ``on_one_grid``.
    """
    variables: list[MapVariable] = []
    grid, names = on_one_grid(layers, renderers, strict=strict)
    for index, name in enumerate(names):
        layer, renderer = layers[name], renderers[name]
        file = f"{stem}{index}.tif"
        statistics = _write_steps(layer, renderer, folder / file)
        drawn = tuple((place / file, step + 1) for step in range(layer.steps))
        variables.append(
            layer_variable(
                name, index, renderer, statistics, dtype=layer.dtype, nodata=layer.nodata, drawn=drawn,
                units=layer.units, times=layer.times,
            )
        )  # fmt: skip
    return grid, variables


def on_one_grid(
    layers: Mapping[str, NetcdfLayer], names: Iterable[str], *, strict: bool
) -> tuple[MapGrid, list[str]]:
    """The grid that the layers of a service share, that of the first, and their names.

    One on another grid is left out, or, if ``strict``, refused as InvalidRequest.
    """
    first, *others = names
    grid, shared = layers[first].grid, [first]
    for name in others:
        if layers[name].grid == grid:
            shared.append(name)
        elif strict:
            raise InvalidRequest(f"its variables lie on several grids; '{name}' on another than the first")
    return grid, shared


def _write_steps(layer: NetcdfLayer, renderer: Renderer, target: Path) -> BandStatistics:
    """Write a variable's steps as the bands of a pyramid, and gather what its values are."""
    grid = layer.grid
    statistics = BandStatistics(cells(grid) * layer.steps, sampled=needs_sample(renderer))
    with new_pyramid(target, grid, dtype=layer.dtype, count=layer.steps, nodata=layer.nodata) as copy:
        for window in windows_of(grid.width, grid.height, size=WINDOW):
            corner = int(window.row_off), int(window.col_off)
            together = max(1, BLOCK // int(window.width * window.height))
            for first in range(0, layer.steps, together):
                steps = range(first, min(first + together, layer.steps))
                for step, values in zip(steps, layer.read(steps, window), strict=True):
                    valid = ~np.isnan(values) if values.dtype.kind == "f" else None
                    statistics.add(values, valid, corner, step)
                    copy.write(values, step + 1, window=window)
    add_overviews(target)
    return statistics


def layer_variable(
    name: str, index: int, renderer: Renderer, statistics: BandStatistics, **members: Any
) -> MapVariable:
    """What is known of one layer, given its ``statistics``; ``members`` are further fields."""
    return MapVariable(
        name=name,
        index=index,
        minimum=statistics.minimum,
        maximum=statistics.maximum,
        renderer=resolved(renderer, statistics.words(renderer.words)),
        **members,
    )
