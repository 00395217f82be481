"""The processes on offer; a broken one does not take the rest along."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dragoman.config.bundled import bundled_root
from dragoman.errors import NoSuchProcess, PackageError
from dragoman.packages.yaml_document import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dragoman.model.principal import Principal
    from dragoman.model.process import JSON, Process
    from dragoman.packages.forms import Forms

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A package that is to be served."""

    id: str
    """The operator's name for it, which is the process's id."""
    form: str | None = None
    """Name of its form of package; None: the first that recognises the folder."""
    folder: Path = Path()
    """Not looked at by a form that has no folders."""
    options: Mapping[str, JSON] = field(default_factory=dict)
    """What the form is told besides: the profiles of a project, the definition of a processor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageProblem:
    """A declared process that cannot be served, or not as its files are now."""

    id: str
    detail: str
    """One line: file, line, key, what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The processes that can be served, in the order of their declarations, and those that cannot."""

    processes: Mapping[str, Process] = field(default_factory=dict)
    """By id."""
    problems: tuple[PackageProblem, ...] = ()
    kept: tuple[PackageProblem, ...] = ()
    """What is wrong with the files of processes that are served as they were before."""

    def get(self, id: str) -> Process:
        """The process; raises NoSuchProcess."""
        process = self.processes.get(id)
        if process is None:
            raise NoSuchProcess(f"there is no process '{id}'")
        return process

    @property
    def current(self) -> Catalogue:
        """Itself: it does not change."""
        return self

    def visible_to(self, principal: Principal) -> Catalogue:
        """The processes that a principal may know of: all, while no policy says otherwise."""
        return self

    def __iter__(self) -> Iterator[Process]:
        return iter(self.processes.values())

    def __len__(self) -> int:
        return len(self.processes)

    def __contains__(self, id: object) -> bool:
        return id in self.processes


class Offer(Protocol):
    """The processes on offer at any time: a Catalogue, or what follows the files of the packages."""

    @property
    def current(self) -> Catalogue:
        """All of them as they are now."""

    def get(self, id: str) -> Process:
        """The process as it is now; raises NoSuchProcess."""

    def visible_to(self, principal: Principal) -> Catalogue:
        """The processes that a principal may know of, as they are now."""


def build_catalogue(declarations: Iterable[Declaration], forms: Forms) -> Catalogue:
    """Load every declared process; one that cannot be loaded is logged in one line, and kept among the problems."""
    processes: dict[str, Process] = {}
    problems: list[PackageProblem] = []
    for declaration in declarations:
        try:
            processes[declaration.id] = load(declaration, forms)
        except PackageError as error:
            problems.append(PackageProblem(id=declaration.id, detail=error.detail))
            _log.error(  # one line, no traceback: it is the author's mistake
                "process %s is not served: %s",
                declaration.id,
                error.detail,
                extra={"action": "load", "process_id": declaration.id},
            )
    return Catalogue(processes=processes, problems=tuple(problems))


def load(declaration: Declaration, forms: Forms) -> Process:
    """The process that is declared; raises PackageError, whatever its form raises."""
    id, folder, options = declaration.id, declaration.folder, declaration.options
    try:
        if declaration.form is None:
            return forms.load(folder, id=id, options=options)
        return forms[declaration.form].load(folder, id, options)
    except PackageError:
        raise
    except Exception as error:  # the code of a third party may raise anything; the other processes are served
        raise PackageError(one_line(f"{type(error).__name__}: {error}")) from error


def bundled() -> Path:
    """The folder of the processes that come with dragoman."""
    return bundled_root() / "processes"
