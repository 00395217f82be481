"""What becomes of pictures whose render processes get no time of the processor; there are no processes here."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest

from dragoman.jobs.drawing_settings import DrawingSettings
from dragoman.jobs.engine.guests import House
from dragoman.jobs.engine.map_pictures import BIRTH, MapPictures
from dragoman.jobs.engine.render_priority import RenderPriority
from dragoman.maps.drawing.orders import Done, Draw, dump
from dragoman.workers.framing import Channel

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from dragoman.jobs.engine.map_pictures import RenderProcess
    from dragoman.model.process import JSON
    from dragoman.workers.forkserver import Forkserver
    from dragoman.workers.watch import WorkerWatch


@dataclass
class Nursery:
    """In the place of forkserver and watch: nobody is born but by ``bear``."""

    ends: list[socket.socket] = field(default_factory=list)
    pool: Any = None

    def fork(self, _main: Any, theirs: socket.socket, *_rest: Any) -> None:
        self.ends.append(theirs)

    def tell(self, _owner: Any, pool: Any) -> None:
        self.pool = pool

    def announce(self, _pool: Any, _worker: Any) -> None:
        """Of no use here."""

    def bear(self, pictures: MapPictures) -> tuple[RenderProcess, Channel]:
        """The one process that was ordered last, and what it hears."""
        (worker,) = [each for each in self.pool.workers if not each.ready]
        worker.ready = True
        pictures.born(worker)
        end = self.ends[-1]
        end.settimeout(10)
        return worker, Channel(end)


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    for worker in nursery.pool.workers:
        worker.socket.close()
    for end in nursery.ends:
        end.close()


@pytest.fixture
def pictures(tmp_path: Path, nursery: Nursery) -> MapPictures:
    house = House(
        home=tmp_path,
        database_url="",
        forkserver=cast("Forkserver", nursery),
        watch=cast("WorkerWatch", nursery),
        mark="",
    )
    return MapPictures(house, DrawingSettings(processes=1))


def order(key: str) -> JSON:
    return dump(
        Draw(
            key=key, layers=(), bbox=(0.0, 0.0, 1.0, 1.0), crs="EPSG:4326", width=1, height=1, encoding="png"
        )
    )


def test_what_starved_ones_draw_is_begun_anew_without_waiting_for_their_deaths(
    pictures: MapPictures, nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: dict[str, Any] = {}
    for key in ("first", "second"):
        pictures.ask(order(key), partial(answers.__setitem__, key), lambda: False)
    starved, orders = nursery.bear(pictures)
    assert orders.receive()["key"] == "first"

    monkeypatch.setattr(RenderPriority, "starved", lambda _: [starved])
    pictures.tick()
    monkeypatch.setattr(RenderPriority, "starved", lambda _: [])
    assert starved.ending == "retired"
    assert starved in nursery.pool.workers, "it lives yet"
    assert len(nursery.ends) == 2, "the next one is ordered"

    following, orders = nursery.bear(pictures)
    assert orders.receive()["key"] == "first"
    pictures.heard(following, dump(Done(answer=1)))
    assert answers == {"first": {"answer": 1}}
    assert orders.receive()["key"] == "second"

    pictures.heard(starved, dump(Done(answer=2)))  # it was done in spite of all
    pictures.died(starved)
    pictures.heard(following, dump(Done(answer=3)))
    assert answers == {"first": {"answer": 1}, "second": {"answer": 3}}


def test_whoever_waits_while_all_are_replaced_waits_for_their_births(
    pictures: MapPictures, nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Any] = []
    pictures.ask(order("first"), answers.append, lambda: False)
    starved, _ = nursery.bear(pictures)
    pictures.ask(order("second"), answers.append, lambda: False)

    now = 0.0

    def later() -> float:
        return now

    monkeypatch.setattr(RenderPriority, "starved", lambda _: [starved])
    pictures.tick()
    monkeypatch.setattr(RenderPriority, "starved", lambda _: [])
    now = time.monotonic() + BIRTH / 2
    monkeypatch.setattr(time, "monotonic", later)
    pictures.tick()
    assert not answers
    now += BIRTH
    pictures.tick()
    assert len(answers) == 2, "both are refused"
