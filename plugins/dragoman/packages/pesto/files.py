"""The JSON files of a PESTO project, with their profiles merged in; every mistake names the file and the line."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.errors import PackageError
from dragoman.packages.yaml_document import MAX_BYTES, one_line
from dragoman.schemas.file_values import NotJsonText, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dragoman.model.process import JSON

REQUIRED: Final = (
    "api/description",
    "api/input_schema",
    "api/output_schema",
    "api/config_schema",
    "api/config",
    "api/version",
    "build/build",
    "build/requirements",
)
"""Below ``pesto/``, without the ending."""

OPTIONAL: Final = ("api/user_definitions",)

_PROFILE: Final = re.compile(r"[^.]+\.(?P<profile>.+)\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonFile:
    """One file with the profiles that are switched on; always an object."""

    paths: tuple[Path, ...]
    """The file, then those of its profiles that there are; the last word wins."""
    folder: Path
    """The project's."""
    data: dict[str, JSON]

    def error(self, message: str, word: str = "") -> PackageError:
        """One line; it points to where ``word`` stands in JSON, in the last file that has it."""
        position = f"{_label(self.paths[0], self.folder)}:1"
        needle = json.dumps(word)
        for path in self.paths if word else ():
            lines = path.read_text("utf-8-sig").splitlines()
            line_number = next((number for number, line in enumerate(lines, 1) if needle in line), None)
            if line_number:
                position = f"{_label(path, self.folder)}:{line_number}"
        return PackageError(one_line(f"{position}: {message}"))


def read_files(folder: Path, profiles: Sequence[str]) -> dict[str, JsonFile]:
    """Every file by its name without folder and ending; an optional one that is missing is left out.

    Raises PackageError, also for a profile that no file has.
    """
    there = known_profiles(folder)
    for profile in profiles:
        if profile not in there:
            known = ", ".join(there) or "none"
            raise PackageError(f"{folder.name}/pesto: there is no profile {profile!r}; there are: {known}")
    names = [*REQUIRED, *(name for name in OPTIONAL if (folder / f"pesto/{name}.json").exists())]
    return {name.partition("/")[2]: _read(folder, name, profiles) for name in names}


def known_profiles(folder: Path) -> list[str]:
    """The profiles that some file of the project has, sorted."""
    matches = (
        _PROFILE.fullmatch(path.name)
        for part in ("api", "build")
        for path in (folder / "pesto" / part).glob("*")
    )
    return sorted({match["profile"] for match in matches if match})


def _read(folder: Path, name: str, profiles: Sequence[str]) -> JsonFile:
    file = folder / "pesto" / f"{name}.json"
    others = (file.with_name(f"{file.stem}.{profile}.json") for profile in profiles)
    paths = (file, *(path for path in others if path.is_file()))
    data: dict[str, JSON] = {}
    for path in paths:
        data = merged(data, read_object(path, _label(path, folder)))
    return JsonFile(paths=paths, folder=folder, data=data)


def merged(base: dict[str, JSON], over: dict[str, JSON]) -> dict[str, JSON]:
    """``over`` laid upon ``base``: objects member by member, anything else replaced; order is kept."""
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        objects = isinstance(below, dict) and isinstance(value, dict)
        result[name] = merged(below or {}, value) if objects else deepcopy(value)
    return result


def read_object(path: Path, label: str) -> dict[str, JSON]:
    """The JSON object that a file holds; raises PackageError with the line where it is none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PackageError(f"{label}: is larger than {MAX_BYTES} bytes")
        data = parse_json(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise PackageError(f"{label}: is missing") from None
    except OSError as error:
        raise PackageError(f"{label}: cannot be read ({error.strerror})") from error
    except NotJsonText as error:
        raise PackageError(one_line(f"{label}:{error.line}: is not JSON: {error.reason}")) from error
    except UnicodeDecodeError as error:
        raise PackageError(one_line(f"{label}:1: is not JSON: {error}")) from error
    if not isinstance(data, dict):
        raise PackageError(f"{label}:1: is not a JSON object")
    return data


def _label(path: Path, folder: Path) -> str:
    return f"{folder.name}/{path.relative_to(folder)}"
