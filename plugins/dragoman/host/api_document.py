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

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.config.settings import Settings
    from dragoman.packages.catalogue import Catalogue

ITEM_CLASSES = {"feature": "CONFORMANCE_CLASSES_FEATURES", "record": "CONFORMANCE_CLASSES_RECORDS"}


def refresh_openapi(path: Path) -> None:
    """Write the document that pygeoapi loads at its start, if what is there is not today's."""
    settings = read_settings()
    stamp = f"{composition.build()}-{settings.digest}-{security_of(settings.auth)}"
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
    return api_document(settings, catalogue, settings.server_url, _paths(others, cfg))


def other_paths(settings: Settings) -> dict[str, Any]:
    """The paths of pygeoapi's own resources (collections), for our document; empty where there are none."""
    cfg = json.loads(json.dumps(settings.raw, default=str))
    if all(resource.get("type") == "process" for resource in cfg.get("resources", {}).values()):
        return {}
    generate = sys.modules["pygeoapi.openapi"].get_oas_30.__wrapped__
    return _paths(generate, cfg)


def other_classes(settings: Settings) -> list[str]:
    """The conformance classes of pygeoapi's own resources, as pygeoapi itself finds them; none without any."""
    others = [each for each in settings.raw.get("resources", {}).values() if each.get("type") != "process"]
    if not others:
        return []
    apis, classes = all_apis(), list(CONFORMANCE_CLASSES)
    for provider in (each for resource in others for each in resource.get("providers", ())):
        kind = provider["type"]
        classes += getattr(apis.get(kind), "CONFORMANCE_CLASSES", [])
        if kind in ITEM_CLASSES:
            classes += getattr(apis["itemtypes"], ITEM_CLASSES[kind])
    return sorted(set(classes))


def _paths(generate: Any, cfg: Mapping[str, Any]) -> dict[str, Any]:
    resources = {
        name: each for name, each in cfg.get("resources", {}).items() if each.get("type") != "process"
    }
    server = {name: value for name, value in cfg["server"].items() if name != "manager"}
    paths: dict[str, Any] = generate({**cfg, "server": server, "resources": resources})["paths"]
    return paths


def api_document(
    settings: Settings, catalogue: Catalogue, base: str, extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The whole document for the server at ``base``, with the paths ``extra`` of pygeoapi's own resources."""
    title, description = composition.identification(settings)
    return ogc_document(
        catalogue,
        server_url=base,
        title=title,
        description=description,
        extra=extra,
        security=security_of(settings.auth),
    )
