"""The files of an execution by their paths: its outputs, and what its archives hold. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dragoman.adapters.ogc.results_documents import native
from dragoman.jobs.archives import Member

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragoman.jobs.stored_file import StoredFile
    from dragoman.model.job import Job, Output

ZIP: Final = "application/zip"
OUTPUT_ZIP: Final = "output.zip"
_ODD: Final = re.compile(r"[^\w.-]|^\.+")

type Open = Callable[[Output], StoredFile]
"""Looks up the content of an output that is a file."""


def output_files(job: Job) -> dict[str, Output]:
    """The outputs of a job by their file names: those of files are their own, of a value the id and .json or .txt.

    A list of files stands for each of its files.
    """
    files = {each.file: each for each in _singly(job) if each.file is not None}
    for output in job.outputs.values():
        if output.file is None and not output.items:
            files[_value_name(output, files)] = output
    return files


def _singly(job: Job) -> Iterator[Output]:
    for output in job.outputs.values():
        yield from output.items or (output,)


def _value_name(output: Output, taken: dict[str, Output]) -> str:
    """A name for the file of a value, which no other file has; ids are the authors' and may hold anything."""
    end = "txt" if isinstance(output.value, str) else "json"
    stem = _ODD.sub("_", output.id)
    name = f"{stem}.{end}"
    while name in taken or name == OUTPUT_ZIP:
        stem += "_"
        name = f"{stem}.{end}"
    return name


def output_member(name: str, output: Output, open_file: Open) -> Member:
    """An output as a file of that name; raises ResultNotAvailable once it is gone."""
    if output.file is not None:
        return Member(name=name, media_type=output.media_type, content=open_file(output))
    media_type, data = native(output)
    return Member(name=name, media_type=media_type, content=data)
