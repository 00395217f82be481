"""A program around a program that runs it several times, one run after another, and gives the outputs of all."""

from __future__ import annotations

import json
import math
import os
import shutil
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dragoman.model.job import Output
from dragoman.packages.outputs.output_writer import file_stem
from dragoman.packages.outputs.wrappers import Wrapper

if TYPE_CHECKING:
    import logging
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from dragoman.model.job import Replicas
    from dragoman.model.resolved import ResolvedValue
    from dragoman.packages.program import WatchedContext

type Values = Mapping[str, Sequence[ResolvedValue]]
"""By input id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicated(Wrapper):
    """A program that runs as often as was asked. Of two or more runs, each output is a list of files.

    The files of a run lie in the folder ``0``, ``1``, ... of its number; its values become files there. An output that
    is a list by itself is one list of the files of all runs.
    """

    replicas: Replicas

    def run(
        self, values: Values, *, context: WatchedContext, folder: Path, wanted: Collection[str] | None
    ) -> Mapping[str, Output]:
        """See Program; each run begins with the inputs and the surroundings that the first one met."""
        count = self.replicas.count
        if count == 1:
            with _told(self.replicas, 0):
                return self.program.run(values, context=context, folder=folder, wanted=wanted)
        items: dict[str, list[Output]] = {}
        for number in range(count):
            part = _PartContext(context, number, count)
            part.progress(0)
            context.log.info("run %d of %d", number + 1, count)
            place = folder.with_name(f"{folder.name}.{number}")  # beside it: what is around it stays secret
            with _told(self.replicas, number), _clean(context):
                outputs = self.program.run(_copied(values), context=part, folder=place, wanted=wanted)
            if place.exists():
                folder.mkdir(parents=True, exist_ok=True)
                place.rename(folder / str(number))
            for name, output in outputs.items():
                items.setdefault(name, []).extend(_files(output, folder, str(number)))
        return {
            name: Output(id=name, media_type="application/json", items=tuple(files))
            for name, files in items.items()
        }


def _files(output: Output, folder: Path, number: str) -> Iterator[Output]:
    """The output of one run as files of ``folder``, which is that of all runs."""
    if output.items:
        for item in output.items:
            yield replace(item, file=f"{number}/{item.file}")
    elif output.file is not None:
        yield replace(output, file=f"{number}/{output.file}")
    else:
        yield _value_file(output, folder, number)


def _value_file(output: Output, folder: Path, number: str) -> Output:
    """A value written to a file of its run's folder, whose name no other file there has."""
    text = isinstance(output.value, str)
    data = output.value if text else json.dumps(output.value, ensure_ascii=False, separators=(",", ":"))
    stem, end = file_stem(output.id), "txt" if text else "json"
    while (path := folder / number / f"{stem}.{end}").exists():
        stem += "_"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode("utf-8", errors="replace"))
    name = path.relative_to(folder).as_posix()
    return replace(output, value=None, file=name, size=path.stat().st_size)


def _copied(values: Values) -> Values:
    """The values, so that what one run does to a list or an object is not seen by the next."""
    return {
        name: [replace(item, value=deepcopy(item.value)) for item in items] for name, items in values.items()
    }


@contextmanager
def _told(replicas: Replicas, number: int) -> Iterator[None]:
    """With the number of a run in the environment."""
    before = {name: os.environ.get(name) for name in replicas.variables}
    os.environ.update(dict.fromkeys(before, str(number)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _clean(context: WatchedContext) -> Iterator[None]:
    """Working directory as before, and an empty scratch folder after a run: the next begins as this one did."""
    directory, scratch = os.getcwd(), context.scratch
    try:
        yield
    finally:
        os.chdir(directory)
        for entry in scratch.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                with suppress(OSError):
                    entry.unlink()


class _PartContext:
    """The context of one of several runs, whose progress is that part of the job's."""

    def __init__(self, whole: WatchedContext, number: int, count: int) -> None:
        self._whole = whole
        self._number = number
        self._count = count

    @property
    def job_id(self) -> str:
        return self._whole.job_id

    @property
    def config(self) -> Mapping[str, Any]:
        return self._whole.config

    @property
    def outputs(self) -> Collection[str]:
        return self._whole.outputs

    @property
    def log(self) -> logging.Logger:
        return self._whole.log

    @property
    def scratch(self) -> Path:
        return self._whole.scratch

    def progress(self, percent: float, message: str = "") -> None:
        share = percent if math.isnan(percent) else min(100.0, max(0.0, percent))
        told = f"run {self._number + 1} of {self._count}{f': {message}' if message else ''}"
        self._whole.progress((100 * self._number + share) / self._count, told)

    def notice(self, text: str) -> None:
        self._whole.notice(text)

    def opening(self, input_id: str) -> AbstractContextManager[object]:
        return self._whole.opening(input_id)
