import time


def run(number: int, seconds: float = 0) -> dict[str, object]:
    print("started", number)
    time.sleep(seconds)
    return {"double": 2 * number}
