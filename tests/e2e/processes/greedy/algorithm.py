import numpy


def run(gigabytes: float = 0) -> dict[str, object]:
    held = numpy.ones(int(gigabytes * 2**30), dtype="uint8")
    return {"ok": held.size >= 0}
