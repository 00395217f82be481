"""What scripts have left in the output folder, as outputs."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import OutputError
from dragoman.model.job import Output
from dragoman.schemas.forms import media_types
from dragoman.schemas.media_types import essence, of_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from dragoman.packages.scripts.method import Method

MOST_FILES: Final = 10_000
"""Of one run: each has a place in the job's row."""
ARCHIVE: Final = "output.zip"
"""The name that the archive of all outputs has among them."""
_ODD: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\\]")


def outputs_of(method: Method, folder: Path, wanted: Collection[str] | None) -> dict[str, Output]:
    """The outputs in ``wanted`` (None: all): declared ones by their file, all other files as one list.

    What is not wanted is deleted. An output of which no file was found is missing. Raises OutputError for too many.
    """
    files = _files(folder)
    if len(files) > MOST_FILES:
        raise OutputError(f"it has written {len(files)} files to the output folder; allowed: {MOST_FILES}")
    claimed: dict[str, str] = {}
    for find in (_by_path, _by_name, _by_type):
        for name in method.process.outputs:
            left = [file for file in files if file not in claimed.values()]
            if name != method.others and name not in claimed and (file := find(method, name, left)):
                claimed[name] = file
    outputs = {
        name: _output(method, name, folder, claimed[name])
        for name in method.process.outputs
        if name in claimed
    }
    rest = tuple(
        Output(
            id=method.others, media_type=of_file(Path(file)), file=file, size=(folder / file).stat().st_size
        )
        for file in files
        if file not in claimed.values()
    )
    outputs[method.others] = Output(
        id=method.others, media_type="application/json", items=rest, value=None if rest else []
    )
    return {name: each for name, each in outputs.items() if _kept(each, folder, wanted)}


def _kept(output: Output, folder: Path, wanted: Collection[str] | None) -> bool:
    if wanted is None or output.id in wanted:
        return True
    for each in output.items or (output,):
        if each.file is not None:
            (folder / each.file).unlink(missing_ok=True)
    return False


def _output(method: Method, name: str, folder: Path, file: str) -> Output:
    stated = media_types(method.process.outputs[name].schema)
    media_type = stated[0] if stated else of_file(Path(file))
    return Output(id=name, media_type=media_type, file=file, size=(folder / file).stat().st_size)


def _by_path(method: Method, name: str, files: Collection[str]) -> str:
    path = method.paths.get(name, "")
    return path if path in files else ""


def _by_name(_method: Method, name: str, files: Collection[str]) -> str:
    """The file that is called like the output, with or without an ending."""
    return next(
        (
            file
            for file in sorted(files, key=len)
            if file == name or Path(file).stem == name == file.rpartition(".")[0]
        ),
        "",
    )


def _by_type(method: Method, name: str, files: Collection[str]) -> str:
    """The one file at the top that has the media type of the output."""
    stated = {essence(each) for each in media_types(method.process.outputs[name].schema)}
    if name in method.paths or not stated:
        return ""
    fitting = [file for file in files if "/" not in file and essence(of_file(Path(file))) in stated]
    return fitting[0] if len(fitting) == 1 else ""


def _files(folder: Path) -> list[str]:
    """The regular files below a folder in order, by paths that are texts; what is anything else is deleted."""
    names = []
    for path in list(_below(folder)):
        if not stat.S_ISREG(path.lstat().st_mode):
            path.unlink()
            continue
        if not os.access(path, os.R_OK):
            path.chmod(0o600)
        names.append(_named(folder, path))
    return sorted(names)


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        for name in folders:
            if (link := Path(root, name)).is_symlink():
                yield link
        yield from (Path(root, name) for name in files)


def _named(folder: Path, path: Path) -> str:
    """The path below the folder, after the file was renamed if clients could not ask for it by that name."""
    name = path.relative_to(folder).as_posix()
    if not _ODD.search(name) and name != ARCHIVE:
        return name
    plain = _ODD.sub("_", name) if name != ARCHIVE else "output_.zip"
    while (folder / plain).exists():
        plain = f"_{plain}" if "/" not in plain else f"{plain}_"
    (folder / plain).parent.mkdir(parents=True, exist_ok=True)
    path.rename(folder / plain)
    return plain
