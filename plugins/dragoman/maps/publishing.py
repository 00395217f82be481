"""Making a map service of a raster file: its NetCDF, the pyramid beside it, and what is known of its layers.

Works by windows, so that memory stays flat; several threads read and compress.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from dragoman.maps.netcdf_drawing import draw_netcdf, layer_variable
from dragoman.maps.pyramids import (
    BLOCK_CACHE,
    add_overviews,
    copy_file,
    has_mixed_overviews,
    new_pyramid,
    tiled,
)
from dragoman.maps.statistics import BandStatistics, needs_sample
from dragoman.model.map_service import MapService
from dragoman.rasters.netcdf_layers import NetcdfWriter
from dragoman.rasters.netcdf_layers_reading import netcdf_layers
from dragoman.rasters.netcdf_opening import open_dataset, sniff_netcdf
from dragoman.rasters.opening import gdal_env, open_raster
from dragoman.rasters.raster_layers import RasterLayers, cells, layers_of
from dragoman.rasters.windows import WindowWriter, each_window, windows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rasterio.windows import Window

    from dragoman.model.map_service import MapGrid, MapVariable
    from dragoman.model.renderer import Renderer

DESCRIPTION: Final = "This service has been automatically generated from the result of a geoprocessing job."
"""As ncdjango's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is to become of a raster file."""

    name: str
    """Of the service."""
    renderer: Renderer
    data: Path
    """The NetCDF file that is to be made, relative to HOME; the pyramid lies beside it."""
    job_id: str | None = None
    owner: str | None = None
    temporary: bool = True


def publish_raster(source: Path, publication: Publication, folder: Path) -> MapService:
    """Write the files of a service into ``folder``, named as ``publication.data``; what they hold, as a service.

    A NetCDF file stays as it is, with a pyramid for each of its variables that can be drawn. The paths are relative to
    HOME, where the files are to be moved. Raises InvalidRequest for a raster that cannot be a map, and OSError.
    """
    data = folder / publication.data.name
    if sniff_netcdf(source) is not None:
        return _service(publication, *_of_netcdf(source, publication, folder))
    pyramid = data.with_suffix(".tif")
    with open_raster(source) as dataset:
        layers = layers_of(dataset)
        copied = layers.as_stored and tiled(dataset)
        copied = copied and not has_mixed_overviews(dataset, [publication.renderer])
    if copied:
        copy_file(source, pyramid)
    statistics = [
        BandStatistics(cells(layers.grid), sampled=needs_sample(publication.renderer)) for _ in layers.names
    ]
    _write(source, layers, statistics, data, None if copied else pyramid)
    add_overviews(pyramid)
    variables = [_variable(layers, band, publication, each) for band, each in enumerate(statistics, start=1)]
    return _service(publication, layers.grid, variables)


def _of_netcdf(source: Path, publication: Publication, folder: Path) -> tuple[MapGrid, list[MapVariable]]:
    shutil.copyfile(source, folder / publication.data.name)
    with gdal_env(BLOCK_CACHE), closing(open_dataset(source)) as dataset:
        layers = netcdf_layers(dataset)
        renderers = dict.fromkeys(layers, publication.renderer)
        stem, place = f"{publication.data.stem}~", publication.data.parent  # no name of an output holds it
        return draw_netcdf(layers, renderers, folder, place, stem=stem, strict=False)


def _service(publication: Publication, grid: MapGrid, variables: Sequence[MapVariable]) -> MapService:
    return MapService(
        name=publication.name,
        owner=publication.owner,
        description=DESCRIPTION,
        created=datetime.now(UTC),
        temporary=publication.temporary,
        job_id=publication.job_id,
        data=publication.data,
        grid=grid,
        variables=tuple(variables),
    )


def _variable(
    layers: RasterLayers, band: int, publication: Publication, statistics: BandStatistics
) -> MapVariable:
    drawn = ((publication.data.with_suffix(".tif"), band),)
    members = {"dtype": layers.dtype, "nodata": layers.nodata, "drawn": drawn}
    return layer_variable(layers.names[band - 1], band - 1, publication.renderer, statistics, **members)


def _write(
    source: Path, layers: RasterLayers, statistics: list[BandStatistics], data: Path, pyramid: Path | None
) -> None:
    """Write the NetCDF, and the pyramid's base where there is one to write, and gather the statistics."""
    grid, count = layers.grid, len(layers.names)
    windows = windows_of(grid.width, grid.height)
    with ExitStack() as stack:
        target = stack.enter_context(
            NetcdfWriter(data, grid, layers.names, dtype=layers.dtype, nodata=layers.nodata)
        )
        writer = None
        if pyramid is not None:
            base = new_pyramid(pyramid, grid, dtype=layers.dtype, count=count, nodata=layers.nodata)
            writer = WindowWriter(stack.enter_context(base))
        for band in range(1, count + 1):

            def work(dataset: Any, window: Window, band: int = band) -> None:
                corner = int(window.row_off), int(window.col_off)
                block = layers.read(dataset, band, window)
                statistics[band - 1].add(block.values, block.valid, corner)
                target.write(band, block.values, corner)
                if writer is not None:
                    writer.write(block.values, window, band)

            each_window(windows, lambda: _opened(source), work, writer=writer)


@contextmanager
def _opened(source: Path) -> Iterator[Any]:
    with gdal_env(BLOCK_CACHE), open_raster(source) as dataset:
        yield dataset
