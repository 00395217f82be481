"""The loader and its decoders in this process: what it is told comes through a socket, and what it tells goes back."""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.datasets import loader
from dragoman.datasets.loader_messages import (
    REPORTS,
    Advance,
    Again,
    Began,
    Careful,
    Close,
    Failed,
    Open,
    Opened,
    Ready,
    Refused,
)
from dragoman.datasets.open_session import open_session
from dragoman.datasets.record_filler import RecordFiller
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loaderkit import Running
    from numpy.typing import NDArray

    from dragoman.datasets.manifest import Record
    from dragoman.datasets.order import Place

HANG = 60.0


def refuse_record(
    monkeypatch: pytest.MonkeyPatch, bad: set[int], gate: threading.Event | None = None
) -> None:
    """Records that cannot be loaded; the first one of the second batch waits for the gate."""
    whole = RecordFiller.fill

    def fill(filler: RecordFiller, place: Place, record: Record, rows: Sequence[NDArray[Any]]) -> None:
        if place.record in bad:
            raise DatasetError(f"record {place.record} is bad")
        if gate is not None and place.record == 4:
            assert gate.wait(HANG)
        whole(filler, place, record, rows)

    monkeypatch.setattr(RecordFiller, "fill", fill)


def test_a_session_is_opened_and_its_batches_are_made_ahead(running: Running) -> None:
    running.open()
    opened = running.hear(Opened)
    assert opened.description["batch_count"] == 10
    ready = [running.hear(Ready) for _ in range(10)]
    assert {each.number: running.numbers(each) for each in ready} == {
        number: list(range(4 * number, 4 * number + 4)) for number in range(10)
    }


def test_memory_is_counted_until_a_batch_is_handed_out_or_dropped(running: Running) -> None:
    running.open()
    size = running.hear(Opened).description["body_size"]
    for _ in range(10):
        running.hear(Ready)
    assert running.loader.held == 10 * size
    running.tell(Advance(session="1", generation=0, position=3))
    running.until(lambda: running.loader.held == 7 * size)
    running.tell(Close(session="1"))
    running.until(lambda: running.loader.held == 0)
    assert len(list(running.batches.iterdir())) == 3  # of those that were handed out


@pytest.mark.parametrize("running", [(500, 2)], indirect=True)
def test_no_more_than_the_memory_is_used(running: Running) -> None:
    running.open(iteration_mode="INFINITE")
    size = running.hear(Opened).description["body_size"]
    most = 500 // size
    for _ in range(most):
        running.hear(Ready)
    for position in range(1, 20):
        running.tell(Advance(session="1", generation=0, position=position))
        running.hear(Ready)
        assert running.loader.held <= 500


@pytest.mark.parametrize("running", [(100, 2)], indirect=True)
def test_a_session_without_a_batch_gets_one_though_there_is_no_room(running: Running) -> None:
    for session in ("1", "2", "3"):
        running.open(session)
    assert {running.hear(Ready).session for _ in range(3)} == {"1", "2", "3"}


@pytest.mark.parametrize("running", [(300, 2)], indirect=True)  # two batches
def test_a_failure_spoils_no_other_batch(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next batch is being made while this one fails: it is whole, or it is not there."""
    gate = threading.Event()
    refuse_record(monkeypatch, {0}, gate)
    running.open()
    assert running.hear(Failed).detail == "record 0 is bad"
    gate.set()
    ready = running.hear(Ready)
    assert running.numbers(ready) == list(range(4 * ready.number, 4 * ready.number + 4))


def test_what_failed_is_tried_when_it_is_asked_for_and_nothing_is_made_twice(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {8}
    refuse_record(monkeypatch, bad)
    running.open()
    size = running.hear(Opened).description["body_size"]
    assert running.hear(Failed).number == 2
    running.until(lambda: not running.loader._sessions["1"].making)
    bad.clear()
    running.tell(Again(session="1", generation=0, number=2))
    running.until(lambda: len(running.loader._sessions["1"].ready) == 10)
    assert running.loader.held == 10 * size
    assert len(list(running.batches.iterdir())) == 10


def test_batches_that_another_loader_left_are_not_made_again(running: Running) -> None:
    left = running.batches / "left"
    left.write_bytes(b"")
    running.open(position=2, ready={"3": str(left)}, barrier=6)
    size = running.hear(Opened).description["body_size"]
    assert sorted(running.hear(Ready).number for _ in range(3)) == [2, 4, 5]
    running.until(lambda: not running.loader._sessions["1"].making)
    assert running.loader.held == 4 * size
    running.tell(Again(session="1", generation=0, number=6))
    assert sorted(running.hear(Ready).number for _ in range(4)) == [6, 7, 8, 9]


def test_what_is_ordered_while_a_session_is_opened_is_done_then(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def slow(*arguments: Any) -> Any:
        assert gate.wait(HANG)
        return open_session(*arguments)

    monkeypatch.setattr(loader, "open_session", slow)
    running.open("1", position=1, barrier=5)
    running.open("2")
    running.until(lambda: set(running.loader._opening) == {"1", "2"})
    running.tell(Advance(session="1", generation=0, position=5))
    running.tell(Again(session="1", generation=0, number=5))
    running.tell(Close(session="2"))
    running.until(lambda: "2" not in running.loader._opening)
    gate.set()
    assert running.hear(Opened).session == "1"
    assert sorted(running.hear(Ready).number for _ in range(5)) == [5, 6, 7, 8, 9]
    assert set(running.loader._sessions) == {"1"}


def test_a_careful_loader_makes_one_batch_at_a_time(running: Running) -> None:
    running.tell(Careful(on=True))
    running.open()
    running.hear(Opened)
    for number in range(10):
        reports = [running.hear(Began), running.hear(Ready)]
        assert [report.number for report in reports] == [number, number]


def test_a_manifest_that_has_changed_is_refused(running: Running) -> None:
    order = running.open()
    running.hear(Opened)
    other = Open(session="2", generation=0, configuration=order.configuration, size=1, modified=1)
    running.tell(other)
    assert "has changed since the session began" in running.hear(Refused).detail


@pytest.mark.parametrize("module", ["cv2", "simplejpeg"])
def test_without_the_extra_a_session_that_needs_it_names_it(
    running: Running, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    for name in ("dragoman.datasets.pictures", "dragoman.datasets.etl.image"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    images = Path(__file__).parent / "recorded" / "imgs"
    shutil.copytree(images, running.root / "imgs")
    picture = running.root / "pictures.tsv"
    picture.write_text(f"@FILE\n{running.root}/imgs/img_01.jpg\n")
    running.open(manifest_filename=str(picture), etl=[{"type": "image", "width": 8, "height": 8}])
    report = REPORTS.load(running.channel.receive())
    while not isinstance(report, Refused | Failed):
        report = REPORTS.load(running.channel.receive())
    assert f"needs {module}" in report.detail
    assert "dragoman[aeon]" in report.detail
    running.open("2")  # labels need nothing
    assert running.hear(Ready).session == "2"
