"""The API document of ``/ccp``: OGC's, without what the habits take away, with executions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman.adapters.ccp.execution_paths import PARAMETERS, SCHEMAS, paths
from dragoman.adapters.ccp.reserved import MOST_REPLICAS
from dragoman.adapters.ogc.openapi.document import document as ogc_document
from dragoman.openapi.components import HTML, Object, ref, strings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dragoman.adapters.dialect import ServerInfo
    from dragoman.model.process import JSON, Process

FORMS: Final = ("f", "resultsForm", "prefer")
"""Parameters that count for nothing here."""
ELSEWHERE: Final = ("/livez", "/readyz")
"""Paths of the root alone."""
RESERVED: Final[Object] = {
    "ccpimage": strings(description="What it is to run under; kept with the job."),
    "ccpreplicas": {
        "type": "integer",
        "minimum": 1,
        "maximum": MOST_REPLICAS,
        "description": "How often it is to run; of two or more, each output is a list of files.",
    },
    "ccpmaxtime": {"type": "number", "minimum": 0, "description": "Seconds that it may run; then it fails."},
    "ccpnote": strings(description="Kept with the job."),
}
"""As the schemas of requests tell of them."""

PUBLIC: Final = (
    ("/", "landing"),
    ("/conformance", "conformance"),
    ("/openapi", "openapi"),
    ("/processes", "processes"),
    ("/processes/{processID}", "processes"),
    ("/processes/{processID}/stubs", "processes"),
    ("/processes/{processID}/stubs/{language}", "processes"),
)
"""The words of ``auth.public`` of the paths here, below ``/ccp``, as their routes have them."""


def document(processes: Iterable[Process], server: ServerInfo) -> dict[str, JSON]:
    """The whole document, for a server's public base URL."""
    return api_document(
        ogc_document(
            processes,
            server_url=f"{server.url}/ccp",
            title=server.title,
            description=server.description,
            security=server.security,
        )
    )


def api_document(own: dict[str, JSON]) -> dict[str, JSON]:
    """CCP's document, given that of OGC below the same URL."""
    whole: dict[str, JSON] = _without_pages(own)
    for path in ELSEWHERE:
        whole["paths"].pop(path, None)
    for path, item in whole["paths"].items():
        if path.endswith("/execution"):
            _always_async(item["post"])
    components = whole["components"]
    for name in FORMS:
        components["parameters"].pop(name, None)
    for name, schema in components["schemas"].items():
        if f"{name.removesuffix('Inputs')}Request" in components["schemas"] and name.endswith("Inputs"):
            schema["properties"] = {**RESERVED, **schema["properties"]}
    components["schemas"] |= SCHEMAS
    components["parameters"] |= PARAMETERS
    whole["tags"] = [tag for tag in whole["tags"] if tag["name"] != "Health"]
    whole["tags"].append({"name": "Executions", "description": "Jobs with all their files."})
    whole["paths"] |= paths()
    return whole


def _always_async(operation: Object) -> None:
    """An execution is answered with the job."""
    for status in ("200", "204"):
        operation["responses"].pop(status, None)
    operation["responses"]["201"]["headers"] = {"Location": ref("headers", "Location")}


def _without_pages(part: JSON) -> JSON:
    """A copy without pages, and without the parameters that ask for a form."""
    if isinstance(part, list):
        return [_without_pages(item) for item in part if not _asks_for_form(item)]
    if not isinstance(part, dict):
        return part
    return {
        name: {media: _without_pages(item) for media, item in member.items() if media != HTML}
        if name == "content" and isinstance(member, dict)
        else _without_pages(member)
        for name, member in part.items()
    }


def _asks_for_form(item: JSON) -> bool:
    return isinstance(item, dict) and item.get("$ref") in [
        f"#/components/parameters/{name}" for name in FORMS
    ]
