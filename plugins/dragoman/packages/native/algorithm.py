"""The code of a package, imported: only in a worker that belongs to that package, or in a test of it."""

from __future__ import annotations

import inspect
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dragoman.errors import PackageError
from dragoman.packages.native.annotation_check import impossible, line_of
from dragoman.packages.native.entry_module import import_entry
from dragoman.packages.native.signature import CONTEXT, find_entry
from dragoman.packages.tracebacks import source_label
from dragoman.packages.yaml_document import one_line

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dragoman.model.context import Context
    from dragoman.model.process import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """What a package does: a function, or the methods of one instance of a class."""

    process: Process
    run: Callable[..., object]
    """Takes each input by name in the form that its annotation asks for, and ``context`` if it has that."""
    parameters: Mapping[str, inspect.Parameter]
    """The parameters of ``run`` by name, annotations resolved to types."""
    prepare: Callable[..., object] | None = None
    """The class's ``setup``, if it has one."""

    def setup(self, context: Context) -> None:
        """Run the package's ``setup``, once per worker; whatever it raises comes through."""
        if self.prepare is None:
            return
        if CONTEXT in inspect.signature(self.prepare).parameters:
            self.prepare(context=context)
        else:
            self.prepare()


def load_algorithm(process: Process) -> Algorithm:
    """Import the entry that ``runtime.entry`` names (empty: the default), by the name of its module.

    Puts the package's folder first on sys.path, so that the algorithm can import its neighbours.
    Raises PackageError where the module cannot be imported, or is not what it should be.
    """
    folder = Path(process.runtime.folder)
    entry = find_entry(folder, process.runtime.entry or None)
    module = import_entry(entry.module, entry.file, folder)
    target = getattr(module, entry.attribute, None)
    label = f"{source_label(entry.file, folder)}: {entry.attribute}"
    if not inspect.isclass(target):
        run = _callable(target, label)
        return Algorithm(process=process, run=run, parameters=_fitting(run, label, process))
    try:
        instance = target()
    except TypeError as error:
        raise PackageError(one_line(f"{label}: cannot be made without arguments ({error})")) from error
    run = _callable(getattr(instance, "run", None), f"{label}.run")
    return Algorithm(
        process=process,
        run=run,
        parameters=_fitting(run, f"{label}.run", process),
        prepare=getattr(instance, "setup", None),
    )


def _callable(target: Any, label: str) -> Callable[..., object]:
    if not callable(target):
        raise PackageError(f"{label}: is not a function")
    if inspect.iscoroutinefunction(target):
        raise PackageError(f"{label}: is async; it has to be a plain function")
    return typing.cast("Callable[..., object]", target)


def _fitting(run: Callable[..., object], label: str, process: Process) -> dict[str, inspect.Parameter]:
    """The parameters of run; raises PackageError where an input can never take the form that is asked for."""
    parameters = _parameters(run, label)
    for problem in impossible(process, parameters):
        file, _, name = label.partition(": ")
        raise PackageError(one_line(f"{file}:{line_of(run)}: {name}: {problem}"))
    return parameters


def _parameters(run: Callable[..., object], label: str) -> dict[str, inspect.Parameter]:
    try:
        hints = typing.get_type_hints(run)
        parameters = inspect.signature(run).parameters
    except (NameError, AttributeError, TypeError, ValueError) as error:
        text = f"{label}: its annotations cannot be resolved ({error}); import them outside TYPE_CHECKING"
        raise PackageError(one_line(text)) from error
    return {
        name: parameter.replace(annotation=hints.get(name, inspect.Parameter.empty))
        for name, parameter in parameters.items()
    }
