import os
import signal
from pathlib import Path


def run(tally: str, lives: int = 100) -> dict[str, object]:
    with Path(tally).open("a") as file:
        file.write("run\n")
    runs = len(Path(tally).read_text().splitlines())
    if runs <= lives:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"runs": runs}
