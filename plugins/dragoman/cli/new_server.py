"""``dragoman init --server``: a folder from which ``dragoman serve`` serves as it is."""

from __future__ import annotations

import shlex
from importlib.resources import files
from pathlib import Path

from dragoman.config.bundled import bundled_root
from dragoman.errors import SettingsError
from dragoman.host.bootstrap import DEFAULT_CONFIG


def create_server(folder: Path) -> str:
    """Write the starter configuration into ``folder``, which is made if need be; what to do next, in words.

    Raises SettingsError where a configuration is there already, or the folder cannot be made or written.
    """
    path = folder / DEFAULT_CONFIG
    text = files("dragoman.config").joinpath("starter.yml").read_text("utf-8")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise SettingsError(f"{path} exists already; nothing was written") from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be written ({error.strerror})") from error
    enter = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "
    return (
        f"wrote {path}: a server with the processes that come with dragoman. Start it with\n\n"
        f"  {enter}dragoman serve\n\n"
        f"Its state will be in {folder / 'var'}; what every key means, and more, is in {bundled_root() / 'docs'}"
    )
