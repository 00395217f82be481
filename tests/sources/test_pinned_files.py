"""A file below a data root is opened there; what happens to its path afterwards changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from dragoman.config.settings import FetchSettings
from dragoman.errors import InputError, InvalidRequest
from dragoman.model.job import InputValue
from dragoman.model.process import InputSpec
from dragoman.sources import resolve as resolving
from dragoman.sources.pinned_files import pin
from dragoman.sources.policy import SourcePolicy
from dragoman.sources.precheck import local_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows what a process has open")

BINARY = InputSpec(
    id="file", schema={"type": "string", "contentEncoding": "binary", "contentMediaType": "text/csv"}
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "roads.csv").write_text("secret")
    (tmp_path / "root" / "a").mkdir(parents=True)
    (tmp_path / "root" / "a" / "roads.csv").write_text("public")
    return tmp_path / "root"


def swapped(folder: Path) -> None:
    """Put a link to the folder outside in the place of a folder."""
    folder.rename(folder.with_name("away"))
    folder.symlink_to(folder.parents[1] / "outside")


def test_a_file_has_its_name_and_its_companions(root: Path, tmp_path: Path) -> None:
    for name in ("roads.dbf", "roads.csv.aux", "rivers.csv"):
        (root / "a" / name).write_text(name)
    (root / "a" / "roads.txt").symlink_to(root.parent / "outside" / "roads.csv")
    os.mkfifo(root / "a" / "roads.fifo")
    path, pinned = pin(root / "a" / "roads.csv", [root], tmp_path / "inputs")
    assert path.name == "roads.csv"
    assert sorted(each.name for each in path.parent.iterdir()) == ["roads.csv", "roads.csv.aux", "roads.dbf"]
    assert path.with_name("roads.dbf").read_text() == "roads.dbf"
    told = subprocess.run(["cat", path], capture_output=True, text=True, check=True)
    assert told.stdout == "public", "a process that the algorithm starts reads it too"
    descriptors = pinned.descriptors
    del pinned
    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_what_was_opened_stays_whatever_becomes_of_its_path(root: Path, tmp_path: Path) -> None:
    path, _pinned = pin(root / "a" / "roads.csv", [root], tmp_path / "inputs")
    swapped(root / "a")
    assert (root / "a" / "roads.csv").read_text() == "secret"
    assert path.read_text() == "public"


@pytest.mark.parametrize("spoil", [swapped, lambda folder: (folder / "roads.csv").unlink()])
def test_between_the_look_and_the_opening_nothing_can_be_put_in_its_place(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None]
) -> None:

    def looked(href: str, policy: SourcePolicy) -> Path:
        path = local_file(href, policy)
        spoil(root / "a")
        return path

    monkeypatch.setattr(resolving, "local_file", looked)
    policy = SourcePolicy(fetch=FetchSettings(), data_roots=(root,))
    value = InputValue(href=(root / "a" / "roads.csv").as_uri())
    with pytest.raises(InputError, match="there is no such file"):
        resolving.resolve(BINARY, value, tmp_path / "inputs", policy)


def test_a_link_in_the_place_of_the_file_is_not_followed(root: Path, tmp_path: Path) -> None:
    file = root / "a" / "roads.csv"
    file.unlink()
    file.symlink_to(root.parent / "outside" / "roads.csv")
    with pytest.raises(InvalidRequest, match="there is no such file"):
        pin(file, [root], tmp_path / "inputs")
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(InvalidRequest, match="there is no such file"):
        pin(file, [root], tmp_path / "inputs")


def test_a_folder_that_is_swapped_all_the_time_never_gives_the_secret(root: Path, tmp_path: Path) -> None:
    policy = SourcePolicy(fetch=FetchSettings(), data_roots=(root,))
    value = InputValue(href=(root / "a" / "roads.csv").as_uri())
    link, over = root / "link", threading.Event()
    link.symlink_to(root.parent / "outside")

    def swap() -> None:
        while not over.is_set():
            (root / "a").rename(root / "b")
            link.rename(root / "a")
            (root / "a").rename(link)
            (root / "b").rename(root / "a")

    thread = threading.Thread(target=swap)
    thread.start()
    read = []
    try:
        for _ in range(2000):
            try:
                resolved = resolving.resolve(BINARY, value, tmp_path / "inputs", policy)
            except InputError:
                continue
            assert resolved.path is not None
            read.append(resolved.path.read_text())
    finally:
        over.set()
        thread.join()
    assert set(read) <= {"public"}
