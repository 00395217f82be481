"""Round trips of a small job beside the real ncdjango 1.5.3: ``python -m benchmarks.ncdjango_jobs PYTHON``.

PYTHON has ncdjango, Django, Celery and gunicorn (and an empty package ``osgeo``). The task adds two numbers; both have
two workers, one web process and the same client, which posts, and asks for the job until it is done: at once and then
every 2 ms, or every second as ncdjango's clients do. The real server runs with Celery's filesystem
broker as it is by default, and told to look for messages every 10 ms. Ours is measured after each, started anew.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from benchmarks.load import Client
from benchmarks.servers import ROOT, Dragoman, Server

JOBS: Final = "/geoprocessing/rest/jobs/"
HEADERS: Final = {"Content-Type": "application/json", "Accept": "application/json"}
TUNED: Final = "0.01"
SOON: Final = 0.002
DOCUMENTED: Final = 1.0
ALGORITHM: Final = "def run(int1: int, int2: int) -> dict[str, object]:\n    return {'sum': int1 + int2}\n"
PROCESS: Final = """version: 1.0.0
title: The sum of two numbers
inputs:
  int1: {schema: {type: integer}}
  int2: {schema: {type: integer}}
outputs:
  sum: {schema: {type: integer}}
"""


class RealNcdjango(Server):
    """The real server under gunicorn, with a Celery worker of two processes."""

    def __init__(self, folder: Path, python: Path, poll: str | None) -> None:
        environment = {"REAL_FOLDER": str(folder), "PYTHONPATH": str(ROOT / "benchmarks" / "scripts")}
        environment |= {"REAL_POLL": poll} if poll else {}
        super().__init__(folder, "real_ncdjango:application", ready="", environment=environment)
        self._python = python
        for name in ("broker", "control", "results", "data"):
            (folder / name).mkdir()

    def command(self) -> list[str]:
        """A shell that starts both, and ends them with itself."""
        python = self._python
        web = (
            f"{python.parent}/gunicorn -w 1 --threads 16 -k gthread --keep-alive 30 -b 127.0.0.1:{self.port}"
        )
        worker = f"{python.parent}/celery -A real_ncdjango worker -c 2 -l WARNING"
        script = ROOT / "benchmarks" / "scripts" / "real_ncdjango.py"
        return ["bash", "-c", f"{python} {script} && {{ {worker} & {web} {self._app} & wait; }}"]

    def _is_ready(self) -> bool:
        with suppress(OSError, HTTPException), Client(self.port) as client:
            return client.get(f"{JOBS}none/")[0] == 404
        return False


def ours(folder: Path) -> Dragoman:
    """dragoman with the same task."""
    package = folder / "sum_numbers"
    package.mkdir(parents=True)
    (package / "process.yml").write_text(PROCESS, "utf-8")
    (package / "algorithm.py").write_text(ALGORITHM, "utf-8")
    processor = {"name": "dragoman.plugin.PackagedProcessor", "package": str(package)}
    jobs = {"sum_numbers": {"type": "task", "task": "sum_numbers"}}
    return Dragoman(
        folder,
        resources={"sum_numbers": {"type": "process", "processor": processor}},
        manager={"dialects": {"ncdjango": {"jobs": jobs}}},
    )


def round_trip(client: Client, number: int, pause: float) -> tuple[float, float]:
    """Seconds until POST is answered, and until the job is done; failed ones raise."""
    body = {"job": "sum_numbers", "inputs": json.dumps({"int1": number, "int2": 5})}
    begun = time.perf_counter()
    status, answer = client.post(JOBS, json.dumps(body).encode(), HEADERS)
    posted = time.perf_counter() - begun
    if status != 201:
        raise RuntimeError(f"answered {status}: {answer[:300]!r}")
    path = f"{JOBS}{json.loads(answer)['uuid']}/"
    while True:
        job = json.loads(client.get(path)[1])
        if job["status"] not in ("pending", "received", "started"):
            break
        time.sleep(pause)
    if job["status"] != "success" or json.loads(job["outputs"]) != {"sum": number + 5}:
        raise RuntimeError(f"job ended otherwise: {job}")
    return posted, time.perf_counter() - begun


def figures(port: int, count: int, pause: float) -> dict[str, Any]:
    """Medians and the worst of ``count`` round trips, in ms."""
    with Client(port) as client:
        times = [round_trip(client, number, pause) for number in range(count)]
    posts, totals = zip(*times, strict=True)
    return {
        "jobs": count,
        "POST": round(1000 * statistics.median(posts), 1),
        "min": round(1000 * min(totals), 1),
        "median": round(1000 * statistics.median(totals), 1),
        "max": round(1000 * max(totals), 1),
    }


def measured(name: str, server: Server, often: int, few: int) -> None:
    """Start, warm up, measure both ways of asking, print, stop."""
    try:
        server.start()
        figures(server.port, 3, SOON)
        wait_for_quiet()
        print(name, "every 2 ms", figures(server.port, often, SOON), flush=True)
        print(name, "every second", figures(server.port, few, DOCUMENTED), flush=True)
    finally:
        server.stop()


def wait_for_quiet() -> None:
    """Let what a server starts in the background come up: it is no part of a round trip."""
    time.sleep(2)


def main() -> None:
    """Measure and print."""
    python = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measured("real, default", RealNcdjango(folder / "default", python, None), 6, 4)
        measured("ours", ours(folder / "ours1"), 200, 20)
        measured("real, tuned", RealNcdjango(folder / "tuned", python, TUNED), 100, 4)
        measured("ours", ours(folder / "ours2"), 200, 20)


if __name__ == "__main__":
    main()
