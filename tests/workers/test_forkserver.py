"""The thread that forks workers goes on, whatever happens to one of them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import socket, sys, threading
from dragoman.workers import forkserver
from dragoman.workers.forkserver import Forkserver

def main(sock, setup):
    sock.sendall(setup)

if __name__ == "__main__":
    tries = []
    def setup():
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("not yet")
        return b"here"
    births = Forkserver(())
    ours, theirs = socket.socketpair()
    born = threading.Event()
    births.fork(main, theirs, setup, lambda birth: born.set(), theirs.dup)
    ours.settimeout(60)
    assert ours.recv(10) == b"here"
    assert born.wait(60)
    births.close()
    print(len(tries))
"""


def test_a_birth_that_fails_is_tried_again_and_ends_no_thread(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "3", done.stderr
    assert "it is tried again" in done.stderr
