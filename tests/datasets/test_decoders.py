"""Decoders: what goes to them, what they make of it, and what they let go of."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rasterio.env import get_gdal_config

from dragoman.datasets import decoder
from dragoman.datasets.dataset import make_batch
from dragoman.datasets.decoder_messages import TASKS, Fill, Learn
from dragoman.datasets.etl.entry import import_libraries
from dragoman.datasets.loader_messages import Close, Failed, Opened, Ready
from dragoman.datasets.manifest import Record
from dragoman.datasets.order import Place
from dragoman.rasters import opening

if TYPE_CHECKING:
    from loaderkit import Running
    from tests.datasets.conftest import OpenDataset

    from dragoman.datasets.decoder_messages import Filled

LABELS = [{"type": "label"}]


@pytest.mark.parametrize("batch_major", [True, False])
def test_what_decoders_make_together_is_what_one_process_makes(
    running: Running, open_dataset: OpenDataset, data: Path, *, batch_major: bool
) -> None:
    shutil.copytree(data / "imgs", running.root / "imgs")
    shutil.copy(data / "manifest.tsv", running.root)
    body: dict[str, Any] = {
        "batch_size": 5,
        "batch_major": batch_major,
        "shuffle_enable": True,
        "iteration_mode": "COUNT",
        "iteration_mode_count": 7,
        "random_seed": 7,
        "augmentation": [{"type": "image", "angle": [-20, 20], "flip_enable": True}],
    }
    dataset = open_dataset(**body)
    own = {
        "manifest_filename": str(running.root / "manifest.tsv"),
        "manifest_root": str(running.root / "imgs"),
    }
    running.open(**body, **own, etl=list(dataset.configuration.etl))
    for _ in range(7):
        ready = running.hear(Ready)
        assert Path(ready.path).read_bytes() == make_batch(dataset, ready.number)


def test_bytes_of_all_kinds_reach_a_decoder_as_they_are() -> None:
    record = Record(line=3, elements=(bytes(range(256)), "ü€".encode(), b""))
    learn = Learn(key="1-0", configuration={"a": 1}, columns=("STRING", "BINARY", "STRING"), first=record)
    fill = Fill(key="1-0", path="x", size=9, row=2, places=[Place(record=5, epoch=1)], records=[record])
    assert TASKS.load(TASKS.dump(learn)) == learn
    assert TASKS.load(TASKS.dump(fill)) == fill


def test_a_batch_that_is_waited_for_is_shared_out_and_those_ahead_are_not(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: dict[str, list[int]] = {}
    whole = decoder.Decoder._fill

    def fill(self: decoder.Decoder, task: Fill) -> Filled:
        pieces.setdefault(Path(task.path).name.rpartition("-")[0], []).append(len(task.places))
        return whole(self, task)

    monkeypatch.setattr(decoder.Decoder, "_fill", fill)
    running.open()
    for _ in range(10):
        running.hear(Ready)
    assert pieces.pop("1-0-0") == [2, 2]
    assert pieces["1-0-1"] == pieces["1-0-2"] == [4]  # begun with the first one


def test_a_failure_in_a_decoder_names_the_first_record_that_is_wrong(running: Running) -> None:
    manifest = running.root / "wrong.tsv"
    manifest.write_text("@ASCII_INT\n1\n2\nx\ny\n")
    running.open(manifest_filename=str(manifest))
    assert running.hear(Failed).detail == "'x' is not a number (line 4, column 1)"


def test_decoders_forget_what_is_closed_and_hold_no_memory_of_it(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "LOOK", 0.05)
    running.open()
    running.hear(Opened)
    for _ in range(10):
        running.hear(Ready)
    assert sum(len(each._files._maps) for each in running.decoders) >= 10
    running.tell(Close(session="1"))
    running.until(lambda: not any(each._learnt or each._fillers for each in running.decoders))
    running.until(lambda: not any(each._files._maps for each in running.decoders))


def test_a_session_that_is_closed_while_a_decoder_is_busy_is_forgotten_then(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    gate, begun = threading.Event(), threading.Event()
    whole = decoder.Decoder._fill

    def fill(self: decoder.Decoder, task: Fill) -> Filled:
        begun.set()
        assert gate.wait(60)
        return whole(self, task)

    monkeypatch.setattr(decoder.Decoder, "_fill", fill)
    running.open()
    assert begun.wait(60)
    running.tell(Close(session="1"))
    running.until(lambda: not running.loader._sessions)
    gate.set()
    running.until(lambda: running.loader.held == 0)
    running.until(lambda: not any(each._learnt or each._fillers for each in running.decoders))
    assert not list(running.batches.iterdir())


@pytest.mark.parametrize(
    ("etl", "module"),
    [
        ([{"type": "image"}, {"type": "label"}], "dragoman.datasets.pictures"),
        ([{"type": "audio"}, {"type": "nothing"}, 3, {}, {"type": []}], "dragoman.datasets.sound"),
        ([{"type": "geoimage"}], "dragoman.rasters.opening"),
    ],
)
def test_libraries_are_imported_before_there_are_decoders(
    monkeypatch: pytest.MonkeyPatch, etl: list[Any], module: str
) -> None:
    monkeypatch.delitem(sys.modules, module, raising=False)
    import_libraries({"etl": etl})
    assert module in sys.modules


@pytest.mark.parametrize("configuration", [{}, {"etl": None}, {"etl": [{"type": "image"}]}])
def test_what_cannot_be_imported_is_nobodys_trouble_yet(
    monkeypatch: pytest.MonkeyPatch, configuration: dict[str, Any]
) -> None:
    monkeypatch.delitem(sys.modules, "dragoman.datasets.pictures", raising=False)
    monkeypatch.setitem(sys.modules, "cv2", None)
    import_libraries(configuration)
    assert "dragoman.datasets.pictures" not in sys.modules


def test_decoders_share_the_memory_for_blocks_of_rasters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "GDAL_OPTIONS", dict(opening.GDAL_OPTIONS))
    opening.share_block_cache(4)
    assert opening.GDAL_OPTIONS["GDAL_CACHEMAX"] == opening.BLOCK_CACHE // 4
    with opening.gdal_env():
        assert get_gdal_config("GDAL_CACHEMAX") == opening.BLOCK_CACHE // 4
