import time

import numpy


def run(gigabytes: float = 0, seconds: float = 0) -> dict[str, object]:
    held = numpy.ones(int(gigabytes * 2**30), dtype="uint8")
    time.sleep(seconds)
    return {"ok": held.size >= 0}
