import time


def run(seconds: float = 600) -> dict[str, object]:
    time.sleep(seconds)
    return {"ok": True}
