import os
import time


def run(mebibytes: int) -> dict[str, object]:
    for _ in range(mebibytes):
        os.write(1, b"blah" * 262_144)
    deadline = time.monotonic() + 60
    while os.fstat(1).st_size == mebibytes * 1_048_576 and time.monotonic() < deadline:
        time.sleep(0.05)
    raise RuntimeError("no more words")
