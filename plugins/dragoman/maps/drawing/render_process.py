"""A render process: draws one picture after the other, with the files that it has open.

It is nice, or in the idle class (the supervisor sees to that), and has memory of its own: whatever a file does to it
costs one picture. What it draws it puts into the cache itself, so that the bytes pass no socket.
"""

from __future__ import annotations

import importlib
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.errors import InvalidRequest, MapUnreadable
from dragoman.maps.drawing.orders import (
    Classes,
    Done,
    Draw,
    Failed,
    Legend,
    PointValues,
    Shrink,
    UniqueValues,
    dump,
    load,
    read_renderer,
)
from dragoman.maps.picture_cache import PictureCache
from dragoman.workers import child
from dragoman.workers.framing import Channel, Disconnected

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from dragoman.maps.drawing.open_files import OpenFiles
    from dragoman.maps.drawing.orders import Order, Report
    from dragoman.model.process import JSON

LOGGER = logging.getLogger(__name__)

NICE: Final = 10
"""How far behind jobs and server processes it stands for the processor."""
MEMORY: Final = 2 * 2**30
"""Bytes of data that it may have: the largest picture takes 0.4 GB."""
BLOCK_CACHE: Final = 64 * 2**20
"""Bytes of decoded blocks that GDAL keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSetup:
    """What a render process is told when it is born."""

    cache: Path
    """The folder of pictures."""
    mark: str
    """Tells this supervisor's offspring from another's."""


def main(sock: socket.socket, setup: RenderSetup) -> None:
    """What the process runs."""
    child.settle(mark=setup.mark, memory_limit=MEMORY)
    child.end_with_supervisor(sock)
    from dragoman.rasters.gdal_limits import limit_gdal

    limit_gdal(os.environ)
    with suppress(Disconnected):
        serve(Channel(sock), PictureCache(setup.cache))
    os._exit(0)


def serve(channel: Channel, cache: PictureCache) -> None:
    """Do what is ordered until the supervisor hangs up, which raises Disconnected."""
    import rasterio

    from dragoman.maps.drawing.open_files import OpenFiles
    from dragoman.rasters.opening import GDAL_OPTIONS

    importlib.import_module("dragoman.maps.drawing.pictures")
    with suppress(OSError):
        os.nice(NICE)  # not before: whoever has ordered the first picture waits for the imports
    files = OpenFiles()
    with rasterio.Env(**{**GDAL_OPTIONS, "GDAL_CACHEMAX": BLOCK_CACHE}):
        while True:
            channel.send(dump(answer(load(channel.receive()), files, cache)))


def answer(order: Order, files: OpenFiles, cache: PictureCache) -> Report:
    """Do one thing; what goes wrong is told."""
    try:
        return Done(answer=_do(order, files, cache))
    except InvalidRequest as error:
        return Failed(detail=error.detail, fault="request")
    except MapUnreadable as error:
        _forget(order, files)
        return Failed(detail=error.detail, fault="file")
    except OSError as error:  # the cache cannot be written
        LOGGER.warning("a picture cannot be kept: %s", error.strerror, extra={"action": "draw"})
        return Failed(detail=f"the picture cannot be kept: {error.strerror}", fault="server")
    except Exception:  # of any decoder: told to whoever asked, and the process goes on
        LOGGER.exception("a picture failed", extra={"action": "draw"})
        _forget(order, files)
        return Failed(detail="the map cannot be drawn; the server's log says more", fault="server")


def _do(order: Order, files: OpenFiles, cache: PictureCache) -> JSON:
    """Imported here: the modules that draw need rasterio and Pillow, which nobody else has to load."""
    match order:
        case Draw():
            from dragoman.maps.drawing.pictures import draw

            picture = draw(order, files)
            cache.put(order.key, picture)
            return len(picture)
        case Legend():
            from dragoman.maps.drawing.legends import legend_of

            return [legend_of(read_renderer(each)) for each in order.renderers]
        case PointValues():
            from dragoman.maps.drawing.points import point_values

            return point_values(order, files)
        case Classes():
            from dragoman.maps.drawing.value_classes import class_breaks

            return class_breaks(order, files)
        case UniqueValues():
            from dragoman.maps.drawing.value_classes import unique_values

            return unique_values(order, files)
        case Shrink():
            return cache.shrink(order.most)


def _forget(order: Order, files: OpenFiles) -> None:
    """Close the files of an order that failed: what is broken now may have been replaced the next time."""
    match order:
        case Draw():
            bands = [layer.band for layer in order.layers]
        case Legend() | Shrink():
            bands = []
        case _:
            bands = list(order.bands)
    for band in bands:
        files.forget(band.path)
