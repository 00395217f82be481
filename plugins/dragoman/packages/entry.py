"""The entry of a package, read from its source without importing it: where it is, what run takes.

The web process looks at packages only so; the worker imports them (``algorithm.py``).
"""

from __future__ import annotations

import ast
import keyword
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.errors import PackageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dragoman.model.process import InputSpec

CONTEXT: Final = "context"
"""The parameter by which run and setup ask for the context; no input may be bound to it."""

type _Function = ast.FunctionDef | ast.AsyncFunctionDef
type _Definition = _Function | ast.ClassDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``module:attribute`` and the file that holds it."""

    module: str
    attribute: str
    file: Path

    def __str__(self) -> str:
        return f"{self.module}:{self.attribute}"


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
    file = _module_file(folder, module)
    names = _top_level(_parse(file, folder))
    if not attribute:
        attribute = "run" if "run" in names else "Algorithm"
    if attribute not in names:
        wanted = f"'{attribute}'" if entry else "'run' or 'Algorithm'"
        raise PackageError(f"{_label(file, folder)}:1: defines no {wanted}, the entry of the process")
    return Entry(module=module, attribute=attribute, file=file)


def check_signature(folder: Path, entry: Entry, inputs: Mapping[str, InputSpec]) -> None:
    """Raise PackageError unless the parameters of run are the inputs, and ``context`` if it likes.

    What cannot be told from the source (a decorated or imported function) is left to the worker.
    """
    names = _top_level(_parse(entry.file, folder))
    definition = names.get(entry.attribute)
    method = isinstance(definition, ast.ClassDef)
    if isinstance(definition, ast.ClassDef):
        definition = _method(definition, names, "run")
        if definition is None and _complete(names[entry.attribute], names):
            raise PackageError(f"{_label(entry.file, folder)}:1: class {entry.attribute} has no method run")
    if not isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    label = f"{_label(entry.file, folder)}:{definition.lineno}"
    if isinstance(definition, ast.AsyncFunctionDef):
        raise PackageError(f"{label}: {definition.name} is async; it has to be a plain function")
    if definition.decorator_list:
        return
    for problem in _problems(definition.args, inputs, method):
        raise PackageError(f"{label}: {definition.name}: {problem}")


def check_class(folder: Path, entry: str, method: str) -> None:
    """Raise PackageError unless the entry is a class that has the method, as far as its source tells."""
    found = find_entry(folder, entry)
    names = _top_level(_parse(found.file, folder))
    definition = names[found.attribute]
    label = f"{_label(found.file, folder)}:{getattr(definition, 'lineno', 1)}"
    if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
        raise PackageError(f"{label}: {found.attribute} is a function; it has to be a class")
    if not isinstance(definition, ast.ClassDef):
        return
    there = _method(definition, names, method)
    if there is None and _complete(definition, names):
        raise PackageError(f"{label}: class {found.attribute} has no method {method}")
    if isinstance(there, ast.AsyncFunctionDef):
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


def _method(definition: ast.ClassDef, names: Mapping[str, ast.AST], name: str) -> _Function | None:
    """A method of the class, or of its bases in the same module."""
    for item in definition.body:
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and item.name == name:
            return item
    for base in definition.bases:
        parent = names.get(base.id) if isinstance(base, ast.Name) else None
        if isinstance(parent, ast.ClassDef) and (found := _method(parent, names, name)):
            return found
    return None


def _complete(definition: ast.AST, names: Mapping[str, ast.AST]) -> bool:
    """Whether the source shows all bases of the class."""
    if not isinstance(definition, ast.ClassDef):
        return False
    return all(isinstance(base, ast.Name) and base.id in names for base in definition.bases)


def _top_level(tree: ast.Module) -> dict[str, ast.AST]:
    """Every name that the module binds at its top level, and what binds it."""
    names: dict[str, ast.AST] = {}
    for statement in _statements(tree.body):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names[statement.name] = statement
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name, alias) for alias in statement.names)
        elif isinstance(statement, ast.Assign):
            names.update((target.id, target) for target in statement.targets if isinstance(target, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            names[statement.target.id] = statement.target
    return names


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try):
            yield from _statements(statement.body)
            yield from _statements(statement.orelse)


def _module_file(folder: Path, module: str) -> Path:
    base = folder.joinpath(*module.split("."))
    for file in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
        if file.is_file():
            return file
    raise PackageError(f"{folder.name}: has no {base.relative_to(folder)}.py, the module of its entry")


def _parse(file: Path, folder: Path) -> ast.Module:
    label = _label(file, folder)
    try:
        return ast.parse(file.read_bytes(), filename=label)
    except SyntaxError as error:
        raise PackageError(f"{label}:{error.lineno or 1}: {error.msg}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise PackageError(f"{label}: cannot be read ({type(error).__name__})") from error


def _label(file: Path, folder: Path) -> str:
    return f"{folder.name}/{file.relative_to(folder)}"
