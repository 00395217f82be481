"""The API document as pygeoapi serves it: ours of processes and jobs, with pygeoapi's of everything else."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from pygeoapi.api import CONFORMANCE_CLASSES, all_apis

from dragoman import composition
from dragoman.adapters.ogc.openapi.document import document as ogc_document
from dragoman.host.bootstrap import read_settings
from dragoman.openapi.security import security_of
from dragoman.packages.digest import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from dragoman.config.settings import Settings
    from dragoman.model.process import Process

ITEM_CLASSES = {"feature": "CONFORMANCE_CLASSES_FEATURES", "record": "CONFORMANCE_CLASSES_RECORDS"}


def refresh_openapi(path: Path) -> None:
    """Write the document that pygeoapi loads at its start, if what is there is not today's."""
    settings = read_settings()
    folders = [each.package for each in settings.processes if each.package and each.package.is_dir()]
    security = security_of(settings.auth)
    stamp = f"{composition.build()}-{settings.digest}-{security}-{fingerprint(*folders)}"
    try:
        if json.loads(path.read_text("utf-8")).get("x-dragoman-stamp") == stamp:
            return
    except (OSError, ValueError):
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    document = api_document(settings, composition.catalogue(settings), settings.server_url)
    draft.write_text(json.dumps({**document, "x-dragoman-stamp": stamp}), "utf-8")
    draft.replace(path)


def merged_openapi(others: Any, cfg: Mapping[str, Any]) -> dict[str, Any]:
    """pygeoapi's document of everything but processes, with ours of those."""
    settings = read_settings()
    catalogue = composition.catalogue(settings)
    return api_document(settings, catalogue, settings.server_url, _generated(others, cfg))


def has_others(settings: Settings) -> bool:
    """Whether pygeoapi serves resources of its own beside our processes: collections, say."""
    return any(each.get("type") != "process" for each in (settings.raw.get("resources") or {}).values())


def front_is_pygeoapis(settings: Settings) -> bool:
    """Whether ``/`` and what is about the whole server are pygeoapi's: with resources, or templates, of its own."""
    return has_others(settings) or bool((settings.raw.get("server") or {}).get("templates"))


def other_document(settings: Settings) -> dict[str, Any]:
    """pygeoapi's document of its own resources, to be merged with ours; empty where there are none."""
    if not has_others(settings):
        return {}
    cfg = json.loads(json.dumps(settings.raw, default=str))
    return _generated(sys.modules["pygeoapi.openapi"].get_oas_30.__wrapped__, cfg)


def other_classes(settings: Settings) -> list[str]:
    """The conformance classes of pygeoapi's own resources, as pygeoapi itself finds them; none without any."""
    if not front_is_pygeoapis(settings):
        return []
    others = [
        each for each in (settings.raw.get("resources") or {}).values() if each.get("type") != "process"
    ]
    apis, classes = all_apis(), list(CONFORMANCE_CLASSES)
    if settings.raw.get("pubsub"):
        classes += apis["pubsub"].CONFORMANCE_CLASSES
    for provider in (each for resource in others for each in resource.get("providers", ())):
        kind = provider["type"]
        classes += getattr(apis.get(kind), "CONFORMANCE_CLASSES", [])
        if kind in ITEM_CLASSES:
            classes += getattr(apis["itemtypes"], ITEM_CLASSES[kind])
    return sorted(set(classes))


def _generated(generate: Any, cfg: Mapping[str, Any]) -> dict[str, Any]:
    resources = {
        name: each for name, each in (cfg.get("resources") or {}).items() if each.get("type") != "process"
    }
    server = {name: value for name, value in cfg["server"].items() if name != "manager"}
    document: dict[str, Any] = generate({**cfg, "server": server, "resources": resources})
    return document


def api_document(
    settings: Settings, catalogue: Iterable[Process], base: str, others: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The whole document for the server at ``base``, with ``others``: pygeoapi's document of its own resources.

    Of that come paths, tags, and what it says of the server: contact, licence, terms, the operator's API version.
    """
    title, description = composition.identification(settings)
    document: dict[str, Any] = ogc_document(
        catalogue,
        server_url=base,
        title=title,
        description=description,
        extra=others,
        security=security_of(settings.auth),
    )
    if others and has_others(settings):
        ours = {tag["name"] for tag in document["tags"]}
        document["tags"] += [tag for tag in others.get("tags", ()) if tag["name"] not in ours]
        document["info"] |= others.get("info", {})
        document["servers"] = [{**each, "description": description} for each in document["servers"]]
    return document
