"""Makes a package of a method that was exported from CCP."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from dragoman.errors import PackageError
from dragoman.packages.scripts.method import method_of
from dragoman.packages.scripts.method_document import FILE, load_document

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)


def import_method(file: Path, into: Path) -> Path:
    """Write a folder with the method's id below ``into``; the folder.

    Raises PackageError, one line that names file, line and key, and where the folder is there already.
    """
    document = load_document(file, file.name)
    method_of(document, into / "method")
    name: str = document.data["id"]
    if not _FOLDER.fullmatch(name):
        raise document.error(
            ("id",), f"got {name[:100]!r}; allowed: letters, digits, '.', '_' and '-', as a folder's name"
        )
    folder = into / name
    try:
        folder.mkdir()
        text = json.dumps(document.data, indent=2, ensure_ascii=False)
        (folder / FILE).write_text(f"{text}\n", "utf-8", errors="replace")
    except FileExistsError as error:
        raise PackageError(f"{name}: is there already; it is not overwritten") from error
    except OSError as error:
        raise PackageError(f"{name}: cannot be written ({error.strerror})") from error
    return folder
