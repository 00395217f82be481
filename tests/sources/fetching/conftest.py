"""One hostile server for the tests of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fetchkit import FileServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def files() -> Iterator[FileServer]:
    with FileServer() as server:
        yield server
