"""The recorded manifest and its images, and datasets over them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from loaderkit import Running

from dragoman.config.settings import FetchSettings
from dragoman.datasets.configuration import read_configuration
from dragoman.datasets.dataset import Dataset
from dragoman.datasets.limits import DatasetLimits
from dragoman.sources.policy import SourcePolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED = Path(__file__).parent / "recorded"
IMAGE_AND_LABEL = (
    {"type": "image", "width": 28, "height": 28},
    {"type": "label", "binary": True},
)


class OpenDataset(Protocol):
    """Opens a dataset over the recorded manifest, or another text; members replace those of the configuration."""

    def __call__(self, manifest: str | None = None, **members: Any) -> Dataset: ...


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with the recorded manifest and images."""
    folder = tmp_path_factory.mktemp("aeon")
    shutil.copytree(RECORDED, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture
def open_dataset(data: Path, tmp_path: Path) -> Iterator[OpenDataset]:
    """Datasets that are closed at the end of the test."""
    opened: list[Dataset] = []

    def open_one(manifest: str | None = None, **members: Any) -> Dataset:
        file = data / "manifest.tsv"
        if manifest is not None:
            file = tmp_path / f"{len(opened)}.tsv"
            file.write_bytes(manifest.encode())
        body = {
            "manifest_filename": str(file),
            "manifest_root": str(data / "imgs"),
            "batch_size": 4,
            "etl": list(IMAGE_AND_LABEL),
            **members,
        }
        policy = SourcePolicy(fetch=FetchSettings(), data_roots=(data, tmp_path))
        limits = DatasetLimits(max_file_bytes=2**20, max_batch_bytes=2**24)
        dataset = Dataset(read_configuration(body, lambda: 7), policy, limits)
        opened.append(dataset)
        return dataset

    yield open_one
    for dataset in opened:
        dataset.close()


@pytest.fixture
def running(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    """A loader, with the memory and the number of decoders that the test is parametrized with."""
    memory, decoders = getattr(request, "param", (2**24, 2))
    started = Running(tmp_path, memory, decoders)
    yield started
    started.close()
