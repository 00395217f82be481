"""Copies of packages: complete, of their own, and no larger than they have to be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dragoman.packages.digest import fingerprint, package_digest
from dragoman.packages.serving import snapshots as module
from dragoman.packages.serving.snapshots import Snapshots

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package with all that may lie in one, and a neighbour."""
    folder = tmp_path / "packages" / "demo"
    for name in ("lib", "__pycache__", ".git", "env", "home"):
        (folder / name).mkdir(parents=True)
    for name in (
        "process.yml",
        "lib/code.py",
        "__pycache__/code.pyc",
        "lib/old.pyc",
        ".hidden",
        ".git/config",
        "env/pyvenv.cfg",
        "code.py~",
        "#code.py#",
        "home/supervisor.lock",
        "home/result.tif",
    ):
        (folder / name).write_text(name)
    (folder / "linked").symlink_to(tmp_path)
    (folder / "broken").symlink_to(folder / "nothing")
    (folder.parent / "shared").mkdir()
    (folder.parent / "shared" / "common.py").write_text("COMMON = 1")
    return folder


def _copy(home: Path, folder: Path) -> Path:
    snapshots = Snapshots(home)
    draft = snapshots.draft(folder)
    return snapshots.keep(draft, folder, package_digest(draft))


def test_a_copy_is_what_the_folder_was(folder: Path, tmp_path: Path) -> None:
    copy = _copy(tmp_path / "home", folder)
    digest = package_digest(folder)
    assert (copy.name, package_digest(copy)) == ("demo", digest)
    names = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if not path.is_symlink()}
    assert names == {"process.yml", "lib", "lib/code.py"}
    (folder / "lib" / "code.py").write_text("changed")
    assert (copy / "lib" / "code.py").read_text() == "lib/code.py"
    assert package_digest(folder) != digest == package_digest(copy)


def test_what_is_no_source_is_reached_by_links(folder: Path, tmp_path: Path) -> None:
    copy = _copy(tmp_path / "home", folder)
    links = {path.name: path for path in copy.iterdir() if path.is_symlink()}
    assert set(links) == {".hidden", ".git", "env", "linked", "broken"}
    assert (copy / ".git" / "config").read_text() == ".git/config"
    assert (copy.parent / "shared" / "common.py").read_text() == "COMMON = 1"  # as beside the folder itself


@pytest.mark.parametrize(
    "name",
    [".hidden", ".git/config", "env/pyvenv.cfg", "code.py~", "#code.py#", "home/result.tif", "lib/old.pyc"],
)
def test_what_is_no_source_makes_no_other_version(folder: Path, name: str) -> None:
    before = fingerprint(folder), package_digest(folder)
    (folder / name).write_text("another")
    assert (fingerprint(folder), package_digest(folder)) == before


def test_every_change_of_source_is_seen(folder: Path) -> None:
    stamps = [fingerprint(folder)]
    code = folder / "lib" / "code.py"
    status = code.stat()
    code.write_text("lib/c0de.py")  # as long as it was, and then of the same time
    os.utime(code, ns=(status.st_atime_ns, status.st_mtime_ns))
    stamps.append(fingerprint(folder))
    (folder / "lib" / "more.py").touch()
    stamps.append(fingerprint(folder))
    (folder / "lib" / "more.py").rename(folder / "lib" / "other.py")
    stamps.append(fingerprint(folder))
    code.unlink()
    stamps.append(fingerprint(folder))
    assert len(set(stamps)) == len(stamps)
    assert fingerprint(folder / "nothing") == ""


@pytest.mark.parametrize("can_link", [True, False])
def test_a_large_file_is_not_copied(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_link: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    if not can_link:
        monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(module, "SMALL", 50)
    monkeypatch.setattr(module, "MAX_COPIED", 100)
    model = folder / "model.bin"
    model.write_bytes(bytes(101))
    copy = _copy(tmp_path / "home", folder)
    assert (copy / "model.bin").samefile(model)
    assert (copy / "model.bin").is_symlink() != can_link
    assert package_digest(copy) == package_digest(folder)


def test_a_package_is_copied_up_to_some_size(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SMALL", 20)
    monkeypatch.setattr(module, "MOST_COPIED", 200)
    for number in range(4):
        (folder / f"{number}.bin").write_bytes(bytes(60))
    copy = _copy(tmp_path / "home", folder)
    linked = [name for name in map(str, range(4)) if (copy / f"{name}.bin").samefile(folder / f"{name}.bin")]
    assert 1 <= len(linked) <= 2  # the small files are copied first or last
    assert not (copy / "lib" / "code.py").samefile(folder / "lib" / "code.py")


def test_one_version_is_kept_once(folder: Path, tmp_path: Path) -> None:
    first, second = _copy(tmp_path / "home", folder), _copy(tmp_path / "home", folder)
    assert first == second
    assert [each.name for each in first.parents[1].iterdir()] == [first.parent.name]
