"""The entry of a package, read from its source without importing it: where it is, what run takes.

The web process looks at packages only so; the worker imports them (``algorithm.py``).
"""

from __future__ import annotations

import ast
import keyword
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from dragoman.errors import PackageError
from dragoman.packages.native.entry_module import module_file, own_code, root_of
from dragoman.packages.tracebacks import source_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dragoman.model.process import InputSpec

CONTEXT: Final = "context"
"""The parameter by which run and setup ask for the context; no input may be bound to it."""

_BINDERS: Final = frozenset({"exec", "globals", "setattr", "vars"})
"""By which a module may bind what its source does not show."""
_BASES: Final = 20
"""Classes above a class that are looked at."""

type _Function = ast.FunctionDef | ast.AsyncFunctionDef
type _Definition = _Function | ast.ClassDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``module:attribute`` and the file that holds it."""

    module: str
    attribute: str
    file: Path

    def installed(self, folder: Path) -> Path | None:
        """The file or folder of the installed distribution that holds it; None where it is in the package's folder."""
        if own_code(self.file, folder):
            return None
        return (
            root_of(self.file, self.module) / self.module.partition(".")[0]
            if "." in self.module
            else self.file
        )

    def __str__(self) -> str:
        return f"{self.module}:{self.attribute}"


@lru_cache(maxsize=1024)
def parameter_name(input_id: str) -> str:
    """The parameter of run for an input: its id, with ``_`` for what a Python name cannot hold."""
    name = re.sub(r"\W", "_", input_id, flags=re.ASCII)
    if name[:1].isdigit():
        name = f"_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def find_entry(folder: Path, entry: str | None) -> Entry:
    """The entry that process.yml names, or the default; raises PackageError where it is not there.

    The default is ``algorithm:run`` where algorithm.py defines ``run``, else ``algorithm:Algorithm``.
    """
    module, _, attribute = (entry or "algorithm:").partition(":")
    file = module_file(folder, module)
    if file is None:
        name = module.replace(".", "/")
        raise PackageError(f"{folder.name}: has no {name}.py, the module of its entry")
    source = _read(file, folder)
    if not attribute:
        attribute = "Algorithm" if "run" not in source.names and "Algorithm" in source.names else "run"
    if attribute not in source.names and not source.open:
        wanted = f"'{attribute}'" if entry else "'run' or 'Algorithm'"
        raise PackageError(f"{source_label(file, folder)}:1: defines no {wanted}, the entry of the process")
    return Entry(module=module, attribute=attribute, file=file)


def check_signature(folder: Path, entry: Entry, inputs: Mapping[str, InputSpec]) -> None:
    """Raise PackageError unless the parameters of run are the inputs, and ``context`` if it likes.

    What cannot be told from the source (a decorated or imported function) is left to the worker.
    """
    source = _read(entry.file, folder)
    definition = source.definition(entry.attribute)
    method = isinstance(definition, ast.ClassDef)
    if isinstance(definition, ast.ClassDef):
        owner, definition = definition, source.method(definition, "run")
        if definition is None and source.lacks(owner, "run"):
            raise PackageError(
                f"{source_label(entry.file, folder)}:1: class {entry.attribute} has no method run"
            )
    if not isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef) or definition.decorator_list:
        return
    label = f"{source_label(entry.file, folder)}:{definition.lineno}"
    if isinstance(definition, ast.AsyncFunctionDef):
        raise PackageError(f"{label}: {definition.name} is async; it has to be a plain function")
    for problem in _problems(definition.args, inputs, method):
        raise PackageError(f"{label}: {definition.name}: {problem}")


def check_class(folder: Path, entry: str, method: str) -> None:
    """Raise PackageError where the source shows that the entry is a class without the method.

    All else is left to the worker: a function that makes the instance, what is imported or assigned.
    """
    located = find_entry(folder, entry)
    source = _read(located.file, folder)
    definition = source.definition(located.attribute)
    if not isinstance(definition, ast.ClassDef):
        return
    label = f"{source_label(located.file, folder)}:{definition.lineno}"
    there = source.method(definition, method)
    if there is None and source.lacks(definition, method):
        raise PackageError(f"{label}: class {located.attribute} has no method {method}")
    if isinstance(there, ast.AsyncFunctionDef) and not there.decorator_list:
        raise PackageError(f"{label}: {method} is async; it has to be a plain function")


