"""Runs the scripts of one job under bash: values in variables, output in the job's log, an end on demand."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dragoman.workers import process_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_POLL: Final = 0.1
"""Seconds between two looks at whether the end was asked for."""


class Stopped(Exception):
    """The job is being ended from outside."""


@dataclass(kw_only=True)
class Ending:
    """Whether the end of the job has been asked for."""

    asked: float | None = field(default=None)
    """Monotonic time at which; None: it has not."""


@contextmanager
def told_of_end() -> Iterator[Ending]:
    """SIGTERM only sets ``asked`` meanwhile; the signal comes again when this is over, and then ends the process.

    In a thread other than the main one nothing is set, since no thread but that gets signals.
    """
    ending = Ending()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return

    def note(_signum: int, _frame: object) -> None:
        ending.asked = ending.asked or time.monotonic()

    # What a worker tells then would end it at once; typeshed does not know that it says whether there was anything.
    stacks = bool(faulthandler.unregister(signal.SIGTERM))  # type: ignore[func-returns-value]
    before = signal.signal(signal.SIGTERM, note)
    try:
        yield ending
    finally:
        signal.signal(signal.SIGTERM, before)
        if stacks:
            faulthandler.register(signal.SIGTERM, 2, all_threads=True, chain=True)
        if ending.asked is not None:
            os.kill(os.getpid(), signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bash:
    """What all scripts of one run share."""

    work: Path
    """A folder of our own, for scripts and values."""
    folder: Path
    """The output folder, in which they run."""
    environment: Mapping[str, str]
    streams: Mapping[int, int] = field(default_factory=dict)
    """Descriptors in place of standard output and error, where these are kept as well."""

    def set_values(self, values: Mapping[str, str]) -> None:
        """Write what sets each variable to its value: bash reads the values from files, as bytes, never as script."""
        lines = ["unset BASH_ENV"]
        for variable, value in values.items():
            (self.work / variable).write_bytes(value.encode("utf-8", "replace"))
            lines.append(f"IFS= read -r -d '' {variable} < \"$dragoman_values/{variable}\"")
        lines += ["unset dragoman_values", "true"]
        (self.work / "values.sh").write_text("\n".join(lines) + "\n", "utf-8")

    def run(self, step: str, script: str, ending: Ending, *, seconds: float | None, heeds_end: bool) -> int:
        """Run one script; its exit code, negative where a signal ended it.

        ``heeds_end``: raises Stopped when the end is asked for. None of what it started in the foreground is left
        then, or after ``seconds`` (TimeoutError).
        """
        path = self.work / f"{step}.sh"
        path.write_text(script, "utf-8", errors="replace")
        process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", str(path)],  # whatever bash there is
            cwd=self.folder,
            env={
                **self.environment,
                "BASH_ENV": str(self.work / "values.sh"),
                "dragoman_values": str(self.work),
            },
            stdin=subprocess.DEVNULL,
            stdout=self.streams.get(1),
            stderr=self.streams.get(2),
        )
        begun = time.monotonic()
        while True:
            try:
                code = process.wait(_POLL)
            except subprocess.TimeoutExpired:
                code = None
            if heeds_end and ending.asked is not None:
                _end(process)
                raise Stopped
            if code is not None:
                return code
            if seconds is not None and time.monotonic() - begun > seconds:
                _end(process)
                raise TimeoutError


def _end(process: subprocess.Popen[bytes]) -> None:
    process_tree.kill_below(process.pid)
    process.kill()
    process.wait()


@contextmanager
def kept_stream(descriptor: int, path: Path) -> Iterator[int]:
    """A descriptor to print to: what comes goes to ``descriptor``, and to a file."""
    reading, writing = os.pipe()
    thread = threading.Thread(target=_pass_on, args=(reading, descriptor, path), daemon=True)
    thread.start()
    try:
        yield writing
    finally:
        os.close(writing)
        thread.join(5)  # who still holds the other end has gone on in the background


def _pass_on(reading: int, descriptor: int, path: Path) -> None:
    with path.open("wb") as file, os.fdopen(reading, "rb", buffering=0) as stream:
        while block := stream.read(65536):
            os.write(descriptor, block)
            file.write(block)
            file.flush()
