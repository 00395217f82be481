"""What PESTO builds into an image, ``pesto/build/*.json``: variables, which we set, and files, which we do not copy."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import PackageError
from dragoman.packages.pesto.files import read_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dragoman.model.process import JSON
    from dragoman.packages.pesto.files import JsonFile

PROFILE: Final = "PESTO_PROFILE"
"""The variable that tells an algorithm its version and profiles."""

REQUIREMENTS: Final = "pesto/build/requirements.json"

_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))", re.ASCII)
_PYTHON_PATH: Final = "PYTHONPATH"
"""PESTO overwrites it; a worker has the project on ``sys.path`` already."""


def environments(files: Mapping[str, JsonFile], profiles: Sequence[str], version: str) -> dict[str, str]:
    """The variables of the image, in order; raises PackageError."""
    document = files["requirements"]
    declared = document.data.get("environments") or {}
    if not isinstance(declared, dict):
        raise document.error("environments: is not an object", "environments")
    for name, value in declared.items():
        if not _NAME.fullmatch(name) or isinstance(value, dict | list) or "\0" in str(value):
            raise document.error(f"environments: {name!r} is no variable with a text as its value", name)
    built = files["build"].data.get("version") or version
    variables = {PROFILE: "-".join([str(built), *profiles])}
    return variables | {name: str(value) for name, value in declared.items() if name != _PYTHON_PATH}


def set_environment(variables: Mapping[str, Any]) -> None:
    """Set them in this process, a worker of the project: with ``$NAME`` replaced, as Docker's ENV does."""
    for name, value in variables.items():
        try:
            os.environ[name] = _VARIABLE.sub(
                lambda match: os.environ.get(match[1] or match[2], ""), str(value)
            )
        except ValueError as error:  # of a process.yml: "=" in a name, or a null character
            raise PackageError(f"dialects.pesto.environments: {name!r}: {error}") from error


def unserved(folder: Path, profiles: Sequence[str]) -> list[str]:
    """The requirements of a project, which PESTO copies or installs into the image, and nobody does here."""
    path = folder / REQUIREMENTS
    names: list[str] = []
    for file in (path, *(path.with_name(f"requirements.{profile}.json") for profile in profiles)):
        if file.is_file():
            requirements: JSON = read_object(file, f"{folder.name}/{file.relative_to(folder)}").get(
                "requirements"
            )
            names.extend(requirements if isinstance(requirements, dict) else ())
    return list(dict.fromkeys(names))
