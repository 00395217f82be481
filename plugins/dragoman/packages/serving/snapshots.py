"""Copies of packages in HOME, one for each version that is served: what its workers run, whatever becomes of the files.

    HOME/packages/snapshots/<hash of folder and digest>/<name of the folder>/...

Source is copied; what is large gets a second name (a hard link), so that it is there when its own is deleted, or at
least a symbolic link. Links stand for what is no source (hidden files, environments), and beside the copy for what
lies beside the folder, so that code which looks there finds it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.packages.package_files import counts, entries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MAX_COPIED: Final = 8 * 2**20
"""Bytes of a file that is copied; a larger one is linked."""
MOST_COPIED: Final = 256 * 2**20
"""Bytes that are copied of one package; beyond, only what is SMALL is."""
SMALL: Final = 64 * 2**10
"""Bytes of a file that is copied in any case, as code is."""
MOST_NEIGHBOURS: Final = 1000
"""What lies beside a package's folder and is linked, at most."""
KEPT: Final = 3600.0
"""Seconds that a copy is kept which nobody needs: a request that was checked against it may be on its way."""

_DRAFT: Final = "draft-"


class Snapshots:
    """The copies in one HOME. Safe for several processes: a copy is complete once it has its name."""

    def __init__(self, home: Path) -> None:
        self._root = home / "packages" / "snapshots"

    def draft(self, source: Path) -> Path:
        """A copy of a package's folder that has no name yet; raises OSError. To be kept, or dropped."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=self._root), source.name or "package")
        try:
            _Copying().folder(source, target)
            _link_neighbours(source, target.parent)
        except OSError:
            self.drop(target)
            raise
        return target

    def keep(self, draft: Path, source: Path, digest: str) -> Path:
        """The draft under the name that is its version's; if that is there already, the draft is dropped."""
        name = hashlib.sha256(os.fsencode(f"{source}\0{digest}")).hexdigest()[:32]
        kept = self._root / name
        try:
            draft.parent.rename(kept)
        except OSError:
            if not kept.is_dir():
                raise
            self.drop(draft)
            os.utime(kept)  # its time begins anew
        return kept / draft.name

    def supersede(self, snapshot: Path) -> None:
        """It is not current any more: the time begins in which it is kept all the same."""
        with suppress(OSError):
            os.utime(snapshot.parent)

    def drop(self, draft: Path) -> None:
        """Delete a draft."""
        shutil.rmtree(draft.parent, ignore_errors=True)

    def superseded(self, current: Collection[Path]) -> list[Path]:
        """The copies that are older than KEPT, without those in ``current``: there may still be jobs of theirs."""
        return [each for each in self._old() if each not in current]

    def remove(self, snapshot: Path) -> None:
        """Delete a copy."""
        shutil.rmtree(snapshot.parent, ignore_errors=True)

    def _old(self) -> Iterator[Path]:
        with suppress(OSError), os.scandir(self._root) as found:
            for entry in found:
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > KEPT:
                    yield from _package_of(Path(entry.path))


def _package_of(kept: Path) -> Iterator[Path]:
    """The one folder that is a copy, beside links."""
    with os.scandir(kept) as found:
        copies = [Path(entry.path) for entry in found if entry.is_dir(follow_symlinks=False)]
    yield from copies or [kept / "package"]


class _Copying:
    """The copying of one package."""

    def __init__(self) -> None:
        self._left = MOST_COPIED

    def folder(self, source: Path, target: Path) -> None:
        """A folder and all below it."""
        target.mkdir()
        for entry in entries(source):
            there = target / entry.name
            if not counts(entry):
                there.symlink_to(os.path.abspath(entry.path))
            elif entry.is_dir():
                self.folder(Path(entry.path), there)
            else:
                self._file(entry, there)

    def _file(self, entry: os.DirEntry[str], there: Path) -> None:
        size = entry.stat().st_size
        if size <= SMALL or size <= min(MAX_COPIED, self._left):
            self._left -= size
            shutil.copy2(entry.path, there)
        else:
            _link(os.path.realpath(entry.path), there)


def _link(file: str, there: Path) -> None:
    try:
        os.link(file, there)
    except OSError:  # on another file system, or another's file
        there.symlink_to(file)


def _link_neighbours(source: Path, folder: Path) -> None:
    with suppress(OSError), os.scandir(source.parent) as found:
        for number, entry in enumerate(found):
            if number < MOST_NEIGHBOURS and entry.name != source.name:
                (folder / entry.name).symlink_to(os.path.abspath(entry.path))
