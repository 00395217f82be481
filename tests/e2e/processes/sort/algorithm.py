import numpy


def run() -> dict[str, object]:
    numbers = numpy.random.default_rng(1).random(40_000_000)
    print("sorting", flush=True)
    while True:  # each of these calls takes seconds
        numpy.sort(numbers, kind="stable")
