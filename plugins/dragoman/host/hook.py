"""What pygeoapi loads at its own import (entry-point group ``pygeoapi``), and what that changes.

Nothing is read or written at import: three functions of pygeoapi are wrapped, so that ours act when pygeoapi
asks for its configuration and its OpenAPI document. The module imports nothing of pygeoapi, which is only half
imported when it runs.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

API_DOCUMENT = "dragoman.host.api_document"
"""By name, and when it is needed: it imports pygeoapi, which loads this module in the middle of its own import."""


@click.group(name="dragoman")
def command() -> None:
    """Packaged algorithms; see also the command ``dragoman``."""


@command.command()
def check() -> None:
    """Check the configuration and every declared package."""
    importlib.import_module("dragoman.cli.main").main(["check"])


def install() -> None:
    """Wrap what pygeoapi asks at its start; any number of times."""
    config, openapi = sys.modules.get("pygeoapi.config"), sys.modules.get("pygeoapi.openapi")
    if config is None or openapi is None or getattr(config.get_config, "_dragoman", False):
        return
    _wrap(config, "get_config", _get_config)
    _wrap(openapi, "load_openapi_document", _load_openapi_document)
    _wrap(openapi, "get_oas_30", _get_oas_30)


def _is_ours(config: Any) -> bool:
    manager = (config or {}).get("server", {}).get("manager") or {}
    return str(manager.get("name", "")).startswith("dragoman.")


def _get_config(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Check the whole file before pygeoapi looks; leave a configuration that is not ours alone."""
    if _serves_ours():
        from dragoman.host.bootstrap import read_settings, refuse_other_hosts

        refuse_other_hosts(sys.modules)
        settings = read_settings()
        if not os.environ.get("PYGEOAPI_OPENAPI"):
            os.environ["PYGEOAPI_OPENAPI"] = str(settings.home / "openapi.json")
    config = original(*args, **kwargs)
    raw = kwargs.get("raw", args[0] if args else False)  # for the admin interface, which writes it back
    if not raw and _is_ours(config) and config["server"].get("cors") is True:
        config["server"]["cors"] = False  # our guards do what it says, for pygeoapi's own paths as well
    return config


def _serves_ours() -> bool:
    """Whether the configuration that the environment names is ours, or one that cannot be read: we say so."""
    import yaml

    from dragoman.config.yaml_limits import check_nodes
    from dragoman.host.bootstrap import DEFAULT_CONFIG

    if not os.environ.get("PYGEOAPI_CONFIG"):
        os.environ["PYGEOAPI_CONFIG"] = DEFAULT_CONFIG
    try:
        text = Path(os.environ["PYGEOAPI_CONFIG"]).read_text("utf-8")
        if (root := yaml.compose(text, Loader=yaml.SafeLoader)) is not None:
            check_nodes(root)
        return _is_ours(yaml.safe_load(text))
    except (OSError, yaml.YAMLError, UnicodeDecodeError, AttributeError, RecursionError):
        return True


def _load_openapi_document(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The first that only servers ask for: have all ready, and write the document if it is stale and ours to write."""
    if _serves_ours():
        from dragoman.host.bootstrap import prepare, read_settings, warn_of_sync_worker
        from dragoman.web.metrics_files import name_folder

        settings = read_settings()
        prepare(settings)
        name_folder(settings.home)
        warn_of_sync_worker(sys.modules)
        path = Path(os.environ.get("PYGEOAPI_OPENAPI", ""))
        if path.name == "openapi.json" and path.parent.name:
            _refresh_openapi(path)
    return original(*args, **kwargs)


def _refresh_openapi(path: Path) -> None:
    try:
        importlib.import_module(API_DOCUMENT).refresh_openapi(path)
    except OSError as error:
        from dragoman.errors import SettingsError
        from dragoman.host.bootstrap import give_up

        problem = f"{str(path)!r} cannot be written ({error.strerror}); allowed: a file openapi.json"
        give_up(SettingsError(f"PYGEOAPI_OPENAPI: {problem}, or leave it out"))


def _get_oas_30(original: Callable[..., Any], cfg: Any, *args: Any, **kwargs: Any) -> Any:
    """In what ``pygeoapi openapi generate`` writes, processes and jobs are described as we serve them."""
    if not _is_ours(cfg):
        return original(cfg, *args, **kwargs)
    return importlib.import_module(API_DOCUMENT).merged_openapi(
        lambda others: original(others, *args, **kwargs), cfg
    )


def _wrap(module: Any, name: str, replacement: Callable[..., Any]) -> None:
    original = getattr(module, name)

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return replacement(original, *args, **kwargs)

    wrapper._dragoman = True  # type: ignore[attr-defined]
    setattr(module, name, wrapper)


install()
