"""The documents that describe a process: describe, version, config. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dragoman import __version__
from dragoman.adapters.pesto import native
from dragoman.packages.pesto.project import DESCRIBED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.adapters.pesto.contract import Contract
    from dragoman.model.process import JSON

OPTIONAL: Final[tuple[str, ...]] = ("batched", "keywords", "template", "config")
COMPLEX: Final = "Complex type, see output in describe content for more information"

LINKS: Final = (
    ("self", "Access to describe resource", "describe", "application/json", "GET"),
    ("execution", "Processing resource", "process", "", "POST"),
    ("config", "Processing configuration", "config", "application/json", "GET"),
    ("version", "Processing version", "version", "application/json", "GET"),
    ("health", "Processing health", "health", "text/plain", "GET"),
)
"""Name, relation, last segment of the path, media type, method."""


def describe(contract: Contract, root: str) -> dict[str, JSON]:
    """The describe document; ``root`` is the URL before ``/api/v1``."""
    members = _native(contract) | _project(contract) | {"asynchronous": contract.asynchronous}
    document = {name: members[name] for name in (*DESCRIBED, *OPTIONAL) if name in members}
    document["input"] = contract.input
    document["output"] = contract.output
    document["_links"] = _links(contract, root)
    return document


def version(contract: Contract) -> dict[str, JSON]:
    """The author's version document, and who packaged it."""
    written = (contract.project or {}).get("version")
    members = written if isinstance(written, dict) else {}
    base = {"version": _project(contract).get("version", contract.process.version)}
    return {**base, **members, "__packaging": f"packaged with dragoman v{__version__}"}


def config(contract: Contract) -> dict[str, JSON]:
    """A project's configuration, as PESTO shows it; of a process of ours, what its author marked as public."""
    written = (contract.project or {}).get("config")
    return dict(written) if isinstance(written, dict) else native.public_config(contract.process)


def _native(contract: Contract) -> dict[str, JSON]:
    """What a process of ours says of itself; words that only PESTO has are hints of process.yml."""
    process = contract.process
    hints = process.dialects.get("pesto")
    hints = hints if isinstance(hints, dict) else {}
    members: dict[str, JSON] = {
        "title": process.title or process.id,
        "name": process.id,
        "version": process.version,
        "family": hints.get("family", ""),
        "description": process.description or process.title or process.id,
        "organization": hints.get("organization", ""),
        "email": hints.get("email", ""),
        "resources": native.resources(process),
        "config": native.config_schema(process),
    }
    if process.keywords:
        members["keywords"] = list(process.keywords)
    return members | {name: hints[name] for name in ("batched", "template") if name in hints}


def _project(contract: Contract) -> dict[str, JSON]:
    """What a PESTO project's description says, with its config schema."""
    if contract.project is None:
        return {}
    written: Mapping[str, JSON] = contract.project.get("description", {})
    members = {name: written[name] for name in (*DESCRIBED, *OPTIONAL) if name in written}
    schema = contract.project.get("config_schema")
    return members if schema is None else members | {"config": schema}


def _links(contract: Contract, root: str) -> dict[str, JSON]:
    content = contract.output.get("content")
    execution = content if isinstance(content, str) else COMPLEX
    return {
        name: {
            "relation": relation,
            "href": f"{root}/api/v1/{segment}",
            "type": media_type or execution,
            "method": method,
        }
        for name, relation, segment, media_type, method in LINKS
    }
