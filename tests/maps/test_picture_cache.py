"""The cache of pictures: whole files or none, and the least recently used go first."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dragoman.maps.picture_cache import BLOCK, MANY, SUBFOLDERS, PictureCache, key_of

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> set[str]:
    return {file.parent.name + file.name for file in folder.rglob("*") if file.is_file()}


def test_what_is_put_is_found(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path / "pictures")
    key = key_of({"a": 1})
    assert cache.open(key) is None
    cache.put(key, b"picture")
    cache.put(key, b"picture")
    file = cache.open(key)
    assert file is not None
    with file:
        cache.shrink(0)
        assert file.read() == b"picture"
    assert cache.open(key) is None


def test_a_key_is_of_all_that_is_said_and_is_no_path(tmp_path: Path) -> None:
    assert key_of([1, {"a": 1, "b": 2}]) == key_of([1, {"b": 2, "a": 1}])
    assert key_of([1, 2]) != key_of([12])
    cache = PictureCache(tmp_path)
    for key in ("", "../../etc/passwd", "0" * 63, "G" * 64, "0" * 64 + "/"):
        with pytest.raises(ValueError, match="not the key"):
            cache.open(key)


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path)
    keys = [key_of(number) for number in range(10)]
    for age, key in enumerate(keys):
        cache.put(key, bytes(BLOCK))
        os.utime(tmp_path / key[:2] / key[2:], (1_000_000 + age, 1_000_000 + age))
    used = cache.open(keys[0])
    assert used is not None
    used.close()
    assert cache.shrink(10 * BLOCK) == 10 * BLOCK
    assert cache.shrink(5 * BLOCK) == 4 * BLOCK
    assert names(tmp_path) == {keys[0], *keys[7:]}


def test_drafts_that_were_abandoned_are_deleted(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path)
    cache.put(key_of(1), b"x")
    folder = tmp_path / key_of(1)[:2]
    (folder / ".draft-old").write_bytes(b"half")
    (folder / ".draft-new").write_bytes(b"half")
    os.utime(folder / ".draft-old", (1_000_000, 1_000_000))
    assert cache.shrink(2 * BLOCK) == BLOCK
    assert {file.name for file in folder.iterdir()} == {key_of(1)[2:], ".draft-new"}


def test_a_small_picture_takes_a_block(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path)
    for number in range(10):
        cache.put(key_of(number), b"" if number else bytes(BLOCK + 1))
    assert cache.shrink(100 * BLOCK) == 11 * BLOCK
    assert cache.shrink(10 * BLOCK) <= 8 * BLOCK
    assert cache.shrink(10 * BLOCK) == BLOCK * len(names(tmp_path))


def test_who_is_ended_while_it_looks_through_the_cache_has_deleted_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("00", "01", "02"):
        (tmp_path / folder).mkdir()
        for age in range(2 * MANY):
            file = tmp_path / folder / f"{age:062x}"
            file.write_bytes(b"picture")
            os.utime(file, (1_000_000 + age, 1_000_000 + age))
    scandir, looked_at = os.scandir, list[str]()

    def ended(folder: str) -> object:
        looked_at.append(folder)
        if len(looked_at) > 2:  # the cache itself, and the first of its subfolders
            raise TimeoutError
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", ended)
    with pytest.raises(TimeoutError):
        PictureCache(tmp_path).shrink(MANY * BLOCK * SUBFOLDERS)
    monkeypatch.undo()
    left = sorted(int(file.name, 16) for file in tmp_path.joinpath(looked_at[1]).iterdir())
    assert left == list(range(2 * MANY - len(left), 2 * MANY))
    assert 0 < len(left) <= MANY
    assert len(names(tmp_path)) == 4 * MANY + len(left)
