"""PESTO projects made by code, and nothing of them left in this process."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    path, finders, environment = list(sys.path), list(sys.meta_path), dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:], sys.meta_path[:] = path, finders
    for name in list(sys.modules):
        if name.partition(".")[0] in ("algorithm", "pesto"):
            del sys.modules[name]
