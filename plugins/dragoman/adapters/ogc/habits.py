"""How one mount of the OGC resources differs from the standard's own; CCP is OGC with other habits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.model.job import Job


def as_it_is(job: Job) -> Job:
    """The job unchanged."""
    return job


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What may differ; the defaults are OGC's."""

    name: str = "ogc"
    """What its jobs are marked with; one mount of each name."""
    prefix: str = ""
    """The path that its resources lie below; it words every error there."""
    always_async: bool = False
    """Whether an execution is answered with the job (201) at once, whatever Prefer or the process says."""
    pages: bool = True
    """Whether Accept and ``f`` may ask for a page; if not, every document is JSON and neither counts."""
    reads_as: Callable[[Job], Job] = as_it_is
    """The job whose state and message a client is told in place of the real one's."""


STANDARD: Final = Habits()
"""Those of OGC API - Processes at the root."""
