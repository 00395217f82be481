"""The handlers of pictures: exports and tiles. A picture that was drawn is sent from the cache by the kernel."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, BinaryIO, Final

from flask import Response, request
from werkzeug.http import parse_etags
from werkzeug.wsgi import wrap_file

from dragoman.adapters.ncdjango.dynamic_layers import drawn_layers
from dragoman.adapters.ncdjango.map_documents import envelope, reference_document
from dragoman.adapters.ncdjango.map_parameters import (
    encoding_of,
    instant_of,
    step_of,
    transparent_of,
)
from dragoman.adapters.ncdjango.map_views import arcgis_json, arguments_of, service_of
from dragoman.adapters.ncdjango.place_parameters import Frame, frame_of, refuse
from dragoman.maps.drawing.orders import Band, DrawnBand
from dragoman.maps.places import FINEST, TILE, WEB_MERCATOR, tile_box
from dragoman.maps.renderers import dump_renderer
from dragoman.web.client_connection import here, hung_up
from dragoman.web.map_links import quoted

if TYPE_CHECKING:
    from dragoman.adapters.ncdjango.place_parameters import Arguments
    from dragoman.adapters.ncdjango.surface import Surface
    from dragoman.maps.drawing.orders import Draw, Encoding
    from dragoman.model.map_service import MapService, MapVariable
    from dragoman.model.renderer import Renderer
    from dragoman.web.call import Call

TYPES: Final = {"gif": "image/gif", "jpg": "image/jpeg", "bmp": "image/bmp", "webp": "image/webp"}
"""Media types of encodings; all others are PNG."""
LASTING: Final = 3600
"""Seconds for which a client need not ask again: a result does not change."""
CHANGING: Final = 60
"""The same for the operator's files, which may be replaced."""
AT_ONCE: Final = 256 * 1024
"""Bytes of a picture that is sent in one piece; block by block a small one costs eight calls of the system more."""
METRES_OF_PIXEL: Final = 0.0254 / 96

_ROW: Final = re.compile(r"([0-9]{1,9})(@2x)?", re.ASCII)
_PLACE: Final = re.compile(r"-?[0-9]{1,9}", re.ASCII)


def export(api: Surface, call: Call, name: str) -> Response:
    """GET or POST: a picture of a part of the world; with ``f=json`` where it is to be had."""
    service = service_of(api, call, name, picture=True)
    arguments = arguments_of(call)
    frame = frame_of(arguments, service)
    order = _order(
        api, service, arguments, frame, encoding_of(arguments), transparent=transparent_of(arguments)
    )
    if arguments.get("f", "image").lower() in ("json", "pjson"):
        return arcgis_json(_export_document(api, call, service, arguments, frame))
    return _picture(api, service, order)


def _export_document(
    api: Surface, call: Call, service: MapService, arguments: Arguments, frame: Frame
) -> dict[str, object]:
    """ArcGIS' answer to ``f=json``; the link has all that was sent, of a form as well."""
    query = [(each, value) for each, value in arguments.items() if each not in ("f", "key")]
    path = f"/arcgis/rest/services/{quoted(service.name)}/MapServer/export"
    width, height = frame.size
    return {
        "href": api.access.links.href(call.base, path, service, [*query, ("f", "image")]),
        "width": width,
        "height": height,
        "extent": envelope(frame.bbox, reference_document(frame.reference)),
        "scale": (frame.bbox[2] - frame.bbox[0]) / width / METRES_OF_PIXEL,
    }


def tile(api: Surface, call: Call, name: str, zoom: str, column: str, row: str) -> Response:
    """GET: 256 pixels of web mercator, 512 where the row ends in ``@2x``; beside the service it is transparent."""
    service = service_of(api, call, name, picture=True)
    level, place = _PLACE.fullmatch(zoom), _ROW.fullmatch(row)
    if level is None or not 0 <= int(zoom) <= FINEST:
        refuse("z", zoom, f"0 to {FINEST}")
    if not _PLACE.fullmatch(column):
        refuse("x", column, "a whole number")
    if place is None:
        refuse("y", row, "a whole number, or one with @2x")
    side = TILE * (2 if place[2] else 1)
    spot = int(zoom), int(column), int(place[1])
    seen = _on_the_map(*spot)
    frame = Frame(bbox=tile_box(*(spot if seen else (0, 0, 0))), reference=WEB_MERCATOR, size=(side, side))
    order = _order(api, service, arguments_of(call), frame, "png", transparent=True, seen=seen)
    return _picture(api, service, order)


def _on_the_map(zoom: int, column: int, row: int) -> bool:
    """Whether a tile lies in the world or one turn beside it; GDAL takes minutes over what lies farther out."""
    tiles = 1 << zoom
    return -tiles <= column < 2 * tiles and 0 <= row < tiles


def _order(
    api: Surface,
    service: MapService,
    arguments: Arguments,
    frame: Frame,
    encoding: Encoding,
    *,
    transparent: bool,
    seen: bool = True,
) -> Draw:
    """What is to be drawn, no layer unless it is ``seen``; raises InvalidQueryParameter, MapUnreadable."""
    instant = instant_of(arguments)
    layers = [
        drawn_band(variable, renderer, step_of(variable, instant))
        for variable, renderer in drawn_layers(arguments, service)
        if variable.drawn
    ]
    return api.drawing.order(
        layers if seen else [], frame.bbox, frame.reference, frame.size, encoding, transparent=transparent
    )


def drawn_band(variable: MapVariable, renderer: Renderer, step: int) -> DrawnBand:
    """A step of a variable, and how it is coloured."""
    return DrawnBand(band=band_of(variable, step), renderer=dump_renderer(renderer))


def band_of(variable: MapVariable, step: int) -> Band:
    """Where a step of a variable is drawn from."""
    path, number = variable.drawn[min(step, len(variable.drawn) - 1)]
    return Band(path=str(path), number=number, nodata=variable.nodata)


def _picture(api: Surface, service: MapService, order: Draw) -> Response:
    """The picture, or 304 to who has it: its ETag is known before it is drawn."""
    etag = order.key[:32]
    if parse_etags(request.headers.get("If-None-Match")).contains_weak(etag):
        response = Response(status=304)
    else:
        response = _sent(_bytes(api, order), TYPES.get(order.encoding, "image/png"))
    response.set_etag(etag)
    seconds = LASTING if service.job_id else CHANGING
    kept_by = "public" if service.owner is None and not api.access.links.guarded else "private"
    response.headers["Cache-Control"] = f"{kept_by}, max-age={seconds}"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _bytes(api: Surface, order: Draw) -> BinaryIO:
    """From the cache without waiting; what has to be drawn takes one of the places of calls that wait."""
    file = api.drawing.cached(order)
    if file is not None:
        return file
    with api.services.slots.slot(api.patience):
        return api.drawing.picture(order, hung_up(here()))


def _sent(file: BinaryIO, media_type: str) -> Response:
    size = os.fstat(file.fileno()).st_size
    if request.method == "HEAD":
        file.close()
        response = Response(content_type=media_type)
    elif size <= AT_ONCE:
        with file:
            response = Response(file.read(size), content_type=media_type)
    else:
        response = Response(wrap_file(request.environ, file), content_type=media_type)
    response.content_length = size
    return response
