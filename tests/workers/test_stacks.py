"""What a worker was doing when it was ended, or crashed, is in its log; its pools end in silence."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

CODE = """
import ctypes, multiprocessing, os, signal, threading, time
from dragoman.workers.stacks import tell_stacks
tell_stacks()
signal.alarm(100)

def in_a_thread():
    time.sleep(1000)

def computing():
    {do}
    time.sleep(1000)

threading.Thread(target=in_a_thread, daemon=True).start()
computing()
"""


def run(do: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE.format(do=do)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("do", "number"),
    [("os.kill(os.getpid(), signal.SIGTERM)", signal.SIGTERM), ("ctypes.string_at(0)", signal.SIGSEGV)],
)
def test_the_stack_of_every_thread_is_told(do: str, number: int) -> None:
    code, told = run(do)
    assert code == -number
    assert "in computing" in told
    assert "in in_a_thread" in told


def test_a_pool_that_is_ended_says_nothing() -> None:
    # whoever is ended before it has begun to be a process of its own still tells: both have begun
    begun = "fork = multiprocessing.get_context('fork'); begun = fork.Barrier(3)"
    code, told = run(
        f"{begun}; pool = fork.Pool(2, begun.wait); begun.wait(); pool.terminate(); pool.join(); os._exit(0)"
    )
    assert (code, told) == (0, "")
