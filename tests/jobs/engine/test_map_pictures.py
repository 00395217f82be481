"""Render processes below a real supervisor: born when needed, replaced when they hang or die, never in a job's way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from harness import HANG, gone, wait_for
from mapkit import BOUNDS, ZONES, drawing_engine, drawn, write_tif, zones

from dragoman.errors import InvalidRequest, MapUnreadable, Unavailable
from dragoman.maps.picture_cache import FOLDER
from dragoman.maps.renderers import parse_renderer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from enginekit import EngineKit

    from dragoman.jobs.drawing_service import DrawingService
    from dragoman.maps.drawing.orders import Draw

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tif(tmp_path_factory.mktemp("maps") / "zones.tif", zones())


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EngineKit, DrawingService]]:
    home = tmp_path_factory.mktemp("home")
    with drawing_engine(home, time_limit=8.0, patience=HANG, cache=200_000) as running:
        yield running


def order(service: DrawingService, path: Path, side: int = 40, **changes: Any) -> Draw:
    """An order for a picture; each side is another picture."""
    return service.order(
        [drawn(path, ZONES)], changes.get("bbox", BOUNDS), changes.get("crs", "EPSG:4326"), (side, side), "png",
        transparent=True,
    )  # fmt: skip


def picture(service: DrawingService, path: Path, side: int = 40, **changes: Any) -> bytes:
    with service.picture(order(service, path, side, **changes)) as file:
        return file.read()


def first_picture(service: DrawingService, path: Path) -> bytes:
    """The one that a process is born for, however long that takes."""

    def drawn_now() -> bytes:
        with suppress(Unavailable):
            return picture(service, path)
        return b""

    return wait_for(drawn_now, "the first picture")


def render_processes(kit: EngineKit, beside: set[int]) -> list[int]:
    """What is below the supervisor now and was not before."""
    return [pid for pid in kit.family() if pid not in beside and not gone(pid)]


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@pytest.fixture
def processes(drawing: tuple[EngineKit, DrawingService], path: Path) -> list[int]:
    """The render processes, both of them, idle."""
    kit, service = drawing
    before = {pid for pid in kit.family() if _nice(pid) == _nice(kit.supervisor)}

    def both() -> list[int]:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda side: picture(service, path, side), range(60, 68)))
        for file in (kit.home / FOLDER).rglob("*"):
            if file.is_file():
                file.unlink(missing_ok=True)
        born = render_processes(kit, before)
        return born if len(born) == 2 and all(_has_open(pid, path) for pid in born) else []

    return wait_for(both, "two render processes")


def _has_open(pid: int, path: Path) -> bool:
    """Whether a process has drawn of a file."""
    try:
        return any(file.path == str(path) for file in psutil.Process(pid).open_files())
    except psutil.Error:
        return False


def _nice(pid: int) -> int:
    try:
        return int(psutil.Process(pid).nice())
    except psutil.NoSuchProcess:
        return -100


def test_no_process_is_there_before_the_first_map_and_they_stand_behind_jobs(
    tmp_path: Path, path: Path
) -> None:
    with drawing_engine(tmp_path / "home", processes=1, patience=HANG) as (kit, service):
        before = set(kit.family())
        assert first_picture(service, path).startswith(b"\x89PNG")
        (born,) = render_processes(kit, before)
        assert _nice(born) == min(19, _nice(kit.supervisor) + 10)
        kept = service.cached(order(service, path))
        assert kept is not None
        kept.close()
        for _ in range(3):
            picture(service, path, 41)
        assert render_processes(kit, before) == [born]


@contextmanager
def busy(processor: int) -> Iterator[None]:
    """Somebody uses all of a processor."""
    loop = f"import os; os.sched_setaffinity(0, {{{processor}}}); print(1, flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", loop], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="Linux alone has an idle class")
def test_a_process_of_the_idle_class_that_gets_no_time_is_replaced_by_a_nice_one(
    tmp_path: Path, path: Path
) -> None:
    with (
        drawing_engine(tmp_path / "home", processes=1, patience=HANG, time_limit=HANG) as (kit, service),
        ThreadPoolExecutor(1) as pool,
    ):
        before = set(kit.family())
        assert first_picture(service, path)
        (first,) = render_processes(kit, before)
        wait_for(lambda: os.sched_getscheduler(first) == os.SCHED_IDLE, "it is in the idle class")
        processor = min(os.sched_getaffinity(first))
        os.sched_setaffinity(first, {processor})
        with busy(processor):
            drawn_at_last = pool.submit(picture, service, path, 4000)
            wait_for(lambda: gone(first), "it is replaced")
            assert drawn_at_last.result().startswith(b"\x89PNG")
            (second,) = render_processes(kit, before)
            assert picture(service, path, 43)
            assert os.sched_getscheduler(second) == os.SCHED_OTHER
            assert _nice(second) == min(19, _nice(kit.supervisor) + 10)


def test_values_legends_and_refusals(
    drawing: tuple[EngineKit, DrawingService], path: Path, tmp_path: Path
) -> None:
    _, service = drawing
    layer = drawn(path, ZONES)
    assert service.point_values([layer.band], -115.1, 35.1, "EPSG:4326") == [1.0]
    assert service.unique_values([layer.band], 3) == {"num_values": 4, "values": [0, 1, 2]}
    assert service.classes([layer.band], "equal", 3) == {"breaks": [1, 2, 3], "min": 0}
    (legend,) = service.legends([parse_renderer(ZONES, words=False)])
    assert [entry["label"] for entry in legend] == ["a", "b", "c", "d"]
    with pytest.raises(InvalidRequest):
        picture(service, path, crs="EPSG:1")
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"II*\0" + bytes(1000))
    with pytest.raises(MapUnreadable):
        picture(service, broken)
    assert picture(service, path, 42)


def test_a_process_that_hangs_is_replaced_and_costs_one_picture(
    drawing: tuple[EngineKit, DrawingService], path: Path, tmp_path: Path
) -> None:
    kit, service = drawing
    endless = tmp_path / "endless.tif"
    os.mkfifo(endless)  # whoever opens it waits for ever
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(picture, service, endless)
        assert kit.run("number", number=4).status == "successful"
        assert picture(service, path, 50)
        with pytest.raises(Unavailable, match="longer than 8 s"):
            hanging.result()
    assert picture(service, path, 51)


def test_processes_that_were_stopped_are_replaced(
    drawing: tuple[EngineKit, DrawingService], path: Path, processes: list[int]
) -> None:
    """An order that they have not read costs nothing but time."""
    kit, service = drawing
    with stopped(*processes), ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(picture, service, path, side) for side in (52, 59)]
        assert kit.run("number", number=4).status == "successful"
        assert all(each.result() for each in waiting)
        assert any(map(gone, processes))


def test_where_none_is_free_it_is_said_so_soon(tmp_path: Path, path: Path) -> None:
    with drawing_engine(tmp_path / "home", processes=1, patience=0.5) as (kit, service):
        before = set(kit.family())
        assert first_picture(service, path)
        with stopped(*render_processes(kit, before)), ThreadPoolExecutor(2) as pool:
            busy = pool.submit(picture, service, path, 53)
            late = pool.submit(picture, service, path, 54)
            refused = [error for each in (busy, late) if (error := each.exception())]
        assert [str(error) for error in refused if "no process is free" in str(error)]
        assert all(isinstance(error, Unavailable) and error.retry_after for error in refused)


def test_a_process_that_is_killed_costs_one_picture(
    drawing: tuple[EngineKit, DrawingService], path: Path, processes: list[int]
) -> None:
    kit, service = drawing
    with stopped(*processes), ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(picture, service, path, side) for side in (56, 57)]
        job = kit.submit("number", number=5)
        for pid in processes:
            wait_for(lambda pid=pid: psutil.Process(pid).status() == psutil.STATUS_STOPPED, "it has stopped")  # type: ignore[misc]
            os.kill(pid, signal.SIGKILL)
        for each in waiting:
            with suppress(Unavailable):  # one that had not read its order costs nothing
                assert each.result()
        assert kit.finished(job).status == "successful"
    assert picture(service, path, 56)


def test_a_picture_that_many_ask_for_is_drawn_once(
    drawing: tuple[EngineKit, DrawingService], path: Path, processes: list[int]
) -> None:
    kit, service = drawing
    with ThreadPoolExecutor(8) as pool:
        drawn_alike = list(pool.map(lambda _: picture(service, path, 58), range(8)))
    assert len(set(drawn_alike)) == 1
    assert not list((kit.home / FOLDER).rglob(".draft-*"))


def test_the_cache_keeps_within_its_bound(
    drawing: tuple[EngineKit, DrawingService], path: Path, processes: list[int]
) -> None:
    kit, service = drawing

    def size() -> int:
        return sum(file.stat().st_size for file in (kit.home / FOLDER).rglob("*") if file.is_file())

    for side in range(400, 460):
        picture(service, path, side, bbox=(-120, 30, -110, 30 + side / 60))
    wait_for(lambda: size() <= 220_000, "the cache is small")
    assert processes
