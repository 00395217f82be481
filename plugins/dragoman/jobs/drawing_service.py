"""What server processes do to have maps drawn: the one door for every adapter. It opens no raster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, Final

from dragoman.errors import MapUnreadable, Unavailable
from dragoman.maps.drawing.orders import Classes, Draw, Legend, PointValues, UniqueValues, dump
from dragoman.maps.picture_cache import FOLDER, PictureCache, file_version, key_of
from dragoman.maps.renderers import dump_renderer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dragoman.jobs.ports import GuestDesk
    from dragoman.maps.drawing.orders import Band, DrawnBand, Encoding, Method, Order
    from dragoman.model.process import JSON
    from dragoman.model.renderer import Renderer

GUEST: Final = "maps"
"""The name of the supervisor's part that is asked."""
TRIES: Final = 3
"""A picture may be deleted in the moment between its drawing and its opening, where the cache is small."""


class DrawingService:
    """Pictures, legends and values of bands. Raises what the supervisor refuses, MapUnreadable and Unavailable."""

    def __init__(self, desk: GuestDesk, home: Path) -> None:
        self._desk = desk
        self._cache = PictureCache(home / FOLDER)

    def order(
        self,
        layers: Sequence[DrawnBand],
        bbox: tuple[float, float, float, float],
        crs: str,
        size: tuple[int, int],
        encoding: Encoding,
        *,
        transparent: bool,
    ) -> Draw:
        """The order for a picture, whose key says all that it depends on, its files' versions included."""
        try:
            versions = [file_version(layer.band.path) for layer in layers]
        except OSError as error:
            raise MapUnreadable from error
        order = Draw(
            key="",
            layers=tuple(layers),
            bbox=bbox,
            crs=crs,
            width=size[0],
            height=size[1],
            encoding=encoding,
            transparent=transparent,
        )
        return replace(order, key=key_of([dump(order), versions]))

    def picture(self, order: Draw, abandoned: Callable[[], bool] = lambda: False) -> BinaryIO:
        """The bytes of a picture, from the cache or drawn now, to be read and closed."""
        for _ in range(TRIES):
            file = self._cache.open(order.key)
            if file is not None:
                return file
            self._ask(order, abandoned)
        raise Unavailable("the picture was drawn, and deleted at once; the cache is too small", retry_after=5)

    def cached(self, order: Draw) -> BinaryIO | None:
        """The bytes of a picture that is in the cache; None: it has to be drawn."""
        return self._cache.open(order.key)

    def legends(self, renderers: Sequence[Renderer]) -> list[list[JSON]]:
        """The entries of each renderer's legend."""
        legends: list[list[JSON]] = self._ask(Legend(renderers=tuple(map(dump_renderer, renderers))))
        return legends

    def point_values(self, bands: Sequence[Band], x: float, y: float, crs: str) -> list[float | None]:
        """What each band has at a point."""
        values: list[float | None] = self._ask(PointValues(bands=tuple(bands), x=x, y=y, crs=crs))
        return values

    def classes(self, bands: Sequence[Band], method: Method, count: int) -> JSON:
        """See ``value_classes.class_breaks``."""
        return self._ask(Classes(bands=tuple(bands), method=method, count=count))

    def unique_values(self, bands: Sequence[Band], most: int) -> JSON:
        """See ``value_classes.unique_values``."""
        return self._ask(UniqueValues(bands=tuple(bands), most=most))

    def _ask(self, order: Order, abandoned: Callable[[], bool] = lambda: False) -> JSON:
        answer = self._desk.ask_guest(GUEST, dump(order), abandoned)
        if answer is None:
            raise Unavailable("nobody waits for this any more", retry_after=1)
        return answer["answer"]
