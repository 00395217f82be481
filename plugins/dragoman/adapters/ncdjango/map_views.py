"""The handlers of what services say of themselves: catalogue, MapServer, layers, legend, TileJSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from flask import request

from dragoman.adapters.ncdjango.map_documents import (
    catalogue_document,
    layer_document,
    legend_document,
    service_document,
    tilejson_document,
)
from dragoman.adapters.ncdjango.map_parameters import instant_of, layers_of, styles_of
from dragoman.errors import NoSuchPage, NotFound
from dragoman.web.links import link
from dragoman.web.map_links import quoted
from dragoman.web.responses import data_response, finite

if TYPE_CHECKING:
    from flask import Response

    from dragoman.adapters.ncdjango.place_parameters import Arguments
    from dragoman.adapters.ncdjango.surface import Surface
    from dragoman.model.map_service import MapService, MapVariable
    from dragoman.model.process import JSON
    from dragoman.web.call import Call
    from dragoman.web.links import Link

DRAWN_AS: Final = ("layers", "time", "styles")
"""Parameters of a TileJSON that its tiles have as well."""


def arguments_of(call: Call) -> Arguments:
    """The parameters of the request, of its query and its form, each once; what is empty is left out."""
    sent = request.form.items(multi=True) if request.method == "POST" else ()
    pairs = [*call.query, *sent]
    return {name: value for name, value in pairs if value}


def service_of(api: Surface, call: Call, name: str, *, picture: bool = False) -> MapService:
    """The service that is asked for; raises NoSuchService, and Unauthorized where a token may help.

    ``picture``: whether it is for one, or for what leads to some.
    """
    key = call.arguments.get("key", [""])[0]
    try:
        return api.access.service(api.maps, name, call.principal, key)
    except NotFound:
        refusal = None if picture else api.access.refusal(call.principal, key)
        if refusal is None:
            raise
        raise refusal from None


def arcgis_json(document: JSON, status: int = 200) -> Response:
    """JSON as the real server writes it: blanks after commas and colons."""
    try:
        text = json.dumps(document, allow_nan=False)
    except ValueError:
        text = json.dumps(finite(document))
    return data_response(text.encode(), "application/json", status)


def catalogue(api: Surface, call: Call) -> Response:
    """GET: the services that the caller may see."""
    return arcgis_json(catalogue_document(api.access.listed(api.maps, call.principal)))


def map_server(api: Surface, call: Call, name: str) -> Response:
    """GET: one service and its layers."""
    service = service_of(api, call, name)
    return arcgis_json(service_document(service, service_links(api, call, service)))


def layers(api: Surface, call: Call, name: str) -> Response:
    """GET: the layers of a service."""
    service = service_of(api, call, name)
    return arcgis_json({"layers": [layer_document(service, variable) for variable in service.variables]})


def layer(api: Surface, call: Call, name: str, number: str) -> Response:
    """GET: one layer; raises NoSuchPage."""
    service = service_of(api, call, name)
    for variable in service.variables:
        if str(variable.index) == number:
            return arcgis_json(layer_document(service, variable))
    raise NoSuchPage(f"there is no layer '{number[:40]}'")


def layer_by_number(api: Surface, call: Call, name: str, number: int) -> Response:
    """GET: one layer where ArcGIS itself has it, and QGIS looks for its extent; raises NoSuchPage."""
    return layer(api, call, name, str(number))


def legend(api: Surface, call: Call, name: str) -> Response:
    """GET: the legends of a service's layers, in the ``styles`` that are sent."""
    service = service_of(api, call, name, picture=True)
    styles = styles_of(arguments_of(call), service)
    renderers = [styles.get(variable.index, variable.renderer) for variable in service.variables]
    with api.services.slots.slot(api.patience):
        legends = api.drawing.legends(renderers)
    return arcgis_json(legend_document(service.variables, legends))


def tilejson(api: Surface, call: Call, name: str) -> Response:
    """GET: where the tiles of a service are; its ``layers``, ``time`` and ``styles`` are theirs."""
    service = service_of(api, call, name, picture=True)
    arguments = arguments_of(call)
    layers_of(arguments, service)
    instant_of(arguments)
    styles_of(arguments, service)
    drawn_as = [(name, arguments[name]) for name in DRAWN_AS if name in arguments]
    own = quoted(service.name)
    document = tilejson_document(
        service,
        tiles=api.access.links.href(call.base, f"/tiles/{own}/{{z}}/{{x}}/{{y}}.png", service, drawn_as),
        legend=api.access.links.href(call.base, f"/arcgis/rest/services/{own}/MapServer/legend", service),
        links=service_links(api, call, service),
    )
    return arcgis_json(document)


def service_links(api: Surface, call: Call, service: MapService) -> list[Link]:
    """To the map service, its tiles, a picture of it, and the GeoTIFF of the job's result."""
    links = api.access.links.of(call.base, service)
    job, _, output = service.name.partition("/")
    if service.job_id and output and job == service.job_id:
        path = f"/jobs/{quoted(job)}/results/{quoted(output)}"
        links.append(link(call.base + path, "data", "image/tiff; application=geotiff", "The result itself"))
    return links


def variable_of(service: MapService, name: str) -> MapVariable:
    """The variable of that name; raises NoSuchPage, which names those that there are."""
    for variable in service.variables:
        if variable.name == name:
            return variable
    names = ", ".join(variable.name for variable in service.variables)
    raise NoSuchPage(f"there is no variable '{name[:80]}'; there are: {names}")
