import time
from pathlib import Path

import dragoman


def run(seconds: float = 600, until: str = "", *, context: dragoman.Context) -> dict[str, object]:
    (context.scratch / "half.bin").write_bytes(b"x" * 1000)
    print("the loop begins")
    end = time.monotonic() + seconds
    turns = 0
    while time.monotonic() < end and not (until and Path(until).exists()):
        turns += 1
        context.progress(100 - 100 * (end - time.monotonic()) / max(seconds, 1e-9), "looping")
        time.sleep(0.01)
    return {"turns": turns}
