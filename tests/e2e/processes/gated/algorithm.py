import os
import time
from pathlib import Path


def run(gate: str, tally: str) -> dict[str, object]:
    with Path(tally).open("a") as file:
        file.write(f"{os.getpid()}\n")
    while not Path(gate).exists():
        time.sleep(0.01)
    return {"ok": True}
