"""When render processes are in the idle class, and when they have to leave it."""

from __future__ import annotations

import dataclasses
import os
import socket
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from dragoman.jobs.engine.render_priority import (
    CROWDED,
    LATE,
    LONGEST,
    RenderPriority,
    enter_idle_class,
    usage_of,
)
from dragoman.workers.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclasses.dataclass(eq=False, kw_only=True)
class Process(Worker[str, Any]):
    """A render process that is none."""

    number: int = 0

    @property
    def pid(self) -> int:
        return self.number


@dataclasses.dataclass(slots=True)
class Machine:
    """What the processes of a test get of the processor."""

    now: float = 1000.0
    wants: bool = True
    seconds: float = 5.0
    idle_class: set[int] = dataclasses.field(default_factory=set)
    has_idle_class: bool = True

    def lower(self, pid: int) -> bool:
        if self.has_idle_class:
            self.idle_class.add(pid)
        return self.has_idle_class

    def pass_by(self, seconds: float, got: float) -> None:
        self.now += seconds
        self.seconds += got


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def priority(machine: Machine) -> RenderPriority:
    return RenderPriority(
        usage=lambda _: (machine.wants, machine.seconds), lower=machine.lower, clock=lambda: machine.now
    )


@pytest.fixture
def processes() -> Iterator[tuple[Process, Process]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Process(key="maps", socket=ours, number=1), Process(key="maps", socket=theirs, number=2)


def test_a_process_enters_the_idle_class_when_it_has_drawn(
    machine: Machine, priority: RenderPriority, processes: tuple[Process, Process]
) -> None:
    assert not machine.idle_class
    priority.heard(processes[0])
    assert machine.idle_class == {1}


def test_all_are_replaced_when_one_gets_no_time_and_then_none_is_lowered_for_a_while(
    machine: Machine, priority: RenderPriority, processes: tuple[Process, Process]
) -> None:
    one, other = processes
    for each in processes:
        priority.heard(each)
    one.task = object()
    assert not priority.starved()
    machine.pass_by(0.6 * LATE, 0)
    assert not priority.starved()
    machine.pass_by(0.6 * LATE, LATE / 100)
    assert set(priority.starved()) == {one, other}
    assert not priority.starved()
    third = Process(key="maps", socket=one.socket, number=3)
    priority.heard(third)
    assert 3 not in machine.idle_class
    machine.pass_by(CROWDED, 0)
    priority.heard(third)
    assert 3 in machine.idle_class


def _starve(machine: Machine, priority: RenderPriority, process: Process) -> int:
    """Let it enter the class and get nothing there; the seconds for which it is kept out of it then."""
    priority.heard(process)
    assert process.number in machine.idle_class
    process.task = object()
    assert not priority.starved()
    machine.pass_by(2 * LATE, 0)
    assert priority.starved() == [process]
    machine.idle_class.clear()
    process.task, begun = None, machine.now
    while process.number not in machine.idle_class:
        machine.pass_by(10, 0)
        priority.heard(process)
    return round(machine.now - begun)


def test_under_lasting_load_they_are_kept_out_for_twice_as_long_each_time_up_to_an_hour(
    machine: Machine, priority: RenderPriority, processes: tuple[Process, Process]
) -> None:
    pauses = [_starve(machine, priority, processes[0]) for _ in range(8)]
    assert pauses == [CROWDED, 2 * CROWDED, 4 * CROWDED, 8 * CROWDED, 16 * CROWDED, LONGEST, LONGEST, LONGEST]


def test_where_it_has_gone_well_for_as_long_as_that_the_next_time_counts_as_the_first(
    machine: Machine, priority: RenderPriority, processes: tuple[Process, Process]
) -> None:
    assert [_starve(machine, priority, processes[0]) for _ in range(2)] == [CROWDED, 2 * CROWDED]
    machine.pass_by(2 * CROWDED, 0)
    assert _starve(machine, priority, processes[0]) == CROWDED


def test_one_that_computes_or_waits_for_a_disk_is_left_alone(
    machine: Machine, priority: RenderPriority, processes: tuple[Process, Process]
) -> None:
    one = processes[0]
    priority.heard(one)
    one.task = object()
    for _ in range(10):
        assert not priority.starved()
        machine.pass_by(LATE, LATE / 2)
    machine.wants = False
    for _ in range(10):
        machine.pass_by(LATE, 0)
        assert not priority.starved()


def test_each_picture_counts_by_itself(
    machine: Machine, priority: RenderPriority, processes: tuple[Process, Process]
) -> None:
    one = processes[0]
    priority.heard(one)
    for _ in range(10):
        one.task = object()
        assert not priority.starved()
        machine.pass_by(LATE * 0.9, 0)
        assert not priority.starved()


def test_where_there_is_no_idle_class_nobody_is_replaced(
    machine: Machine, priority: RenderPriority, processes: tuple[Process, Process]
) -> None:
    machine.has_idle_class = False
    one = processes[0]
    priority.heard(one)
    one.task = object()
    for _ in range(3):
        assert not priority.starved()
        machine.pass_by(LATE, 0)


def test_what_the_system_says() -> None:
    usage = usage_of(os.getpid())
    assert usage is not None
    assert usage[1] > 0
    with pytest.raises(psutil.NoSuchProcess):
        psutil.Process(2**22 + 1)
    assert usage_of(2**22 + 1) is None
    assert not enter_idle_class(2**22 + 1)
