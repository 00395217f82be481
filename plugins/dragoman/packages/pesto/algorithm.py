"""The class of a PESTO project, imported: only in a worker that belongs to the project, or in a test of it."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import sys
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import PackageError
from dragoman.packages.tracebacks import import_place
from dragoman.packages.yaml_document import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

FIELDS: Final = "pesto.cli.fields"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectInstance:
    """One instance of the project's class, started."""

    process: Callable[..., object]
    input_class: type | None
    """The dataclass that ``process`` takes as its only argument; None: it takes each input by name."""
    output_class: type | None
    """The dataclass that it may return instead of a mapping."""

    def run(self, arguments: Mapping[str, object]) -> object:
        """Call it; a returned dataclass becomes a mapping, and whatever it raises comes through."""
        if self.input_class is not None:
            returned = self.process(self.input_class(**arguments))
        else:
            returned = self.process(**arguments)
        if self.output_class is not None and isinstance(returned, self.output_class):
            return {field.name: getattr(returned, field.name) for field in fields(returned)}  # type: ignore[arg-type]
        return returned


def load_class(folder: Path, entry: str) -> ProjectInstance:
    """Import ``module:Class`` with the folder first on sys.path, make one, and start it.

    Raises PackageError, which names what failed, with the author's own error as its cause.
    """
    name, _, attribute = entry.partition(":")
    _prepare(folder, name)
    module = _import(folder, name)
    label = f"{folder.name}/{name.replace('.', '/')}.py: {attribute}"
    if not callable(factory := getattr(module, attribute, None)):
        raise PackageError(f"{label} is not there, or is no class")
    instance = _author(f"{label}()", factory)
    process = getattr(instance, "process", None)
    if not callable(process) or inspect.iscoroutinefunction(process):
        raise PackageError(f"{label} has no plain method process")
    start = getattr(instance, "on_start", None)
    if start is not None:
        _author(f"{label}.on_start", start)
    input_class, output_class = _classes(f"{name.rpartition('.')[0]}.input_output".removeprefix("."), process)
    return ProjectInstance(process=process, input_class=input_class, output_class=output_class)


def _author(label: str, call: Any) -> Any:
    """Call what the author wrote, without arguments."""
    try:
        return call()
    except Exception as error:  # an author's code may raise anything
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise PackageError(one_line(f"{label} failed: {text}")) from error


def _prepare(folder: Path, module: str) -> None:
    """Make the module mean this project's, and ``pesto.cli.fields`` be there."""
    path = str(folder)
    if sys.path[:1] != [path]:
        sys.path[:] = [path, *(other for other in sys.path if other != path)]
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None or not Path(file).is_relative_to(folder):  # another project was here before: a test
        root = module.partition(".")[0]
        for name in [name for name in sys.modules if name.partition(".")[0] == root]:
            del sys.modules[name]
        if (folder / root).is_dir() and not (folder / root / "__init__.py").exists():
            sys.modules[root] = _package(root, folder / root)
    importlib.invalidate_caches()
    if not any(isinstance(finder, _Fields) for finder in sys.meta_path):
        sys.meta_path.append(_Fields())


def _package(name: str, folder: Path) -> ModuleType:
    """A folder without ``__init__.py`` as a package of its own: as a namespace, any module of its name goes first."""
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    return importlib.util.module_from_spec(spec)


class _Fields(importlib.abc.MetaPathFinder):
    """Finds ``pesto.cli.fields`` where nobody else has: a project's own folder ``pesto`` holds no code."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == FIELDS:
            return importlib.util.spec_from_file_location(FIELDS, Path(__file__).with_name("fields.py"))
        if fullname in ("pesto", "pesto.cli"):
            return importlib.machinery.ModuleSpec(fullname, None, is_package=True)
        return None


def _import(folder: Path, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:  # an author's module may raise anything
        position = import_place(error, folder / f"{name.replace('.', '/')}.py", folder)
        raise PackageError(
            one_line(f"{position}: cannot be imported: {type(error).__name__}: {error}")
        ) from error


def _classes(name: str, process: Callable[..., object]) -> tuple[type | None, type | None]:
    """Input, where ``process`` asks for it by its annotation, and Output; only where both can be imported."""
    try:
        module = importlib.import_module(name)
        input_class: type = module.Input
        output_class: type = module.Output
    except Exception:  # as in PESTO: a project without them takes its inputs by name
        return None, None
    return (input_class if _asks_for(process, input_class) else None), (
        output_class if isinstance(output_class, type) and is_dataclass(output_class) else None
    )


def _asks_for(process: Callable[..., object], input_class: object) -> bool:
    try:
        parameters = list(inspect.signature(process, eval_str=True).parameters.values())
    except (NameError, TypeError, ValueError, AttributeError):
        parameters = list(inspect.signature(process).parameters.values())
    return len(parameters) == 1 and parameters[0].annotation is input_class
