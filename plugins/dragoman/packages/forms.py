"""Forms of package: what there is to know of each, and the table of those on offer.

A form reads a folder into a Process without importing the algorithm, loads the algorithm in a worker, and knows
the trials that come with a package. Whoever serves, runs, checks or tries packages asks this table, and knows no
form by name. A new form is a module with a ``Form``, and one line in ``dragoman.composition.FORMS``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import PackageError
from dragoman.model.process import JSON, Process

if TYPE_CHECKING:
    from dragoman.model.context import Context
    from dragoman.model.job import InputValue, Output
    from dragoman.model.process import Runtime
    from dragoman.packages.program import Program, RunLimits

type Options = Mapping[str, JSON]
"""What a form has to know of a package besides its folder: the profiles of a project, a processor's definition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A request that comes with a package, and what is expected of it."""

    title: str
    inputs: Mapping[str, tuple[InputValue, ...]]
    compare: Callable[[Mapping[str, Output], Path], list[str]]
    """The differences from what is expected, a line each; takes outputs and the folder of their files."""
    accept: Callable[[Mapping[str, Output], Path], list[str]] | None = None
    """Takes the same as what is expected from now on; what cannot be, a line each. None: nothing is written."""


def _nothing(_process: Process) -> Sequence[str]:
    return ()


def _nowhere(_process: Process) -> Sequence[Path]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One form of package."""

    name: str
    """Its name in ``Runtime.form``, which is stored with every job: it never changes."""
    recognises: Callable[[Path], bool]
    """Whether a folder is meant to hold a package of this form; mistakes in it are for ``load`` to report."""
    load: Callable[[Path, str | None, Options], Process]
    """From folder, id (None: the package's own) and options to the process, importing nothing of the algorithm.

    Raises PackageError: one line that names file, line and key. A form without folders ignores the first.
    """
    program: Callable[[Process, RunLimits, Context], Program]
    """The process's code, imported and set up, in the worker; raises PackageError, or what the author's setup does."""
    trials: Callable[[Process], Iterable[Trial]]
    """What ``dragoman test`` runs, in order; raises PackageError for one that cannot be read."""
    notes: Callable[[Process], Sequence[str]] = _nothing
    """What the author should know of a package though it can be served, a line each."""
    elsewhere: Callable[[Process], Sequence[Path]] = _nowhere
    """Files and folders with its code outside of the package's folder, which its digest covers as well."""


@dataclass(frozen=True, slots=True)
class Forms:
    """The forms on offer, each imported when it is first needed: a worker needs one of them."""

    places: tuple[tuple[str, str], ...]
    """Name and ``module:attribute`` of each, in the order in which they are asked whether they recognise a folder."""

    @classmethod
    def from_json(cls, places: Iterable[Sequence[str]]) -> Forms:
        """The inverse of ``places`` sent as JSON."""
        return cls(tuple((name, place) for name, place in places))

    def plus(self, **places: str) -> Forms:
        """These forms and others: a name and ``module:attribute`` of each."""
        return Forms(self.places + tuple(places.items()))

    def __iter__(self) -> Iterator[Form]:
        return (self[name] for name, _ in self.places)

    def __getitem__(self, name: str) -> Form:
        """The form of that name; raises PackageError where there is none."""
        place = dict(self.places).get(name)
        if place is None:
            known = ", ".join(name for name, _ in self.places)
            raise PackageError(f"no package has the form {name!r}; known forms: {known}")
        module, _, attribute = place.partition(":")
        form: Form = getattr(importlib.import_module(module), attribute)
        return form

    def recognised(self, folder: Path) -> Form | None:
        """The first form that recognises the folder."""
        return next((form for form in self if form.recognises(folder)), None) if folder.is_dir() else None

    def load(self, folder: Path, *, id: str | None = None, options: Options | None = None) -> Process:
        """The package in a folder; ``id`` is the operator's name for it, which wins over its own.

        Raises PackageError, one line that names file, line and key.
        """
        form = self.recognised(folder)
        if form is None:
            raise PackageError(f"{folder.name}: has no process.yml")  # the form that most authors want
        return form.load(folder, id, options or {})

    def load_again(self, id: str, runtime: Runtime) -> Process:
        """The process that a runtime was made for.

        Where the copy is gone that it names, what is in the package's own folder now: another digest tells.
        """
        folder, source = Path(runtime.folder), runtime.source
        if source and not folder.is_dir():
            folder = Path(source)
        process = self[runtime.form].load(folder, id, runtime.options)
        return replace(process, runtime=replace(process.runtime, source=source)) if source else process


BUILT_IN: Final = Forms(
    (
        (
            "pesto",
            "dragoman.packages.pesto.form:PESTO",
        ),  # before native: a process.yml may ask for its interface
        ("native", "dragoman.packages.native.form:NATIVE"),
    )
)
"""The forms that need nothing but this room."""
