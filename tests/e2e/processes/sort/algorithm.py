import numpy


def run() -> dict[str, object]:
    numbers = numpy.random.default_rng(1).random(150_000_000)
    print("sorting", flush=True)
    numbers.sort(kind="stable")
    return {"first": float(numbers[0])}
