"""Runs that can be told apart: two of one job at a time, or to the end, leave two marks."""

import fcntl
import os
import subprocess
import time
from pathlib import Path


def run(token: str, folder: str, seconds: float = 0.3, child: str = "") -> dict[str, object]:
    """Hold the job's lock while it runs."""
    place = Path(folder)
    descriptor = os.open(place / f"{token}.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        (place / f"{token}.overlap").touch()
    if child:  # detached, and without the mark in its environment
        subprocess.Popen(["sleep", child], start_new_session=True, env={})
    time.sleep(seconds)
    with (place / f"{token}.ends").open("a") as ends:
        ends.write("end\n")
    os.close(descriptor)
    return {"token": token}
