"""The same downloads by a ``FetchPool``: COUNT THREADS URL FOLDER; prints what it took.

The pool's supervisor is this process, with what the real one's forkserver preloads. ``megabytes`` is the peak of the
fetching process's resident memory, with the pages that it shares with the forkserver; ``own`` is without, at the end.
"""

from __future__ import annotations

import json
import selectors
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from benchmarks.scripts.bare_ndvi import peak_memory

from dragoman.config.settings import FetchSettings
from dragoman.sources.fetching.messages import Fetched, FetchFailed, FetchTask
from dragoman.sources.fetching.pool import FetchPool
from dragoman.sources.fetching.settings import FetchPoolSettings
from dragoman.sources.policy import SourcePolicy
from dragoman.workers import process_tree
from dragoman.workers.forkserver import Forkserver
from dragoman.workers.watch import WorkerWatch


def main(count: int, threads: int, url: str, folder: Path) -> None:
    """Fetch, and tell what it took; the start of the process is part of it."""
    process_tree.become_subreaper()
    selector = selectors.DefaultSelector()
    forkserver = Forkserver(["dragoman.jobs.engine.preload"])
    policy = SourcePolicy(fetch=FetchSettings(allow=(urlsplit(url).netloc,)))
    settings = FetchPoolSettings(policy=policy, at_once=threads, per_host=threads)
    pool = FetchPool(forkserver, WorkerWatch(selector, forkserver), settings, mark="bench:1")
    outcomes: list[Fetched | FetchFailed] = []

    def until(number: int) -> None:
        while len(outcomes) < number:
            for key, events in selector.select(0.05):
                key.data(events)
            pool.tick()

    pool.fetch(FetchTask(id="warm", url=url + "/warm", target=folder / "warm"), outcomes.append)
    until(1)  # the forkserver's imports are done once in a server's life
    (folder / "warm").unlink()
    begun = time.perf_counter()
    for number in range(count):
        task = FetchTask(id=str(number), url=f"{url}/{number}", target=folder / str(number))
        pool.fetch(task, outcomes.append)
    until(count + 1)
    seconds = time.perf_counter() - begun
    failed = [outcome.reason for outcome in outcomes if isinstance(outcome, FetchFailed)]
    if failed:
        raise RuntimeError(failed[0])
    (pid,) = pool.pids
    found = {
        "seconds": seconds,
        "bytes": sum(outcome.size for outcome in outcomes[1:] if isinstance(outcome, Fetched)),
        "megabytes": peak_memory(pid),
        "own": psutil.Process(pid).memory_full_info().uss / 1e6,
    }
    pool.close()
    forkserver.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
