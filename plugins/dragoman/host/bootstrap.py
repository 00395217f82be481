"""Before anything is served or run: read the settings, have ready what they name, or end with one line."""

from __future__ import annotations

import logging
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from dragoman.adapters.registry import dialect_settings
from dragoman.config.file import unset_empty
from dragoman.config.settings_file import default_environment, load_settings
from dragoman.errors import SettingsError
from dragoman.host import startup_checks

if TYPE_CHECKING:
    from collections.abc import Container

    from dragoman.config.settings import Settings
    from dragoman.errors import DragomanError

LOGGER = logging.getLogger(__name__)

OTHER_HOSTS: Final = {
    "pygeoapi.starlette_app": "Starlette",
    "pygeoapi.django_app": "Django",
    "pygeoapi.django_.settings": "Django",
}
"""Modules of pygeoapi that serve by something else than Flask."""
DEFAULT_CONFIG = "pygeoapi-config.yml"
CONFIGURATION_ERROR = 3
"""Exit code; the one at which gunicorn gives up instead of starting its worker again for ever."""


def read_settings() -> Settings:
    """The settings that the environment names; ends the process with one line if they are wrong.

    The file is read again only when it, or the environment, is another: pygeoapi asks for it at many places.
    """
    if not os.environ.get("PYGEOAPI_CONFIG"):
        os.environ["PYGEOAPI_CONFIG"] = DEFAULT_CONFIG
    path = Path(os.path.abspath(os.environ["PYGEOAPI_CONFIG"]))
    try:
        settings, empty = _read(path, _stamp(path), frozenset(os.environ.items()))
    except SettingsError as error:
        give_up(error)
    for name in empty:  # pygeoapi, which reads the file next, takes "" for a value
        os.environ.pop(name, None)
    os.environ.update(default_environment(os.environ))
    return settings


def _stamp(path: Path) -> tuple[int, ...]:
    """Another one for every change of the file; of one that cannot be read always the same."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=2)
def _read(
    path: Path, _stamp: tuple[int, ...], env: frozenset[tuple[str, str]]
) -> tuple[Settings, tuple[str, ...]]:
    """The settings, and the variables that are set but empty; the same for the same file and environment."""
    environment = dict(env)
    settings = load_settings(path, environment, dialect_settings())
    return settings, tuple(unset_empty(path.read_text("utf-8"), environment))


def refuse_other_hosts(modules: Container[str]) -> None:
    """End the process with one line under a web framework in which none of our guards and routes would be."""
    for module, name in OTHER_HOSTS.items():
        if module in modules:
            give_up(
                SettingsError(
                    f"dragoman does not serve under {name}: its guards, PESTO and the jobs pages are Flask's alone; "
                    "allowed: `dragoman serve`, `pygeoapi serve --flask`, gunicorn with pygeoapi.flask_app:APP"
                )
            )


def warn_of_sync_worker(modules: Container[str]) -> None:
    """Log once at the start that gunicorn serves one request at a time, and what follows."""
    if "gunicorn.workers.sync" in modules and "gunicorn.workers.gthread" not in modules:
        LOGGER.warning(
            "gunicorn's worker class is sync: while one call waits for its job nobody else is served, /livez neither, "
            "and after --timeout the process is killed; take --worker-class gthread --threads 16"
        )


def prepare(settings: Settings) -> None:
    """Have ready what the settings name; ends the process with one line if something cannot be used."""
    try:
        startup_checks.prepare(settings)
    except SettingsError as error:
        give_up(error)


def give_up(error: DragomanError, *, again: bool = False) -> NoReturn:
    """End the process with one line, and the exit code at which nobody tries again, or somebody does."""
    print(" ".join(error.detail.split()), file=sys.stderr)
    raise SystemExit(1 if again else CONFIGURATION_ERROR) from error
