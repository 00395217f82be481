import os
import subprocess
import time
from pathlib import Path


def run(pids: str, seconds: float = 60, disowned: bool = False) -> dict[str, object]:
    started = [_disowned() for _ in range(3)] if disowned else _children()
    Path(pids).write_text(" ".join(map(str, started)))
    time.sleep(seconds)
    return {"ok": True}


def _children() -> list[int]:
    child = subprocess.Popen(["sleep", "600"])
    deaf = subprocess.Popen(["sh", "-c", "trap '' TERM; while :; do sleep 600; done"])
    return [child.pid, deaf.pid, _detached()]


def _disowned() -> int:
    """A child with nothing of its parent's: no environment, another session, no file in common."""
    null = subprocess.DEVNULL
    child = subprocess.Popen(
        ["sleep", "600"], env={}, start_new_session=True, cwd="/", stdin=null, stdout=null, stderr=null
    )
    return child.pid


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
