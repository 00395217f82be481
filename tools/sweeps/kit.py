"""What the sweeps share: the shipped processes called in this very process, and the sheet of what came of it."""

from __future__ import annotations

import importlib.util
import logging
import signal
import sys
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dragoman.errors import InputError, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a client would read of a 400."""

    reason: str


@dataclass(slots=True, kw_only=True)
class Context:
    """See ``dragoman.Context``; what it is told goes nowhere."""

    scratch: Path
    config: dict[str, Any] = field(default_factory=dict)
    job_id: str = "sweep"
    outputs: tuple[str, ...] = ()
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("sweep"))

    def progress(self, percent: float, message: str = "") -> None:
        """Say nothing."""

    def notice(self, text: str) -> None:
        """Say nothing."""


@dataclass(slots=True)
class Sheet:
    """What came of a sweep: how often each verdict was given, and a line for each that is none of the good ones."""

    verdicts: Counter[str] = field(default_factory=Counter)
    bad: int = 0

    def __post_init__(self) -> None:
        signal.signal(
            signal.SIGTERM, lambda *_: sys.exit(self.end())
        )  # a portion that is cut short counts too

    def agree(self, name: str) -> None:
        """Count a result that the oracle has too."""
        self.verdicts[name] += 1

    def refuse(self, what: str, reason: str) -> None:
        """Count a refusal and show its words: whether they are right, a reader must say."""
        self.verdicts["refused"] += 1
        print(f"refused  {what}: {reason}", flush=True)

    def differ(self, what: str, how: str) -> None:
        """Count and show a difference from the oracle."""
        self.verdicts["DIFFERS"] += 1
        self.bad += 1
        print(f"DIFFERS  {what}: {how}", flush=True)

    def crash(self, what: str, error: BaseException) -> None:
        """Count and show what would have been a 500."""
        self.verdicts["CRASH"] += 1
        self.bad += 1
        where = traceback.extract_tb(error.__traceback__)[-1]
        print(
            f"CRASH    {what}: {type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})",
            flush=True,
        )

    def end(self) -> int:
        """Show the sums; the exit code."""
        print(
            ", ".join(f"{name} {count}" for name, count in sorted(self.verdicts.items()))
            or "nothing was tried"
        )
        return 1 if self.bad else 0


def load(process: str) -> ModuleType:
    """``processes/<process>/algorithm.py`` as a module."""
    location = ROOT / "processes" / process / "algorithm.py"
    spec = importlib.util.spec_from_file_location(f"algorithm_{process.replace('-', '_')}", location)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def attempt[Result](sheet: Sheet, what: str, call: Callable[[], Result]) -> Result | None:
    """What ``call`` gives; None where it is refused, or fails, which the sheet then has."""
    try:
        return call()
    except (InvalidRequest, InputError) as error:
        sheet.refuse(what, str(error))
    except Exception as error:
        sheet.crash(what, error)
    return None


def scratch() -> Path:
    """A new folder for files that nobody wants to keep."""
    return Path(tempfile.mkdtemp(prefix="sweep-"))
