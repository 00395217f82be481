"""What an algorithm may ask of the house while it runs."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol


class Context(Protocol):
    """Given to an algorithm whose ``run`` or ``setup`` has a parameter ``context``."""

    @property
    def job_id(self) -> str:
        """The job's id; empty in ``setup``."""

    @property
    def config(self) -> Mapping[str, Any]:
        """``config`` of process.yml, validated."""

    @property
    def outputs(self) -> Collection[str]:
        """The ids of the outputs that the client wants, in declared order; no other need be returned."""

    @property
    def log(self) -> logging.Logger:
        """Kept with the job, for the operator."""

    @property
    def scratch(self) -> Path:
        """An empty folder that vanishes when the run ends."""

    def progress(self, percent: float, message: str = "") -> None:
        """Report 0..100 and what is being done; cheap enough for every window."""

    def notice(self, text: str) -> None:
        """Tell what whoever uses the result must know: it stays in the job's message, and in its log."""
