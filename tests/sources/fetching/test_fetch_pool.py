"""The pool of fetching processes: real ones, below a supervisor in a process of the test's own."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from fetchrun import run_supervisor, start_supervisor
from harness import gone, wait_for

from dragoman.sources.fetching.partial import part_of

if TYPE_CHECKING:
    from pathlib import Path

    from fetchkit import FileServer

pytestmark = pytest.mark.slow

LINUX = sys.platform == "linux"
CONTENT = os.urandom(4_000_000)
SHA = hashlib.sha256(CONTENT).hexdigest()


def test_files_come_whole_and_failures_with_their_reasons(files: FileServer, tmp_path: Path) -> None:
    files.file("/a", CONTENT, cuts=[1_000_000])
    files.file("/none", b"", statuses=[404] * 9)
    good, missing, private, nonsense, empty = run_supervisor(
        """
        s = start()
        s.fetch("good", url, folder / "good")
        s.fetch("missing", url.replace("/a", "/none"), folder / "missing")
        s.fetch("private", "http://10.0.0.1/a", folder / "private")
        s.fetch("nonsense", "http://[", folder / "nonsense")
        s.fetch("no folder", url, folder / "no" / "folder")
        tell(*s.done("good", "missing", "private", "nonsense", "no folder"))
        s.close()
        """,
        files,
        tmp_path,
    )
    assert good == {
        "is": "Fetched", "id": "good", "size": len(CONTENT), "media_type": "image/tiff", "sha256": SHA
    }  # fmt: skip
    assert (tmp_path / "good").read_bytes() == CONTENT
    assert missing["reason"] == "127.0.0.1 answered with status 404; allowed: 200"
    assert "'10.0.0.1' is not on the public network" in private["reason"]
    assert "cannot be read" in nonsense["reason"]
    assert empty["reason"] == "127.0.0.1: this server could not store the file"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good", "good.part.json"]


@pytest.mark.skipif(not LINUX, reason="workers die with their supervisor on Linux only")
def test_after_a_kill_of_everything_it_goes_on_where_it_was(files: FileServer, tmp_path: Path) -> None:
    served = files.file("/a", CONTENT, pause=threading.Event())
    supervisor = start_supervisor(
        """
        s = start()
        s.fetch("a", url, folder / "a")
        s.until(lambda: s.pool.pids)
        tell(s.pool.pids)
        s.done("a")
        """,
        files,
        tmp_path,
    )
    assert supervisor.stdout is not None
    ((pid,),) = json.loads(supervisor.stdout.readline())
    part = part_of(tmp_path / "a")
    there = wait_for(
        lambda: part.exists() and part.stat().st_size >= len(CONTENT) // 2 and part.stat().st_size
    )
    supervisor.kill()
    supervisor.communicate()
    wait_for(lambda: gone(pid))
    assert served.pause is not None
    served.pause.set()
    again = files.file("/a", CONTENT)
    (outcome,) = run_supervisor(
        """
        s = start()
        s.fetch("a", url, folder / "a")
        tell(*s.done("a"))
        s.close()
        """,
        files,
        tmp_path,
    )
    assert (outcome["sha256"], outcome["size"]) == (SHA, len(CONTENT))
    assert again.ranges == [f"bytes={there}-"]
    assert there + again.sent[0] == len(CONTENT), "no byte came twice"


def test_a_process_that_is_killed_is_replaced_and_what_kills_two_has_failed(
    files: FileServer, tmp_path: Path
) -> None:
    pauses = {name: threading.Event() for name in ("/a", "/b")}
    served = {path: files.file(path, CONTENT, pause=pause) for path, pause in pauses.items()}
    supervisor = start_supervisor(
        """
        s = start()
        size = lambda name: part_of(folder / name).stat().st_size if part_of(folder / name).exists() else 0
        s.fetch("a", url, folder / "a")
        s.fetch("b", url.replace("/a", "/b"), folder / "b")
        s.until(lambda: size("a") >= 2_000_000 and size("b") >= 2_000_000)
        first = s.pool.pids
        os.kill(first[0], signal.SIGKILL)
        s.until(lambda: len(s.pool.pids) == 2 and first[0] not in s.pool.pids)
        tell("again")
        s.until(lambda: size("a") > 2_000_000 or (folder / "a").exists())
        s.done("a")
        (left,) = [link.worker.pid for link in s.pool._links.values() if link.errands]
        os.kill(left, signal.SIGKILL)
        outcomes = s.done("a", "b")
        s.fetch("c", url, folder / "c")
        tell(len(first), *outcomes, *s.done("c"))
        s.close()
        """,
        files,
        tmp_path,
    )
    assert supervisor.stdout is not None
    assert json.loads(supervisor.stdout.readline()) == ["again"]
    pauses["/a"].set()
    out, err = supervisor.communicate(timeout=300)
    assert supervisor.returncode == 0, err
    count, good, bad, later = json.loads(out)
    pauses["/b"].set()
    assert count == 1, "one process fetches all"
    assert good["sha256"] == later["sha256"] == SHA
    assert served["/a"].ranges[1] is not None, "it went on where it was"
    assert bad["is"] == "FetchFailed"
    assert bad["reason"] == f"127.0.0.1:{files.port}: this server failed twice while it fetched the file"


def test_a_cancelled_one_ends_within_a_moment_and_nothing_of_it_comes_back(
    files: FileServer, tmp_path: Path
) -> None:
    pause = threading.Event()
    files.file("/a", CONTENT, pause=pause)
    files.file("/b", CONTENT)
    ended, outcomes, left = run_supervisor(
        """
        s = start(at_once=1)
        (folder / "task").mkdir()
        s.fetch("a", url, folder / "task" / "a")
        s.fetch("waits", url, folder / "task" / "waits")
        s.until(lambda: part_of(folder / "task" / "a").exists())
        s.cancel("waits")
        s.cancel("a")
        s.cancel("never was")
        s.until(lambda: len(s.ended) == 3)
        import shutil
        shutil.rmtree(folder / "task")
        s.fetch("b", url.replace("/a", "/b"), folder / "b")
        s.done("b")
        tell(s.ended, list(s.outcomes), (folder / "task").exists())
        s.close()
        """,
        files,
        tmp_path,
    )
    pause.set()
    assert set(ended) == {"a", "waits", "never was"}
    assert outcomes == ["b"]
    assert left is False


def test_a_slow_host_does_not_take_all_places(files: FileServer, tmp_path: Path) -> None:
    pause = threading.Event()
    slow = files.file("/a", CONTENT, pause=pause)
    files.file("/b", CONTENT)
    (quick,) = run_supervisor(
        """
        s = start(at_once=4)
        for number in range(6):
            s.fetch(f"slow{number}", url, folder / f"slow{number}")
        s.fetch("quick", url.replace("/a", "/b").replace("127.0.0.1", "localhost"), folder / "quick")
        tell(*s.done("quick"))
        s.close()
        """,
        files,
        tmp_path,
    )
    pause.set()
    assert quick["sha256"] == SHA
    assert len(slow.ranges) <= 2


def test_two_files_do_not_wait_for_fifty_of_another_task(files: FileServer, tmp_path: Path) -> None:
    files.file("/a", b"small")
    (order,) = run_supervisor(
        """
        s = start(at_once=1)
        for number in range(50):
            s.fetch(f"large{number}", url, folder / f"large{number}", owner="alice", group="large")
        for name in ("small", "other"):
            s.fetch(name, url, folder / name, owner="alice" if name == "small" else "bob", group=name)
        s.done("small", "other")
        tell(list(s.outcomes))
        s.close()
        """,
        files,
        tmp_path,
    )
    assert max(map(order.index, ("small", "other"))) <= 3


@pytest.mark.skipif(not LINUX, reason="stops a process as only a frozen disk would")
def test_a_process_that_hangs_holds_up_nothing(files: FileServer, tmp_path: Path) -> None:
    pause = threading.Event()
    files.file("/a", CONTENT, pause=pause)
    soon, ended = run_supervisor(
        """
        s = start(at_once=100)
        s.fetch("a", url, folder / "a")
        s.until(lambda: part_of(folder / "a").exists())
        os.kill(s.pool.pids[0], signal.SIGSTOP)
        for number in range(3000):
            s.fetch(str(number), url + "?" + "x" * 8000, folder / str(number))
            s.cancel(str(number))
        for _ in range(20):
            s.pool.tick()
        s.cancel("a")
        s.until(lambda: "a" in s.ended)
        tell(s.ended["a"] < 60, len(s.ended))
        s.close()
        """,
        files,
        tmp_path,
    )
    pause.set()
    assert soon is True
    assert ended == 3001


def test_an_idle_process_is_ended_and_another_started_when_it_is_needed(
    files: FileServer, tmp_path: Path
) -> None:
    files.file("/a", CONTENT)
    none, one, again, other = run_supervisor(
        """
        from dragoman.sources.fetching import pool
        pool.IDLE = 0.2
        s = start()
        none = list(s.pool.pids)
        s.fetch("a", url, folder / "a")
        s.done("a")
        one = list(s.pool.pids)
        s.until(lambda: not s.pool.pids)
        s.fetch("b", url, folder / "b")
        (again,) = s.done("b")
        tell(none, one, again["sha256"], list(s.pool.pids))
        s.close()
        """,
        files,
        tmp_path,
    )
    assert (none, len(one), again) == ([], 1, SHA)
    assert one != other