def _problems(args: ast.arguments, inputs: Mapping[str, InputSpec], method: bool) -> Iterator[str]:
    positional = args.args[1:] if method and not args.posonlyargs else args.args
    if args.posonlyargs[1 if method else 0 :] or args.vararg:
        yield "parameters are given by name: no '/' and no *args"
    taken = {arg.arg: arg for arg in (*positional, *args.kwonlyargs)}
    defaulted = _defaulted(args)
    bound = {parameter_name(input_id): input_id for input_id in inputs}
    for name in taken:
        if name not in bound and name != CONTEXT and name not in defaulted:
            yield f"parameter '{name}' is no input; inputs: {', '.join(inputs) or 'none'}"
    for name, input_id in bound.items():
        if name not in taken and args.kwarg is None:
            yield f"input '{input_id}' has no parameter '{name}'"
        elif name in taken and name not in defaulted and not _may_be_none(taken[name], inputs[input_id]):
            yield f"input '{input_id}' is optional, so parameter '{name}' needs a default, or X | None"


def _defaulted(args: ast.arguments) -> set[str]:
    positional = [arg.arg for arg in args.args]
    names = set(positional[len(positional) - len(args.defaults) :]) if args.defaults else set()
    named = zip(args.kwonlyargs, args.kw_defaults, strict=True)
    return names | {arg.arg for arg, default in named if default is not None}


def _may_be_none(arg: ast.arg, spec: InputSpec) -> bool:
    if spec.min_occurs > 0 or spec.repeatable or "default" in spec.schema or arg.annotation is None:
        return True
    annotation = ast.unparse(arg.annotation)
    return any(word in annotation for word in ("None", "Optional", "Any", "object"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What the source of a module shows of the names in it; in doubt it says nothing."""

    tree: ast.Module
    names: Mapping[str, list[ast.AST]]
    """What the module binds at its top level, and each thing that binds it."""

    @property
    def open(self) -> bool:
        """Whether there may be names that the source does not show."""
        return "*" in self.names or any(
            isinstance(node, ast.Name) and node.id in _BINDERS for node in ast.walk(self.tree)
        )

    def definition(self, name: str) -> _Definition | None:
        """The one function or class of that name; None where it is something else, or bound more than once."""
        return _single(self.names, name)

    def method(self, definition: ast.ClassDef, name: str, depth: int = 0) -> _Function | None:
        """A method of the class, or of its bases in the same module; None where that is not certain."""
        members = _bound(definition.body)
        if name in members or depth == _BASES:
            member = _single(members, name)
            return None if isinstance(member, ast.ClassDef) else member
        if definition.bases and isinstance(parent := self._base(definition.bases[0]), ast.ClassDef):
            return self.method(parent, name, depth + 1)
        return None

    def lacks(self, definition: ast.ClassDef, name: str, depth: int = 0) -> bool:
        """Whether it is certain that the class has no such attribute."""
        if definition.decorator_list or definition.keywords or depth == _BASES or self.open:
            return False
        if not {name, "__getattr__", "__new__"}.isdisjoint(_bound(definition.body)) or self._assigned(name):
            return False
        parents = [self._base(base) for base in definition.bases]
        return all(isinstance(p, ast.ClassDef) and self.lacks(p, name, depth + 1) for p in parents)

    def _base(self, base: ast.expr) -> _Definition | None:
        return _single(self.names, base.id) if isinstance(base, ast.Name) else None

    def _assigned(self, name: str) -> bool:
        """Whether anything says ``... .name = ...``."""
        return any(
            isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Store)
            for node in ast.walk(self.tree)
        )


def _single(names: Mapping[str, list[ast.AST]], name: str) -> _Definition | None:
    bindings = names.get(name, [])
    one = bindings[0] if len(bindings) == 1 else None
    return one if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else None


def _bound(body: list[ast.stmt]) -> dict[str, list[ast.AST]]:
    """Every name that statements bind, also within if, try, with and loops, and each thing that binds it."""
    names: dict[str, list[ast.AST]] = {}
    pending: list[ast.AST] = list(body)
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.alias):
            names.setdefault((node.asname or node.name).partition(".")[0], []).append(node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.setdefault(node.id, []).append(node)
        elif not isinstance(node, ast.Lambda):  # it has names of its own, as functions and classes have
            pending.extend(ast.iter_child_nodes(node))
    return names


def _read(file: Path, folder: Path) -> _Source:
    label = source_label(file, folder)
    try:
        tree = ast.parse(file.read_bytes(), filename=label)
        return _Source(tree=tree, names=_bound(tree.body))
    except SyntaxError as error:
        raise PackageError(f"{label}:{error.lineno or 1}: {error.msg}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise PackageError(f"{label}: cannot be read ({type(error).__name__})") from error
