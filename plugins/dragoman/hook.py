"""What pygeoapi loads at its own import (entry-point group ``pygeoapi``), and what that changes.

Nothing is read or written at import: three functions of pygeoapi are wrapped, so that ours act when pygeoapi
asks for its configuration and its OpenAPI document. The module imports nothing of pygeoapi, which is only half
imported when it runs. (The design has this in plugin.py; there an import of plugin.py before pygeoapi's would
meet itself.)
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from dragoman.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.errors import DragomanError
    from dragoman.settings import Settings

ABOVE = "dragoman.plugin"
"""By name, and when it is needed: it imports pygeoapi, which loads this module in the middle of its own import."""
DEFAULT_CONFIG = "pygeoapi-config.yml"
CONFIGURATION_ERROR = 3
"""Exit code; the one at which gunicorn gives up instead of starting its worker again for ever."""


@click.group(name="dragoman")
def command() -> None:
    """Packaged algorithms; see also the command ``dragoman``."""


@command.command()
def check() -> None:
    """Check the configuration and every declared package."""
    importlib.import_module("dragoman.cli").main(["check"])


def install() -> None:
    """Wrap what pygeoapi asks at its start; any number of times."""
    config, openapi = sys.modules.get("pygeoapi.config"), sys.modules.get("pygeoapi.openapi")
    if config is None or openapi is None or getattr(config.get_config, "_dragoman", False):
        return
    _wrap(config, "get_config", _get_config)
    _wrap(openapi, "load_openapi_document", _load_openapi_document)
    _wrap(openapi, "get_oas_30", _get_oas_30)


def read_settings() -> Settings:
    """The settings that the environment names; ends the process with one line if they are wrong."""
    from dragoman.configfile import unset_empty
    from dragoman.settings import default_environment, load_settings

    if not os.environ.get("PYGEOAPI_CONFIG"):
        os.environ["PYGEOAPI_CONFIG"] = DEFAULT_CONFIG
    path = Path(os.environ["PYGEOAPI_CONFIG"])
    try:
        settings = load_settings(path, os.environ)
        text = path.read_text("utf-8")
    except SettingsError as error:
        give_up(error)
    for name in unset_empty(text, os.environ):  # pygeoapi, which reads the file next, takes "" for a value
        del os.environ[name]
    os.environ.update(default_environment(os.environ))
    return settings


def prepare(settings: Settings) -> None:
    """Have ready what the settings name; ends the process with one line if something cannot be used."""
    from dragoman.starting import prepare as make

    try:
        make(settings)
    except SettingsError as error:
        give_up(error)


def give_up(error: DragomanError) -> NoReturn:
    """End the process with one line, and the exit code at which nobody tries again."""
    print(" ".join(error.detail.split()), file=sys.stderr)
    raise SystemExit(CONFIGURATION_ERROR) from error


def _is_ours(config: Any) -> bool:
    manager = (config or {}).get("server", {}).get("manager") or {}
    return str(manager.get("name", "")).startswith("dragoman.")


def _get_config(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Check the whole file before pygeoapi looks; leave a configuration that is not ours alone."""
    if _serves_ours():
        settings = read_settings()
        if not os.environ.get("PYGEOAPI_OPENAPI"):
            os.environ["PYGEOAPI_OPENAPI"] = str(settings.home / "openapi.json")
    return original(*args, **kwargs)


def _serves_ours() -> bool:
    """Whether the configuration that the environment names is ours, or one that cannot be read: we say so."""
    import yaml

    from dragoman.yamllimits import check_nodes

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
        prepare(read_settings())
        path = Path(os.environ.get("PYGEOAPI_OPENAPI", ""))
        if path.name == "openapi.json" and path.parent.name:
            _refresh_openapi(path)
    return original(*args, **kwargs)


def _refresh_openapi(path: Path) -> None:
    try:
        importlib.import_module(ABOVE).refresh_openapi(path)
    except OSError as error:
        problem = f"{str(path)!r} cannot be written ({error.strerror}); allowed: a file openapi.json"
        give_up(SettingsError(f"PYGEOAPI_OPENAPI: {problem}, or leave it out"))


def _get_oas_30(original: Callable[..., Any], cfg: Any, *args: Any, **kwargs: Any) -> Any:
    """In what ``pygeoapi openapi generate`` writes, processes and jobs are described as we serve them."""
    if not _is_ours(cfg):
        return original(cfg, *args, **kwargs)
    return importlib.import_module(ABOVE).merged_openapi(
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
