"""Processes are told apart, and ended with all they started; every process here is a real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from harness import gone, wait_for

from dragoman.model.worker import WorkerIdentity
from dragoman.workers import process_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

LINUX = sys.platform == "linux"

PRELUDE = """
import json, os, subprocess, sys, time
from dragoman.workers import process_tree

def gone(pid):
    import psutil
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True

def sleeper():
    return subprocess.Popen(["sleep", "600"]).pid

def orphan():
    "A process in a session of its own whose parent has gone."
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.write(write, str(subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 600 & wait"]).pid).encode())
        os._exit(0)
    os.wait3(0)
    pid = int(os.read(read, 32))
    while not process_tree.descendants(pid):
        time.sleep(0.01)
    return pid
"""


def _run(code: str) -> Any:
    """What ``code`` prints, as JSON; run in a process of its own, as these functions act on their own process."""
    script = PRELUDE + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def tree() -> Iterator[psutil.Process]:
    """A process with a child and a grandchild that will not listen to SIGTERM."""
    command = "trap '' TERM; sh -c 'trap \"\" TERM; sleep 600 & wait' & wait"
    process = subprocess.Popen(["sh", "-c", command], start_new_session=True)
    head = psutil.Process(process.pid)
    wait_for(lambda: len(head.children(recursive=True)) == 2, "it has its family")
    below = head.children(recursive=True)
    yield head
    for each in [head, *below]:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait(120)


class TestIdentity:
    def test_a_live_process_is_known(self, tree: psutil.Process) -> None:
        me = process_tree.identity(tree.pid)
        assert me.pid == tree.pid
        assert process_tree.identity(tree.pid) == me
        assert process_tree.lives(me)

    def test_another_that_has_its_pid_is_not_taken_for_it(self, tree: psutil.Process) -> None:
        me = process_tree.identity(tree.pid)
        fields = {"boot_id": me.boot_id, "pid": me.pid, "start_time": me.start_time}
        for changed in ({"start_time": me.start_time - 1}, {"boot_id": "before"}):
            assert not process_tree.lives(WorkerIdentity(**{**fields, **changed}))  # type: ignore[arg-type]  # a dict

    def test_a_dead_one_and_a_zombie_do_not_live(self) -> None:
        process = subprocess.Popen(["sleep", "600"])
        me = process_tree.identity(process.pid)
        process.kill()
        wait_for(lambda: not process_tree.lives(me), "the zombie is taken for dead")
        process.wait()
        assert not process_tree.lives(me)

    def test_a_name_with_blanks_and_brackets_is_no_trouble(self) -> None:
        rename = "import ctypes, sys; ctypes.CDLL(None).prctl(15, b'a) b (c', 0, 0, 0)"
        code = f"{rename}; print(1, flush=True); sys.stdin.read()"
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            if LINUX:
                process.stdout.readline()
            ticks = process_tree.identity(process.pid).start_time
            began = psutil.Process(process.pid).create_time() - psutil.boot_time()
            assert abs(ticks / os.sysconf("SC_CLK_TCK") - began) < 2
        finally:
            process.communicate(timeout=120)

    def test_the_boot_has_an_id(self) -> None:
        assert process_tree.boot_id() == process_tree.boot_id() != ""


class TestEnding:
    def test_descendants_are_found_at_any_depth(self, tree: psutil.Process) -> None:
        assert {each.pid for each in process_tree.descendants(tree.pid)} == {
            p.pid for p in tree.children(recursive=True)
        }

    def test_nothing_is_below_what_is_gone(self) -> None:
        process = subprocess.Popen(["true"])
        process.wait()
        assert process_tree.descendants(process.pid) == []
        process_tree.kill_below(process.pid)
        process_tree.kill_group(process.pid)

    def test_kill_below_leaves_the_process_itself(self, tree: psutil.Process) -> None:
        below = process_tree.descendants(tree.pid)
        tree.suspend()  # it would end when its child does
        process_tree.kill_below(tree.pid)
        assert all(gone(process.pid) for process in below)
        assert not gone(tree.pid)

    def test_a_group_is_killed_even_when_its_leader_has_gone(self, tree: psutil.Process) -> None:
        below = process_tree.descendants(tree.pid)
        tree.kill()
        wait_for(lambda: gone(tree.pid))
        assert not all(gone(process.pid) for process in below)
        process_tree.kill_group(tree.pid)
        wait_for(lambda: all(gone(process.pid) for process in below), "the group is gone")

    def test_children_are_this_process_s_own(self, tree: psutil.Process) -> None:
        assert tree.pid in process_tree.children()
        assert not {each.pid for each in process_tree.descendants(tree.pid)} & process_tree.children()

    @pytest.mark.skipif(not LINUX, reason="only Linux has subreapers")
    def test_a_worker_ends_what_a_job_left_but_keeps_what_setup_started(self) -> None:
        told = _run("""
            process_tree.become_subreaper()
            kept = sleeper()
            keep = process_tree.children()
            left = [sleeper(), orphan()]
            below = [p.pid for pid in left for p in process_tree.descendants(pid)]
            before = [gone(pid) for pid in [*left, *below]]
            process_tree.end_children(keep)
            after = [gone(pid) for pid in [*left, *below]]
            print(json.dumps([before, after, gone(kept), list(process_tree.children()) == [kept]]))
            process_tree.end_children(frozenset())
            """)
        before, after, kept_is_gone, only_kept = told
        assert not any(before)
        assert all(after)
        assert not kept_is_gone
        assert only_kept, "no zombie is left either"

    @pytest.mark.skipif(not LINUX, reason="only Linux has subreapers")
    def test_a_supervisor_collects_the_orphans_that_fell_to_it(self) -> None:
        told = _run("""
            process_tree.become_subreaper()
            kept = sleeper()
            orphans = [orphan(), orphan()]
            fallen = [pid in process_tree.children() for pid in orphans]
            below = [p.pid for pid in orphans for p in process_tree.descendants(pid)]
            count = process_tree.reap_orphans([kept])
            left = process_tree.children() - {kept}
            print(json.dumps([fallen, count, [gone(pid) for pid in orphans + below], sorted(left), gone(kept)]))
            process_tree.end_children(frozenset())
            """)
        fallen, count, dead, left, kept_is_gone = told
        assert all(fallen)
        assert count == len(dead) == 4
        assert all(dead)
        assert left == []
        assert not kept_is_gone

    @pytest.mark.skipif(not LINUX, reason="only Linux has subreapers")
    def test_a_child_that_cannot_be_killed_is_waited_for_once(self) -> None:
        told = _run("""
            child, sent, really = sleeper(), [], process_tree.send
            process_tree.PATIENCE, process_tree.send = 0.1, lambda processes, _signal: sent.append(processes)
            seen = []
            for _ in range(2):
                process_tree.reap_orphans([])
                seen.append(len(sent))
            process_tree.send = really
            other = sleeper()
            process_tree.reap_orphans([])
            seen += [gone(child), gone(other)]
            os.kill(child, 9)
            while child in process_tree.children():
                process_tree.reap_orphans([])
            print(json.dumps(seen))
            """)
        first, second, child_is_gone, other_is_gone = told
        assert first == second > 0
        assert not child_is_gone
        assert other_is_gone

    @pytest.mark.skipif(not LINUX, reason="only Linux has PR_SET_PDEATHSIG")
    def test_a_process_can_be_tied_to_its_parents_life(self) -> None:
        code = (
            "import os, subprocess, sys\n"
            "child = subprocess.Popen([sys.executable, '-c',"
            " 'from dragoman.workers.process_tree import die_with_parent\\n"
            "import time; die_with_parent(); print(1, flush=True); time.sleep(600)'], stdout=subprocess.PIPE)\n"
            "child.stdout.readline(); print(child.pid, flush=True); os.kill(os.getpid(), 9)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
        )
        wait_for(lambda: gone(int(done.stdout)), "the child has died with its parent")


class TestMarks:
    def _start(self, mark: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["sleep", "600"], env={**os.environ, process_tree.MARK: mark})
        wait_for(lambda: psutil.Process(process.pid).environ().get(process_tree.MARK) == mark)
        return process

    def test_what_an_earlier_supervisor_left_is_killed_and_nothing_else(self) -> None:
        home, other = f"test-{os.getpid()}-a", f"test-{os.getpid()}-b"
        old, mine, foreign = (
            self._start(mark) for mark in (f"{home}:1", f"{home}:{os.getpid()}", f"{other}:1")
        )
        try:
            assert process_tree.kill_marked(home) == 1
            wait_for(lambda: gone(old.pid))
            assert not gone(mine.pid)
            assert not gone(foreign.pid)
            assert process_tree.kill_marked("test-nobody") == 0
        finally:
            for process in (old, mine, foreign):
                process.kill()
                process.wait()
