"""Files that are whole before they have their names: across processes, and when one is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from dragoman.errors import ResultNotAvailable
from dragoman.jobs.derived_files import make_whole

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

HALF = """
import sys, time
from pathlib import Path
from dragoman.jobs.derived_files import make_whole

def write(file):
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(600)

make_whole(Path(sys.argv[1]), "x-1.zip", write)
"""


def whole(file: BinaryIO) -> None:
    file.write(b"whole")


def test_of_a_killed_process_no_half_is_left_and_the_next_makes_it(tmp_path: Path) -> None:
    folder = tmp_path / "derived"
    child = subprocess.Popen([sys.executable, "-c", HALF, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"
        assert not (folder / "x-1.zip").exists()
        waiting = threading.Thread(target=make_whole, args=(folder, "x-1.zip", whole))
        waiting.start()
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    waiting.join(60)
    assert [path.name for path in folder.iterdir()] == ["x-1.zip"]
    assert (folder / "x-1.zip").read_bytes() == b"whole"


def test_of_many_that_ask_at_once_one_makes_it(tmp_path: Path) -> None:
    made: list[int] = []

    def write(file: BinaryIO) -> None:
        made.append(1)
        whole(file)

    threads = [
        threading.Thread(target=make_whole, args=(tmp_path / "derived", "x-1.zip", write)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert made == [1]


def test_a_folder_that_goes_meanwhile_takes_the_file_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "job" / "derived"

    def write(file: BinaryIO) -> None:
        whole(file)
        (tmp_path / "job").rename(tmp_path / "trash")

    with pytest.raises(ResultNotAvailable):
        make_whole(folder, "x-1.zip", write)
    assert not folder.exists()
