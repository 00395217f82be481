"""What a run's program is given to work with: its scratch folder, its log, and ways to tell how far it is."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dragoman.jobs.failures import shortened

if TYPE_CHECKING:
    from pathlib import Path

LOGGER = logging.getLogger("dragoman.algorithm")
"""What is said here stands in the job's own log."""

REPORT_EVERY = 0.2
"""Seconds between two reports of progress that are passed on."""

type Report = Callable[[int, str], None]
"""Takes progress (0..100) and a message."""
type Opening = Callable[[str], None]
"""Takes the id of the input whose file is about to be opened, and an empty text once it is."""
type Notice = Callable[[str], None]
"""Takes what stays in the message of the job when it is done."""


class RunContext:
    """The context of one run; see ``dragoman.packages.program.WatchedContext``."""

    def __init__(
        self,
        *,
        job_id: str,
        config: Mapping[str, Any],
        scratch: Path,
        report: Report,
        notice: Notice | None = None,
        outputs: Collection[str] = (),
        opening: Opening | None = None,
        made: bool = False,
    ) -> None:
        self.outputs = tuple(outputs)
        self.job_id = job_id
        self.config = config
        self.log = LOGGER
        self._scratch = scratch
        self._report = report
        self._notice = notice
        self._notices: list[str] = []
        self._opening = opening
        self._made = made
        """Whether the scratch folder is there already."""
        self._percent = 0
        self._message = ""
        self._sent = 0.0

    @property
    def scratch(self) -> Path:
        """Made when it is first asked for: most quick jobs never do."""
        if not self._made:
            self._scratch.mkdir(parents=True, exist_ok=True)
            self._made = True
        return self._scratch

    @contextmanager
    def opening(self, input_id: str) -> Iterator[None]:
        """Tell whoever watches the run, if anybody does."""
        if self._opening is None:
            yield
            return
        self._opening(input_id)
        try:
            yield
        finally:
            self._opening("")

    def progress(self, percent: float, message: str = "") -> None:
        """Pass on what is new, at most every REPORT_EVERY seconds; a percentage that is no number says nothing."""
        if not math.isnan(percent):
            self._percent = max(self._percent, int(min(100, max(0, percent))))
        self._message = shortened(str(message)) if message else self._message
        now = time.monotonic()
        if now - self._sent >= REPORT_EVERY:
            self._sent = now
            self._report(self._percent, joined([*self._notices, self._message]))

    def notice(self, text: str) -> None:
        """Keep it before whatever progress says, and in the log; what has been told is not told again."""
        text = shortened(str(text))
        if text in self._notices:
            return
        self.log.warning("%s", text)
        self._notices.append(text)
        if self._notice is not None:
            self._notice(text)


def joined(texts: Iterable[str]) -> str:
    """Notices and what is being done as the message of a job."""
    return shortened("; ".join(filter(None, texts)))


def ignore_progress(_percent: int, _message: str) -> None:
    """The Report of a run that nobody watches."""
