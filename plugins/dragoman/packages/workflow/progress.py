"""How far a workflow is, counted by its nodes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


class FlowProgress:
    """Counts nodes and outputs that are done, and the part that is done of those at work. Safe for threads.

    Most nodes calculate nothing by themselves: they are done with the first output that is written of them.
    """

    def __init__(self, nodes: Collection[str], outputs: int, report: Callable[[float, str], None]) -> None:
        self._open = set(nodes)
        self._total = len(nodes) + outputs
        self._done = 0.0
        self._parts: dict[str, float] = {}
        self._report = report
        self._lock = threading.Lock()

    def working(self, what: str, weight: float = 1.0) -> Callable[[float, str], None]:
        """What is told of the progress of a part: a node, or an output with ``weight`` nodes in it."""

        def tell(percent: float, message: str) -> None:
            with self._lock:
                self._parts[what] = weight * min(100.0, percent) / 100
                self._say(f"{what}: {message}")

        return tell

    def open_among(self, nodes: Collection[str]) -> list[str]:
        """Those of the nodes that are not done yet, in their order."""
        with self._lock:
            return [node for node in nodes if node in self._open]

    def done(self, what: str, nodes: Collection[str] = (), *, output: bool = False) -> None:
        """A part is done, and with it these nodes."""
        with self._lock:
            closed = self._open & set(nodes)
            self._open -= closed
            self._parts.pop(what, None)
            self._done += len(closed) + output
            self._say(f"{what}: done")

    def _say(self, message: str) -> None:
        self._report(100.0 * (self._done + sum(self._parts.values())) / self._total, message)
