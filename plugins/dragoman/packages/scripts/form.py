"""The form of package ``script``: a folder with a method.json, as ``dragoman import-ccp`` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from dragoman.errors import PackageError
from dragoman.packages.forms import Form
from dragoman.packages.scripts.method import FORM, read_method
from dragoman.packages.scripts.method_document import FILE, load_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.model.context import Context
    from dragoman.model.process import Process
    from dragoman.packages.forms import Options, Trial
    from dragoman.packages.program import Program, RunLimits

OFF: Final = (
    "is a method whose scripts would run here, which is off; allowed with dialects.ccp.script_methods: true"
)


def _recognises(folder: Path) -> bool:
    return (folder / FILE).is_file()


def _load(folder: Path, id: str | None, options: Options) -> Process:
    if options.get("profiles"):
        raise PackageError(f"{folder.name}: is a method of CCP, which has no profiles")
    return read_method(folder, id=id).process


def _program(process: Process, _limits: RunLimits, _context: Context) -> Program:
    from dragoman.packages.scripts.program import load_program  # in workers alone

    return load_program(process)


def _no_trials(_process: Process) -> Sequence[Trial]:
    return ()


def notes(process: Process) -> Sequence[str]:
    """What an author should see to: scripts that write to CCP's own folder, which only containers have."""
    folder = Path(process.runtime.folder)
    text = str(load_document(folder / FILE, FILE).data.get("additionalParameters"))
    if "/ccp_data" not in text:
        return ()
    return (
        "its scripts name /ccp_data, which is in containers alone; here outputs go to $ccpdata, where they run",
    )


def _refuse(folder: Path, _id: str | None, _options: Options) -> NoReturn:
    raise PackageError(f"{folder.name}/{FILE}: {OFF}")


def _refuse_program(process: Process, _limits: RunLimits, _context: Context) -> NoReturn:
    raise PackageError(f"{Path(process.runtime.folder).name}/{FILE}: {OFF}")


SCRIPTS: Final = Form(
    name=FORM, recognises=_recognises, load=_load, program=_program, trials=_no_trials, notes=notes
)
SCRIPTS_OFF: Final = Form(
    name=FORM, recognises=_recognises, load=_refuse, program=_refuse_program, trials=_no_trials
)
"""In its place where the operator has not allowed scripts: every method is refused."""
