import time
from pathlib import Path


def run(number: int, seconds: float = 0, until: str = "") -> dict[str, object]:
    print("started", number)
    time.sleep(seconds)
    while until and not Path(until).exists():
        time.sleep(0.01)
    return {"double": 2 * number}
