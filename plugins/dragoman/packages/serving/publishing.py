"""Makes what is in a package's folder current: copied, loaded, tried, written down; or says why it cannot be."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dragoman.errors import PackageError
from dragoman.packages.catalogue import load
from dragoman.packages.digest import short
from dragoman.packages.serving.records import Record
from dragoman.packages.yaml_document import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.model.process import Process
    from dragoman.packages.catalogue import Declaration
    from dragoman.packages.forms import Forms
    from dragoman.packages.serving.records import Records
    from dragoman.packages.serving.snapshots import Snapshots

_log = logging.getLogger(__name__)

type Probe = Callable[[Process], str]
"""What keeps a package from being loaded by a worker, in one line; empty: nothing. May take as long as its setup."""


class Publisher:
    """Writes records; to be called under the lock of the declaration."""

    def __init__(self, *, records: Records, snapshots: Snapshots, forms: Forms) -> None:
        self._records = records
        self._snapshots = snapshots
        self._forms = forms
        self._latest: Process | None = None
        """What was loaded last, which need not be loaded again."""

    def served(self, declaration: Declaration, record: Record | None) -> Process | None:
        """The process that a record tells of, from its copy; None if there is none that can be loaded."""
        if record is None or not record.snapshot:
            return None
        latest = self._latest
        if latest is not None and (latest.id, latest.runtime.folder) == (declaration.id, record.snapshot):
            return latest
        try:
            return self._load(declaration, Path(record.snapshot))
        except PackageError:
            return None

    def publish(self, declaration: Declaration, fingerprint: str, probe: Probe | None = None) -> bool:
        """Look at a package's files, whose ``fingerprint`` this is; whether another copy, or problem, is current.

        What cannot be loaded, or is refused by ``probe``, leaves current what was. Raises OSError.
        """
        before = self._records.read(declaration)
        kept = before if self.served(declaration, before) is not None else None
        looked = Record(id=declaration.id, fingerprint=fingerprint, looked=time.time())
        try:
            process = self._copied(declaration)
            if kept is not None and probe is not None and process.runtime.folder != kept.snapshot:
                _refuse(probe(process))
        except PackageError as error:
            record = replace(looked, problem=error.detail)
            if kept is not None:
                record = replace(kept, fingerprint=fingerprint, looked=looked.looked, problem=error.detail)
        else:
            record = _current(looked, process, kept)
            self._latest = process
        self._records.write(declaration, record)
        if kept is not None and record.snapshot != kept.snapshot:
            self._snapshots.supersede(Path(kept.snapshot))
        changed = _shown(record) != (_shown(before) if before is not None else None)
        if changed and before is not None:
            _tell(record)
        return changed

    def _copied(self, declaration: Declaration) -> Process:
        """The process, loaded from a copy of its files; raises PackageError, and OSError for want of room."""
        source = declaration.folder
        if not source.is_dir():
            load(declaration, self._forms)  # says what is wrong
        draft = self._snapshots.draft(source)
        try:
            process = self._load(declaration, draft)
            snapshot = self._snapshots.keep(draft, source, process.runtime.digest)
        except BaseException:  # whatever it was goes on; the draft does not stay
            self._snapshots.drop(draft)
            raise
        return replace(process, runtime=replace(process.runtime, folder=str(snapshot)))

    def _load(self, declaration: Declaration, folder: Path) -> Process:
        process = load(replace(declaration, folder=folder), self._forms)
        return replace(process, runtime=replace(process.runtime, source=str(declaration.folder)))


def _refuse(problem: str) -> None:
    if problem:
        raise PackageError(one_line(problem))


def _current(looked: Record, process: Process, kept: Record | None) -> Record:
    runtime = process.runtime
    since = kept.since if kept is not None and kept.snapshot == runtime.folder else looked.looked
    return replace(
        looked,
        snapshot=runtime.folder,
        digest=runtime.digest,
        version=process.version,
        since=since,
    )


def _shown(record: Record) -> tuple[str, str, str]:
    """What makes a difference to whoever serves it."""
    return record.snapshot, record.digest, record.problem


def _tell(record: Record) -> None:
    name = f"{record.version} ({short(record.digest)})"
    told = {"action": "reload", "process_id": record.id}
    if not record.problem:
        _log.info("process %s: %s is served from now on", record.id, name, extra=told)
    elif record.snapshot:
        _log.error("process %s: %s goes on being served: %s", record.id, name, record.problem, extra=told)
    else:
        _log.error("process %s is not served: %s", record.id, record.problem, extra=told)
