"""Runs the benchmarks that are asked for, prints their tables, and keeps them in results.md and results.json."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import (
    fetching,
    kill,
    latency,
    listing,
    mosaic,
    ndvi,
    peers,
    pesto,
    stored,
    throughput,
)
from benchmarks.report import Scale, Section, render, write
from benchmarks.servers import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

BENCHMARKS: Mapping[str, Callable[[Path, Scale], list[Section]]] = {
    "latency": latency.run,
    "stored": stored.run,
    "processes": listing.run,
    "ndvi": ndvi.run,
    "peers": peers.run,
    "kill": kill.run,
    "throughput": throughput.run,
    "pesto": pesto.run,
    "fetching": fetching.run,
    "mosaic": mosaic.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 1 if a benchmark broke or missed one of its aims."""
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    scale = Scale(quick=asked.quick)
    sections: list[Section] = []
    broken = []
    for name in asked.names or BENCHMARKS:
        begun = time.monotonic()
        try:
            with _folder(asked.folder) as folder:
                found = BENCHMARKS[name](folder, scale)
        except Exception:  # the others are still worth their time
            traceback.print_exc()
            broken.append(name)
            continue
        sections += found
        print(render(found))
        print(f"({name}: {time.monotonic() - begun:.0f} s)\n", flush=True)
    if sections and not (asked.quick and asked.output is None):
        write(asked.output or ROOT / "benchmarks", sections)
    missed = [figure.name for section in sections for figure in section.figures if figure.met is False]
    for line in (*(f"broken: {name}" for name in broken), *(f"aim missed: {name}" for name in missed)):
        print(line, file=sys.stderr)
    return int(bool(broken or missed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="dragoman's benchmarks")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}; default: all"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few repetitions; writes nothing without --output"
    )
    parser.add_argument(
        "--output", type=Path, help="folder of results.md and results.json; default: benchmarks/"
    )
    default = ROOT / "var"
    parser.add_argument(
        "--folder", type=Path, default=default, help="where state is kept meanwhile; default: var/"
    )
    parser.usage = "%(prog)s [NAME ...] [--quick] [--output FOLDER] [--folder FOLDER]"
    return parser


@contextmanager
def _folder(parent: Path) -> Iterator[Path]:
    """A folder on a real disk (a temporary folder may be in memory, where a sync costs nothing)."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if hasattr(os, "sync"):
            os.sync()  # what this one left to be written must not slow the next
