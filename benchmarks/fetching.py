"""Files fetched ahead of their job by the fetching process, against a bare loop of ``requests``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figure, Scale, Section, median
from benchmarks.servers import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = 8
THREADS = 8
RATE = 0.8
"""Of the bare loop's rate, at least."""
MEMORY = 150.0
"""MB of the fetching process at its peak."""
MIB = 1024**2


def run(folder: Path, scale: Scale) -> list[Section]:
    """Rates and memory, in turns."""
    size = scale.pick(1024, 128) * MIB
    source = _random_file(folder / "source", size)
    costs: dict[str, list[dict[str, Any]]] = {"pool": [], "bare": []}
    with _served(source) as url:
        for _ in range(scale.pick(3, 2)):
            for name, found in costs.items():
                found.append(_measured(name, url, folder / "files"))
    rates = {
        name: median(each["bytes"] / MIB / each["seconds"] for each in found) for name, found in costs.items()
    }
    peak, own = (max(each[key] for each in costs["pool"]) for key in ("megabytes", "own"))
    notes = (
        f"{FILES} files of {size // MIB} MiB from a server on this machine (the kernel's sendfile), {THREADS} threads. "
        "The fetching process also hashes each file, looks at the free disk, and waits until the file is on it.",
    )
    figures = [
        Figure(
            name="rate", value=rates["pool"], unit="MiB/s", other=rates["bare"], versus="bare loop of requests",
            aim=f">= {RATE}", met=rates["pool"] >= RATE * rates["bare"],
        ),
        Figure(name="peak memory", value=peak, unit="MB", aim=f"<= {MEMORY:g} MB", met=peak <= MEMORY),
        Figure(name="of it not shared with the forkserver", value=own, unit="MB"),
    ]  # fmt: skip
    return [Section(title="Files fetched ahead", figures=figures, notes=notes, quick=scale.quick)]


def _random_file(path: Path, size: int) -> Path:
    with path.open("wb") as file, open("/dev/urandom", "rb") as random:
        for _ in range(size // MIB):
            file.write(random.read(MIB))
    return path


@contextmanager
def _served(source: Path) -> Iterator[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "scripts" / "file_server.py"), str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.kill()


def _measured(name: str, url: str, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    command = [
        sys.executable, "-m", f"benchmarks.scripts.{name}_downloads", str(FILES), str(THREADS), url, str(folder)
    ]  # fmt: skip
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600, cwd=ROOT)
    shutil.rmtree(folder)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
