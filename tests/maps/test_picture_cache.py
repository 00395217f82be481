"""The cache of pictures: whole files or none, and the least recently used go first."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dragoman.maps.picture_cache import PictureCache, key_of

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
        cache.put(key, bytes(100))
        os.utime(tmp_path / key[:2] / key[2:], (1_000_000 + age, 1_000_000 + age))
    used = cache.open(keys[0])
    assert used is not None
    used.close()
    assert cache.shrink(1000) == 1000
    assert cache.shrink(500) == 400
    assert names(tmp_path) == {keys[0], *keys[7:]}


def test_drafts_that_were_abandoned_are_deleted(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path)
    cache.put(key_of(1), b"x")
    folder = tmp_path / key_of(1)[:2]
    (folder / ".draft-old").write_bytes(b"half")
    (folder / ".draft-new").write_bytes(b"half")
    os.utime(folder / ".draft-old", (1_000_000, 1_000_000))
    assert cache.shrink(10) == 1
    assert {file.name for file in folder.iterdir()} == {key_of(1)[2:], ".draft-new"}
