"""The id by which a host knows its own runs."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from dragoman.jobs.host_id import FILE, host_id

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_made_once(tmp_path: Path) -> None:
    first = host_id(tmp_path)
    assert str(uuid.UUID(first)) == first == host_id(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_another_home_has_another(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    assert host_id(tmp_path) != host_id(tmp_path / "b")


@pytest.mark.parametrize("text", [b"", b"half-an-", b"\xff\xfe"])
def test_what_is_no_id_is_replaced(tmp_path: Path, text: bytes) -> None:
    (tmp_path / FILE).write_bytes(text)
    assert host_id(tmp_path) == host_id(tmp_path) == str(uuid.UUID(host_id(tmp_path)))
