"""What a package becomes in a worker: its process, and the code that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dragoman.model.context import Context

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from dragoman.model.job import Output
    from dragoman.model.process import Process
    from dragoman.model.resolved import ResolvedValue
    from dragoman.sources.resolve import Resolve


class WatchedContext(Context, Protocol):
    """What a program may ask of the house, beside what its algorithm may."""

    def opening(self, input_id: str) -> AbstractContextManager[object]:
        """Within it the file of an input is opened: what hangs there in native code is ended, and the input blamed."""


class Program(Protocol):
    """A process whose code is loaded and set up; each form of package has its own, and wrappers are programs too."""

    @property
    def process(self) -> Process:
        """What it runs."""

    @property
    def resolve(self) -> Resolve:
        """How a value of its inputs is read: ``sources.resolve.resolve``, unless its form has more to find in one."""

    def run(
        self,
        values: Mapping[str, Sequence[ResolvedValue]],
        *,
        context: WatchedContext,
        folder: Path,
        wanted: Collection[str] | None,
    ) -> Mapping[str, Output]:
        """Run once and return the outputs in ``wanted`` (None: all), in declared order.

        Files of outputs are written to ``folder``, which the program makes when it needs it. Raises InputError,
        OutputError, PackageError, and whatever the algorithm raises.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """What the operator allows every run."""

    max_pixels: int | None = None
    """Width times height times bands of a raster input, or values of a NetCDF variable; None is no limit."""
