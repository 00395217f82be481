"""PESTO projects made by code, and nothing of them left in this process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    path, finders = list(sys.path), list(sys.meta_path)
    yield
    sys.path[:], sys.meta_path[:] = path, finders
    for name in list(sys.modules):
        if name.partition(".")[0] in ("algorithm", "pesto"):
            del sys.modules[name]
