"""Whether what the settings name can be used: HOME, the log file, the database.

Asked once, before anything is started: each would else end a part of the server deep inside, by a traceback. What is
wrong is a SettingsError: one line with file, key, what is wrong and what is allowed.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sqlalchemy import make_url

from dragoman.config.file import read_config, shown
from dragoman.config.keys import KEYS
from dragoman.config.settings_file import default_environment
from dragoman.errors import SettingsError, Unavailable
from dragoman.jobs.stores import examine_store, open_store
from dragoman.jobs.stores.outage_log import cause_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragoman.config.file import Key
    from dragoman.config.settings import Settings

HOME: Key = ("server", "manager", "output_dir")
DATABASE: Key = ("server", "manager", "connection")
LOG_FILE: Key = ("logging", "logfile")


def prepare(settings: Settings) -> None:
    """Make HOME and the store's tables if they are not there; SettingsError for the first that cannot be used."""
    _use_home(settings, lambda home: home.mkdir(parents=True, exist_ok=True))
    _use_log_file(settings)
    _use_store(settings, lambda url: open_store(url).close())


def unusable(settings: Settings) -> Iterator[str]:
    """One line on each that cannot be used; nothing is made or changed."""
    for look in (_use_home, _use_log_file, _use_store):
        try:
            look(settings)
        except SettingsError as error:
            yield error.detail


def _use_home(settings: Settings, make: Callable[[Path], None] = lambda _home: None) -> None:
    try:
        make(settings.home)
        _nameless(_existing(settings.home)).close()
    except OSError as error:
        problem = f"{shown(str(settings.home))} cannot be used as HOME ({error.strerror})"
        raise error_at(
            settings, HOME, f"{problem}; allowed: a folder that can be made and written"
        ) from error


def _existing(folder: Path) -> Path:
    """The folder, or else the nearest one above it that is there."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def _use_log_file(settings: Settings) -> None:
    path = (settings.raw.get("logging") or {}).get("logfile")
    if path is None:
        return
    try:  # relative to the working folder, as for pygeoapi and for logging
        looked_at = open(path, "ab") if os.path.lexists(path) else _nameless(os.path.dirname(path) or ".")  # noqa: SIM115
        looked_at.close()
    except OSError as error:
        problem = f"{shown(path)} cannot be written ({error.strerror})"
        raise error_at(settings, LOG_FILE, f"{problem}; allowed: a file in a folder that is there") from error


def _use_store(settings: Settings, use: Callable[[str], None] | None = None) -> None:
    try:
        if use is not None:
            use(settings.database_url)
        elif not _no_file_yet(settings):
            examine_store(settings.database_url)
    except Unavailable as error:
        cause = cause_of(error.__cause__ or error, settings.database_url)
        problem = f"{_location(settings)} cannot be used as the job store ({cause})"
        allowed = "a database that can be reached and written, or empty"
        raise error_at(settings, DATABASE, f"{problem}; allowed: {allowed}") from error
    except SettingsError as error:
        problem = error.detail.removeprefix(f"{'.'.join(map(str, DATABASE))}: ")
        raise error_at(settings, DATABASE, f"{_location(settings)}: {problem}") from error


def _no_file_yet(settings: Settings) -> bool:
    """Whether the database is one of SQLite's that is still to be made, where a folder can be made for it."""
    url: Any = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or os.path.lexists(url.database):
        return False
    folder = _existing(Path(url.database).parent)
    try:
        _nameless(folder).close()
    except OSError as error:
        raise Unavailable from error
    return True


def _nameless(folder: Path | str) -> IO[bytes]:
    """A file that is in nobody's way; only writing one tells whether a folder takes any."""
    return tempfile.TemporaryFile(dir=folder)


def _location(settings: Settings) -> str:
    """Where the database is; without user and password."""
    url = make_url(settings.database_url)
    return shown(url.database or "") if url.host is None else shown(f"{url.host}/{url.database}")


def error_at(settings: Settings, key: Key, problem: str) -> SettingsError:
    """A line on a key of the file, which is read again for the number of its line."""
    env = {**os.environ, **default_environment(os.environ)}
    return read_config(settings.config_path, env, KEYS).error(key, problem)
