"""What every dialect's suite stands on: the job service's engine in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest
from memoryengine import MemoryEngine, Run

if TYPE_CHECKING:
    from dragoman.jobs.ports import ResultStore

type NewEngine = Callable[[ResultStore, Mapping[str, Run | None]], MemoryEngine]


@pytest.fixture
def new_engine() -> NewEngine:
    """Makes an engine; None in place of a run leaves the job waiting."""
    return MemoryEngine
