"""The packages that a command is about: those of the configuration, or what its arguments name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dragoman.cli.run import named_folder
from dragoman.config.bundled import PREFIX
from dragoman.host.bootstrap import read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.packages.catalogue import Catalogue


def declared_catalogue() -> Catalogue:
    """All processes of the configuration."""
    from dragoman.composition import catalogue

    return catalogue(read_settings())


def packages_in(folders: Sequence[Path]) -> Catalogue:
    """The packages in folders, which need no configuration; raises BadParameter."""
    from dragoman.composition import FORMS
    from dragoman.packages.catalogue import Declaration, build_catalogue

    absolute = [named_folder(folder) for folder in folders]
    return build_catalogue([Declaration(id=folder.name, folder=folder) for folder in absolute], FORMS)


def named_packages(names: Sequence[str]) -> dict[str, tuple[Path, Sequence[str]]]:
    """Folder and profiles of what is named: declared processes, or folders, which need no configuration."""
    from dragoman.composition import FORMS
    from dragoman.host.bootstrap import DEFAULT_CONFIG

    named = {name: named_folder(name) if name.startswith(PREFIX) else Path(name) for name in names}
    folders = {name: (folder, ()) for name, folder in named.items() if FORMS.recognised(folder) is not None}
    there = Path(os.environ.get("PYGEOAPI_CONFIG") or DEFAULT_CONFIG).is_file()
    processes = read_settings().processes if there or not names or len(folders) < len(names) else ()
    declared = {p.id: (p.package, p.profiles) for p in processes if p.package}
    for name in names:
        if name not in declared and name not in folders:
            raise typer.BadParameter(
                f"'{name}' is neither a declared process ({', '.join(declared)}) nor a folder with process.yml"
            )
    return {name: declared.get(name) or folders[name] for name in names or declared}
