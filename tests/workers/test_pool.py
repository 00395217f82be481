"""A pool of workers that know no job: real processes, each supervisor in a process of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest
from harness import TEST_PROCESSES

pytestmark = pytest.mark.slow

LINUX = sys.platform == "linux"
SUPPORT = TEST_PROCESSES.parents[1] / "support"
PRELUDE = """
import json, os, signal, time
from toyworkers import Toy
toy = Toy()
def tell(*values):
    print(json.dumps(values))
try:
"""


def _run(code: str) -> Any:
    """What ``code`` tells; run in a process of its own, whose children are all its workers'."""
    script = PRELUDE + textwrap.indent(textwrap.dedent(code), "    ") + "\nfinally:\n    toy.close()\n"
    paths = os.pathsep.join(filter(None, [str(SUPPORT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_worker_answers_several_requests_of_one_task_and_stays_warm_for_the_next() -> None:
    first, second, same, other = _run("""
        worker = toy.born("a")
        worker.begin("session", "one", 60.0)
        toy.until(lambda: toy.heard_of)
        first, second = toy.heard_of[0][1], toy.ask(worker, "two")
        busy = toy.counting.busy, toy.counting.idle("a") is None
        worker.release()
        tell(first, second, [*busy, toy.counting.busy, toy.counting.idle("a") is worker, worker.deadline],
             toy.counting.idle("b"))
    """)
    assert first == {"key": "a", "request": "one", "number": 1}
    assert second == {"key": "a", "request": "two", "number": 2}
    assert same == [1, True, 0, True, None]
    assert other is None, "of another key"


def test_one_supervisor_has_two_kinds_and_one_task_several_workers() -> None:
    shouts, codes, counts, parents, left = _run("""
        pair = [toy.shouting.order(key, 7) for key in ("!", "?")]
        counter = toy.born("a")
        toy.until(lambda: all(worker.ready for worker in pair))
        parents = {worker.forkserver.pid for worker in [*pair, counter]}
        for worker in pair:
            worker.begin(7, "hey")
        codes = [toy.died(worker).exit_code for worker in pair]
        shouts = sorted(message for worker, message in toy.heard_of if worker in pair)
        tell(shouts, codes, toy.ask(counter, "x")["number"], len(parents), len(toy.shouting.workers))
    """)
    assert shouts == ["HEY!", "HEY?"]
    assert codes == [7, 7]
    assert (counts, parents, left) == (1, 1, 0)


@pytest.mark.skipif(not LINUX, reason="looks at /proc")
def test_a_limit_ends_it_and_all_below_it_and_may_be_set_anew_for_each_request() -> None:
    ended, left = _run("""
        worker = toy.born("a")
        worker.begin("session", "spawn", 60.0)
        toy.until(lambda: toy.heard_of)
        child = toy.heard_of[0][1]["child"]
        toy.ask(worker, "hang")
        worker.limit(0.1)
        death = toy.died(worker)
        tell([death.ending, death.exit_code, death.unread], os.path.exists(f"/proc/{child}"))
    """)
    assert ended == ["timed-out", -9, False]
    assert left is False


def test_idle_workers_beyond_those_kept_warm_are_ended_the_oldest_first() -> None:
    retired, kept = _run("""
        workers = [toy.born(key) for key in "abc"]
        for worker in workers:
            toy.ask(worker, "x")
            worker.release()
        toy.counting.retire()
        death = toy.died(workers[0])
        tell([death.ending, len(toy.deaths)], [worker.ending for worker in workers[1:]])
    """)
    assert retired == ["retired", 1]
    assert kept == ["", ""]


def test_one_that_is_not_needed_any_more_when_it_is_born_is_ended() -> None:
    (ending,) = _run("""
        worker = toy.counting.order("a", "task")
        worker.task = None
        worker.begin_end("retired")
        tell(toy.died(worker).ending)
    """)
    assert ending == "retired"


@pytest.mark.skipif(not LINUX, reason="only Linux tells what a dead process has not read")
def test_whether_it_had_read_its_task_is_known_when_it_is_dead() -> None:
    read, unread, newborn = _run("""
        def fate(message, *, idle, stopped):
            worker = toy.born("a")
            toy.ask(worker, "x")
            if idle:
                worker.release()
            if stopped:
                os.kill(worker.identity.pid, signal.SIGSTOP)
            worker.begin("task", message)
            if stopped:
                os.kill(worker.identity.pid, signal.SIGKILL)
            death = toy.died(worker)
            return [death.ending, death.exit_code, death.unread]
        tell(fate("die", idle=True, stopped=False), fate("x", idle=True, stopped=True),
             fate("x", idle=False, stopped=True))
    """)
    assert read == ["", -9, False]
    assert unread == ["", -9, True]
    assert newborn == ["", -9, False], "one that has never been idle may die of its birth"


def test_one_that_does_not_read_is_told_from_one_that_is_busy() -> None:
    frozen, busy = _run("""
        worker, other = toy.born("a"), toy.born("b")
        os.kill(worker.pid, signal.SIGSTOP)
        worker.begin("task", "one")
        toy.ask(other, "hang")
        counts = [[each.deaf(2) for _ in range(3)] for each in (worker, other)]
        os.kill(worker.pid, signal.SIGCONT)
        toy.until(lambda: len(toy.heard_of) == 2)
        tell([*counts[0], worker.deaf(1)], counts[1])
    """)
    assert (frozen, busy) == ([False, True, True, False], [False] * 3)


def test_one_that_has_hung_up_is_not_idle_though_its_death_is_not_known_yet() -> None:
    before, after, unread = _run("""
        worker = toy.born("a")
        toy.ask(worker, "x")
        worker.release()
        before = toy.counting.idle("a") is worker
        os.kill(worker.identity.pid, signal.SIGKILL)
        while worker.connected():
            time.sleep(0.01)
        after = toy.counting.idle("a")
        worker.begin("task", "x" * 100)
        tell(before, after, toy.died(worker).unread)
    """)
    assert (before, after, unread) == (True, None, True)


@pytest.mark.skipif(not LINUX, reason="workers die with it on Linux only")
def test_the_death_of_the_forkserver_is_told_apart_and_another_is_started() -> None:
    orphaned, number, other = _run("""
        worker = toy.born("a")
        os.kill(worker.forkserver.pid, signal.SIGKILL)
        death = toy.died(worker)
        second = toy.born("a")
        tell(death.orphaned, toy.ask(second, "x")["number"], second.forkserver.pid != worker.forkserver.pid)
    """)
    assert (orphaned, number, other) == (True, 1, True)


def test_a_process_whose_birth_was_never_told_does_not_share_its_successors_connection() -> None:
    """Its forkserver was killed after it had forked it, and before it had said so; it would take the task, unknown."""
    tries, number, ended = _run("""
        from multiprocessing import forkserver
        read, pids = forkserver.read_signed, []
        def read_but_the_first(descriptor):
            pids.append(read(descriptor))
            if len(pids) == 1:
                raise EOFError
            return pids[-1]
        forkserver.read_signed = read_but_the_first
        worker = toy.born("a")
        toy.until(lambda: not os.path.exists(f"/proc/{pids[0]}"))
        forkserver.read_signed = read
        tell(len(pids), toy.ask(worker, "x")["number"], worker.pid == pids[1])
    """)
    assert (tries, number, ended) == (2, 1, True)


def test_only_the_event_loop_reads_how_a_worker_has_ended() -> None:
    """Two threads that do would each have the other find nothing, which reads as exit code 255."""
    code, others = _run("""
        import multiprocessing
        worker = toy.born("a")
        worker.begin("task", "die")
        toy.born("b")
        others = len(multiprocessing.active_children())  # collects what it knows of
        tell(toy.died(worker).exit_code, others)
    """)
    assert (code, others) == (-9, 0)
