"""Making a map service of a file of the operator's: in a process of its own, once for each state of the file.

A GeoTIFF in tiles with overviews is drawn from as it is. Of any other file, and of each variable of a NetCDF, a pyramid
is written, a band for each time; that is what ``MapVariable.drawn`` names, and what inputs are read from.
"""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dragoman.errors import InvalidRequest
from dragoman.maps.declarations import DOCUMENT, ServiceDeclaration
from dragoman.maps.netcdf_drawing import draw_netcdf, layer_variable, on_one_grid
from dragoman.maps.pyramids import add_overviews, has_mixed_overviews, has_pyramid, new_pyramid
from dragoman.maps.renderers import MIN_MAX
from dragoman.maps.service_codec import dump_service
from dragoman.maps.statistics import BandStatistics, needs_sample
from dragoman.model.map_service import MapService
from dragoman.rasters.netcdf_layers_reading import netcdf_layers
from dragoman.rasters.netcdf_opening import open_dataset, sniff_netcdf
from dragoman.rasters.opening import gdal_env, open_raster
from dragoman.rasters.raster_layers import RasterLayers, cells, layers_of
from dragoman.rasters.windows import windows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from dragoman.model.map_service import MapGrid, MapVariable
    from dragoman.model.renderer import Renderer


def make_own_service(declaration: ServiceDeclaration, folder: Path, place: Path) -> MapService:
    """Write what is to be drawn of the file into ``folder``, which will be moved to ``place``, relative to HOME.

    Raises InvalidRequest, in one line, for a file that cannot be served; OSError.
    """
    _check_there(declaration)
    with gdal_env():
        if sniff_netcdf(declaration.path) is not None:
            grid, variables = _of_netcdf(declaration, folder, place)
        else:
            grid, variables = _of_raster(declaration, folder, place)
    service = MapService(
        name=declaration.name,
        owner=None,
        description=declaration.description,
        created=datetime.fromtimestamp(declaration.path.stat().st_mtime, UTC),
        data=declaration.path,
        grid=grid,
        variables=tuple(variables),
    )
    (folder / DOCUMENT).write_text(json.dumps(dump_service(service)), "utf-8")
    return service


def open_own_file(declaration: ServiceDeclaration) -> None:
    """Open the file and look for its layers; no values are read, and nothing is written.

    Raises InvalidRequest, in one line, for a file that cannot be served as far as that tells; OSError.
    """
    _check_there(declaration)
    with gdal_env():
        if sniff_netcdf(declaration.path) is not None:
            with closing(open_dataset(declaration.path)) as dataset:
                layers = netcdf_layers(dataset)
                on_one_grid(layers, _chosen(declaration, layers), strict=bool(declaration.variables))
        else:
            with open_raster(declaration.path) as dataset:
                layers_of(dataset)
                _chosen(declaration, _band_names(dataset))


def _check_there(declaration: ServiceDeclaration) -> None:
    if not declaration.path.is_file():
        raise InvalidRequest(f"there is no file {declaration.path}")


def _chosen(declaration: ServiceDeclaration, there: Iterable[str]) -> dict[str, Renderer]:
    """The variables that are layers, in order, with their renderers; raises InvalidRequest for one that is none."""
    names = list(there)
    for name in declaration.variables:
        if name not in names:
            raise InvalidRequest(
                f"there is no variable '{name}' that can be drawn; allowed: {', '.join(names[:50])}"
            )
    return {name: declaration.variables.get(name) or MIN_MAX for name in declaration.variables or names}


def _of_raster(
    declaration: ServiceDeclaration, folder: Path, place: Path
) -> tuple[MapGrid, list[MapVariable]]:
    with open_raster(declaration.path) as dataset:
        layers = layers_of(dataset)
        bands = dict(zip(_band_names(dataset), dataset.indexes, strict=True))
        renderers = _chosen(declaration, bands)
        direct = layers.as_stored and has_pyramid(dataset)
        direct = direct and not has_mixed_overviews(dataset, renderers.values())
        target = None if direct else folder / "layers.tif"
        statistics = _scan(dataset, layers, {name: bands[name] for name in renderers}, renderers, target)
    if target is not None:
        add_overviews(target)
    variables = []
    for index, (name, renderer) in enumerate(renderers.items()):
        drawn = (declaration.path, bands[name]) if direct else (place / "layers.tif", index + 1)
        variables.append(
            layer_variable(
                name,
                index,
                renderer,
                statistics[name],
                dtype=layers.dtype,
                nodata=layers.nodata,
                drawn=(drawn,),
            )
        )
    return layers.grid, variables


def _band_names(dataset: Any) -> list[str]:
    """The descriptions of the bands, where they tell them apart; else ``band1``, ``band2``, ..."""
    described = [str(text or "").strip() for text in dataset.descriptions]
    if all(described) and len(set(described)) == len(described):
        return described
    return [f"band{number}" for number in dataset.indexes]


def _scan(
    dataset: Any,
    layers: RasterLayers,
    bands: Mapping[str, int],
    renderers: Mapping[str, Renderer],
    target: Path | None,
) -> dict[str, BandStatistics]:
    """Look through the bands once, and copy them into a pyramid where one is to be made."""
    grid = layers.grid
    statistics = {
        name: BandStatistics(cells(grid), sampled=needs_sample(renderer))
        for name, renderer in renderers.items()
    }
    copy = None
    if target is not None:
        copy = new_pyramid(target, grid, dtype=layers.dtype, count=len(bands), nodata=layers.nodata)
    try:
        for number, (name, band) in enumerate(bands.items(), start=1):
            for window in windows_of(grid.width, grid.height):
                block = layers.read(dataset, band, window)
                statistics[name].add(block.values, block.valid, (int(window.row_off), int(window.col_off)))
                if copy is not None:
                    copy.write(block.values, number, window=window)
    finally:
        if copy is not None:
            copy.close()
    return statistics


def _of_netcdf(
    declaration: ServiceDeclaration, folder: Path, place: Path
) -> tuple[MapGrid, list[MapVariable]]:
    with closing(open_dataset(declaration.path)) as dataset:
        layers = netcdf_layers(dataset)
        renderers = _chosen(declaration, layers)
        strict = bool(declaration.variables)
        return draw_netcdf(layers, renderers, folder, place, stem="layer", strict=strict)
