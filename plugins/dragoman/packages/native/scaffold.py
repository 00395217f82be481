"""Makes the folder of a new process, which runs as it is: ``dragoman init NAME``."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from dragoman.errors import PackageError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

_FILES: Final = ("process.yml", "algorithm.py", "examples/small.yml")
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*", re.ASCII)
_LONGEST: Final = 64


def create_package(name: str, parent: Path) -> Path:
    """Write ``parent/name`` and return it; its title is the name in words.

    Raises PackageError for a name that makes no good URL, or where something of that name exists.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise PackageError(
            f"{name!r} is not a name for a process; allowed: lower-case letters and digits, "
            f"words joined by '-' or '_', a letter first, at most {_LONGEST} characters"
        )
    folder = parent / name
    try:
        folder.mkdir(parents=True)
        (folder / "examples").mkdir()
    except (FileExistsError, NotADirectoryError) as error:
        raise PackageError(f"{name} exists already; nothing was written") from error
    except OSError as error:
        raise PackageError(f"{name} cannot be made ({error.strerror})") from error
    title = re.sub(r"[-_]", " ", name).capitalize()
    template: Traversable = files("dragoman.packages.native") / "template"
    for file in _FILES:
        text = template.joinpath(*file.split("/")).read_text(encoding="utf-8")
        (folder / file).write_text(text.replace("TITLE", title), encoding="utf-8")
    return folder


def config_lines(name: str, folder: str | Path) -> str:
    """The lines to add under ``resources:`` of pygeoapi-config.yml; ``folder`` as it is to stand there."""
    return (
        f"  {name}:\n"
        "    type: process\n"
        "    processor:\n"
        "      name: dragoman.plugin.PackagedProcessor\n"
        f"      package: {folder}\n"
    )
