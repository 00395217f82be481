"""``/``, ``/conformance`` and ``/openapi`` of an existing pygeoapi stay pygeoapi's, with what is ours added.

They are answered by pygeoapi's own functions, so formats (JSON-LD), languages, the operator's templates, headers and
errors are what they were. A server of processes alone has our pages instead, which need nothing from elsewhere.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pygeoapi.api as core
from flask import Blueprint, request
from pygeoapi.formats import F_HTML, F_JSON
from pygeoapi.util import get_api_rules, render_j2_template, to_json

from dragoman.adapters.ogc import describe
from dragoman.composition import identification
from dragoman.host.api_document import api_document
from dragoman.web import auth
from dragoman.web.links import public_base

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response

    from dragoman.web.services import Services

type Answer = tuple[dict[str, str], int, str | bytes]
"""What a function of pygeoapi's API gives: headers, status, content."""
type View = Callable[[Services, Any, Any], Answer]
"""Takes pygeoapi's API and its request as well."""


def blueprint(services: Services) -> Blueprint:
    """The GET of the three paths, to be registered before ours; any other method falls through to ours."""
    front = Blueprint("dragoman_front", __name__)
    for path, name, view in VIEWS:
        rule = partial(_answer, partial(view, services))
        front.add_url_rule(
            path, name, rule, methods=["GET"], strict_slashes=False, provide_automatic_options=False
        )
    return front


def _answer(view: Callable[[Any, Any], Answer]) -> Response:
    """As pygeoapi's own routes do it: formats are checked, what can be compressed is."""
    response: Response = sys.modules["pygeoapi.flask_app"].execute_from_flask(view, request)
    return response


def _landing(services: Services, api: Any, asked: Any) -> Answer:
    headers, status, content = core.landing_page(api, asked)
    if asked.format not in (None, F_JSON):
        return headers, status, content
    document = json.loads(content)
    there = {link["rel"] for link in document["links"]}
    ours = describe.landing(*identification(services.settings), api.base_url, ())["links"]
    document["links"] += [link for link in ours if link["rel"] not in there]
    return headers, status, to_json(document, api.pretty_print)


def _conformance(services: Services, api: Any, asked: Any) -> Answer:
    headers, status, content = core.conformance(api, asked)
    ours = describe.conformance(services.host.conformance)["conformsTo"]
    if asked.format != F_HTML:
        document = json.loads(content)
        document["conformsTo"] = sorted({*document["conformsTo"], *ours})
        return headers, status, to_json(document, api.pretty_print)
    templates = api.config["server"]["templates"]
    page = render_j2_template(
        api.tpl_config, templates, "conformance.html", {"conformsTo": sorted(ours)}, asked.locale
    )
    return headers, status, page


def _openapi(services: Services, api: Any, asked: Any) -> Answer:
    headers, status, content = core.openapi_(api, asked)
    if asked.format == F_HTML:
        return headers, status, content
    base = public_base(services.settings) + get_api_rules(api.config).get_url_prefix("flask")
    processes = services.catalogue.visible_to(auth.current())
    document = api_document(services.settings, processes, base, services.host.paths())
    return headers, status, to_json(document, api.pretty_print)


VIEWS: Final[tuple[tuple[str, str, View], ...]] = (
    ("/", "landing", _landing),
    ("/conformance", "conformance", _conformance),
    ("/openapi", "openapi", _openapi),
)
