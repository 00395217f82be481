"""The module of an entry: where its file lies, told without importing anything, and its import by its own name.

By its own name, since whatever a pool sends to its processes is found there again by the name of its module.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import PackageError
from dragoman.packages.tracebacks import import_place
from dragoman.packages.yaml_document import one_line

if TYPE_CHECKING:
    from types import ModuleType

SRC: Final = "src"
"""The folder that holds the code of a package in the layout of that name."""


def module_file(folder: Path, module: str) -> Path | None:
    """The source of a module: in the folder, in its ``src``, else in an installed distribution; None: nowhere."""
    parts = module.split(".")
    for root in (folder, folder / SRC):
        if (file := _source(root.joinpath(*parts))) is not None:
            return file
    return _installed(parts)


def _source(base: Path) -> Path | None:
    for file in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
        if file.is_file():
            return file
    return None


def _installed(parts: list[str]) -> Path | None:
    if parts[0] in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(parts[0])  # imports nothing: it is a name without dots
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    for location in spec.submodule_search_locations or ():
        if (file := _source(Path(location, *parts[1:]))) is not None:
            return file
    plain = len(parts) == 1 and spec.origin and spec.origin.endswith(".py")
    return Path(spec.origin) if plain and spec.origin else None


def root_of(file: Path, module: str) -> Path:
    """The folder that has to be on sys.path for a file to be the module of that name."""
    depth = len(module.split(".")) - (0 if file.name == "__init__.py" else 1)
    return file.parents[depth]


def own_code(file: Path, folder: Path) -> bool:
    """Whether a source belongs to the package in the folder: an environment in it does not."""
    return file.is_relative_to(folder) and "site-packages" not in file.relative_to(folder).parts


def import_entry(module: str, file: Path, folder: Path) -> ModuleType:
    """The module, new in this process; what lies in the folder is first on sys.path from now on.

    Raises PackageError where it cannot be imported, or where its name is taken.
    """
    paths = list(dict.fromkeys([str(root_of(file, module)), str(folder)]))
    if own_code(file, folder):
        _make_room(module.partition(".")[0], f"{folder.name}/{file.relative_to(folder)}")
    else:
        paths = [str(folder)]
    sys.path[:] = [*paths, *(path for path in sys.path if path not in paths)]
    importlib.invalidate_caches()
    try:
        imported = importlib.import_module(module)
    except Exception as error:  # an author's module may raise anything
        text = f"{import_place(error, file, folder)}: cannot be imported: {type(error).__name__}: {error}"
        raise PackageError(one_line(text + _hint(error, module))) from error
    if (there := _file_of(imported)) is None or not there.samefile(file):
        raise PackageError(f"{folder.name}: another module named {module} comes before that of its entry")
    return imported


def _make_room(root: str, label: str) -> None:
    """Forget an author's module of that name: in a worker there is none, in tests that of another package."""
    loaded = sys.modules.get(root)
    if loaded is None:
        return
    file = _file_of(loaded)
    libraries = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    if root in sys.stdlib_module_names or (file and any(file.is_relative_to(path) for path in libraries)):
        raise PackageError(f"{label}: '{root}' is a module that Python or a library has loaded; rename yours")
    for name in [name for name in sys.modules if name.partition(".")[0] == root]:
        del sys.modules[name]


def _file_of(module: ModuleType) -> Path | None:
    """Its source; None of what has none, a module in C or a namespace."""
    file = getattr(module, "__file__", None)
    return Path(file) if file else None


def _hint(error: Exception, module: str) -> str:
    if "no known parent package" not in str(error):
        return ""
    return f"; {module}.py is in no package: import its neighbours by their names, or let entry be mypkg.{module}:..."
