"""A file that hangs whoever opens it costs its own job some seconds, and nobody else anything."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from enginekit import EngineKit, engine
from hostilefiles import hanging_jpeg2000, sound_jpeg2000
from jobmaking import make_job
from packagekit import load_folder
from pestokit import write_project

from dragoman.model.job import InputValue, Job, JobRequest
from dragoman.model.roi import Band, Roi
from dragoman.model.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

YML = "id: {name}\nversion: '1'\ninputs: {{scene: {{schema: raster}}}}\noutputs: {{size: {{schema: {{}}}}}}\n"
CODE = """
import pathlib
import rasterio

def run(scene: {form}):
    if isinstance(scene, pathlib.Path):
        with rasterio.open(scene) as dataset:
            return {{"size": list(dataset.shape)}}
    return {{"size": list(scene.shape)}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("opening")


@pytest.fixture(scope="module")
def kit(folder: Path) -> Iterator[EngineKit]:
    with engine(folder / "home", slots=1, opening_timeout=2.0) as started:
        yield started


def package(folder: Path, form: str) -> Path:
    """A package that takes the scene in that form."""
    name = form.rpartition(".")[2].lower()
    package = folder / name
    package.mkdir(exist_ok=True)
    (package / "process.yml").write_text(YML.format(name=name))
    (package / "algorithm.py").write_text(CODE.format(form=form))
    return package


def submitted(kit: EngineKit, package: Path, scene: Path, roi: Roi | None = None) -> Job:
    """The job of a package, when it has ended."""
    process = load_folder(package)
    value = InputValue(value=base64.b64encode(scene.read_bytes()).decode(), encoding="base64")
    request = JobRequest(inputs={"scene": (value,)}, roi=roi)
    job = make_job(process_id=process.id, runtime=process.runtime, request=request)
    return kit.finished(kit.executor.submit(job))


def assert_blamed(job: Job, input_id: str) -> None:
    assert job.status is JobStatus.FAILED
    assert job.attempts == 1
    assert job.failure is not None
    assert job.failure.callers_fault
    problem = "could not be opened within 2 s, which is the limit; the file may be damaged"
    assert job.failure.problems == ((input_id, problem),)


@pytest.mark.parametrize("form", ["rasterio.DatasetReader", "pathlib.Path"])
def test_it_is_the_inputs_fault_and_the_next_job_finds_a_worker(
    kit: EngineKit, folder: Path, form: str
) -> None:
    code = package(folder, form)
    assert_blamed(submitted(kit, code, hanging_jpeg2000(folder / "a.jp2")), "scene")
    sound = submitted(kit, code, sound_jpeg2000(folder / "b.jp2"))
    assert sound.outputs["size"].value == [64, 64]


def test_in_a_pesto_project_too_and_where_a_region_is_cropped(kit: EngineKit, folder: Path) -> None:
    project = write_project(folder / "brighten")
    scene = hanging_jpeg2000(folder / "a.jp2")
    assert_blamed(submitted(kit, project, scene), "scene")
    roi = Roi(targets_in=("scene",), lines=Band(first=1, number=2))
    assert_blamed(submitted(kit, project, scene, roi), "scene")


def test_an_algorithm_that_opens_a_file_itself_is_given_no_vrt(kit: EngineKit, folder: Path) -> None:
    scene = folder / "innocent.tif"
    scene.write_text('<VRTDataset rasterXSize="4" rasterYSize="4"></VRTDataset>')
    job = submitted(kit, package(folder, "pathlib.Path"), scene)
    assert job.failure is not None
    assert job.failure.problems == (
        ("scene", "the file is a VRT, which names other files; allowed: the raster itself"),
    )
