import os
import subprocess
import time
from pathlib import Path


def run(pids: str, seconds: float = 60) -> dict[str, object]:
    child = subprocess.Popen(["sleep", "600"])
    deaf = subprocess.Popen(["sh", "-c", "trap '' TERM; while :; do sleep 600; done"])
    detached = _detached()
    Path(pids).write_text(f"{child.pid} {deaf.pid} {detached}")
    time.sleep(seconds)
    return {"ok": True}


def _detached() -> int:
    """A grandchild in its own session whose parent has gone, as daemons are made."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        grandchild = subprocess.Popen(["sleep", "600"], start_new_session=True)
        os.write(write, str(grandchild.pid).encode())
        os._exit(0)
    os.wait3(0)
    return int(os.read(read, 32))
