"""What a package needs to be installed beside dragoman: told when it is loaded, not by each run that fails."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement

if TYPE_CHECKING:
    from dragoman.errors import PackageError
    from dragoman.packages.yaml_document import Document

_KEY: Final = "requirements"


def check_requirements(document: Document) -> None:
    """Raise PackageError for the ``requirements`` of a process.yml that are not installed, all in one line."""
    missing: list[str] = []
    for index, text in enumerate(document.data.get(_KEY, ())):
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise document.error((_KEY, index), f"got {text!r}; allowed: such as 'scipy>=1.11'") from error
        if problem := _problem(requirement):
            missing.append(problem)
    if missing:
        raise _missing(document, missing)


def _missing(document: Document, missing: list[str]) -> PackageError:
    return document.error((_KEY,), f"{', '.join(missing)}; install what is missing beside dragoman")


def _problem(requirement: Requirement) -> str:
    """What is wrong with a requirement here; empty if it is met, or is for another platform."""
    if requirement.marker is not None and not requirement.marker.evaluate():
        return ""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement} is not installed"
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{requirement} is needed, but {version} is installed"
