"""Downloads as one would write them: COUNT THREADS URL FOLDER; prints seconds and MB at its peak."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from benchmarks.scripts.bare_ndvi import peak_memory

CHUNK = 1024**2


def fetch(url: str, target: Path) -> int:
    """Bytes written."""
    size = 0
    with requests.get(url, stream=True, timeout=60) as response, target.open("wb") as file:
        response.raise_for_status()
        for chunk in response.iter_content(CHUNK):
            size += file.write(chunk)
    return size


def main(count: int, threads: int, url: str, folder: Path) -> None:
    """Fetch, and tell what it took."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        sizes = list(pool.map(lambda number: fetch(f"{url}/{number}", folder / str(number)), range(count)))
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "bytes": sum(sizes), "megabytes": peak_memory(os.getpid())}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
