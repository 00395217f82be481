from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from jobmaking import make_job
from packagekit import load_folder
from pestokit import write_project
from rasterio.transform import from_origin

from dragoman.config.settings import FetchSettings
from dragoman.errors import InputError
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.run_context import RunContext
from dragoman.jobs.runner import load_program, run_job
from dragoman.model.job import InputValue, Job, JobRequest, OutputRequest
from dragoman.model.roi import Band, Roi
from dragoman.packages.forms import BUILT_IN
from dragoman.packages.program import RunLimits
from dragoman.rasters.images import read_image
from dragoman.sources.policy import SourcePolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dragoman.model.job import Output
    from dragoman.packages.program import Program

SCENE = np.arange(30 * 40, dtype="uint16").reshape(1, 30, 40)
CODE = """
from dragoman import Raster


def run(scene: Raster, gain: float | None = None):
    array = scene.array if gain is None else scene.array * gain
    return {"out": Raster(array=array, transform=scene.transform, crs=scene.crs)}
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A package of ours that gives its raster back."""
    folder = tmp_path / "same"
    folder.mkdir()
    (folder / "process.yml").write_text(
        "version: '1'\ninputs: {scene: {schema: raster}, gain: {schema: {type: number}, minOccurs: 0}}\n"
        "outputs: {out: {schema: raster}}\n"
    )
    (folder / "algorithm.py").write_text(CODE)
    return loaded(folder, tmp_path)


def loaded(folder: Path, tmp_path: Path) -> Program:
    runtime = load_folder(folder).runtime
    return load_program("p", runtime, forms=BUILT_IN, limits=RunLimits(), scratch=tmp_path / "setup")


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[Mapping[str, Output], Path]]:
    """Run a request; the outputs and the folder of their files."""
    with rasterio.open(
        tmp_path / "scene.tif", "w", "GTiff", 40, 30, 1, "EPSG:32633", from_origin(0, 3000, 10, 10), "uint16"
    ) as made:
        made.write(SCENE)

    def call(program: Program, **request: Any) -> tuple[Mapping[str, Output], Path]:
        given = {name: (InputValue(value=value),) for name, value in request.pop("values", {}).items()}
        inputs = {"scene": (InputValue(href=(tmp_path / "scene.tif").as_uri()),), **given}
        job: Job = make_job(request=JobRequest(inputs=inputs, **request))
        results = FolderResults(tmp_path / "home")
        policy = SourcePolicy(fetch=FetchSettings(), extra_roots=(tmp_path,))
        folder = tmp_path / "run"
        outputs = run_job(
            job, program, folder=folder, results=results, policy=policy, report=lambda _p, _m: None
        )
        assert not folder.exists()
        return outputs, tmp_path / "home" / "jobs" / job.id[:2] / job.id / "outputs"

    return call


ROI = Roi(
    targets_in=("scene",),
    targets_out=("out",),
    lines=Band(first=10, number=5, margin=3),
    columns=Band(first=0, number=8, margin=3),
)


def test_a_region_crops_what_is_read_and_cuts_what_is_given_back(program: Program, run: Any) -> None:
    outputs, folder = run(program, roi=ROI)
    with rasterio.open(folder / outputs["out"].file) as found:
        np.testing.assert_array_equal(found.read(), SCENE[:, 10:15, 0:8])
        assert (found.transform.c, found.transform.f) == (0, 3000 - 10 * 10)


def test_a_region_of_what_is_not_there_is_refused(program: Program, run: Any) -> None:
    with pytest.raises(InputError, match=r"pesto\.roi.*'red' is no image input; allowed: scene"):
        run(program, roi=Roi(targets_in=("red",)))


@pytest.mark.parametrize(
    ("asked", "gain", "media_type", "file"),
    [
        ("image/png", None, "image/png", "out.png"),
        ("image/png", 0.5, "image/tiff; application=geotiff", "out.tif"),
        ("image/tiff", None, "image/tiff; application=geotiff", "out.tif"),
        (None, None, "image/tiff; application=geotiff", "out.tif"),
    ],
)
def test_png_is_given_where_it_is_asked_for_and_can_hold_it(
    program: Program, run: Any, asked: str | None, gain: float | None, media_type: str, file: str
) -> None:
    values = {} if gain is None else {"gain": gain}
    outputs, folder = run(program, outputs={"out": OutputRequest(media_type=asked)}, values=values)
    assert (outputs["out"].media_type, outputs["out"].file) == (media_type, file)
    found = read_image(folder / file)
    np.testing.assert_array_equal(found, SCENE * (gain or 1))
    assert outputs["out"].size == (folder / file).stat().st_size


def test_a_project_gives_geotiff_where_that_is_asked_for(run: Any, tmp_path: Path) -> None:
    wanted = {
        name: OutputRequest(media_type="image/tiff; application=geotiff") for name in ("bright", "tiles")
    }
    outputs, folder = run(loaded(write_project(tmp_path / "project"), tmp_path), outputs=wanted)
    assert outputs["bright"].file == "bright.tif"
    assert [item.file for item in outputs["tiles"].items][-1] == "tiles/11.tif"
    np.testing.assert_array_equal(read_image(folder / "bright.tif"), SCENE)


def test_a_region_of_a_project(run: Any, tmp_path: Path) -> None:
    roi = Roi(targets_in=("scene",), targets_out=("bright",), lines=ROI.lines, columns=ROI.columns)
    outputs, folder = run(loaded(write_project(tmp_path / "project"), tmp_path), roi=roi)
    assert outputs["seen"].value["shape"] == [1, 11, 11]
    assert outputs["bright"].file == "bright.png"
    np.testing.assert_array_equal(read_image(folder / "bright.png"), SCENE[:, 10:15, 0:8])


def test_the_algorithm_knows_which_outputs_are_wanted(tmp_path: Path, run: Any) -> None:
    folder = tmp_path / "asked"
    folder.mkdir()
    (folder / "process.yml").write_text(
        "version: '1'\ninputs: {scene: {schema: raster}}\n"
        "outputs: {a: {schema: {}}, b: {schema: {}}, c: {schema: {}}}\n"
    )
    (folder / "algorithm.py").write_text(
        "def run(scene, *, context): return dict.fromkeys(context.outputs, list(context.outputs))\n"
    )
    program = loaded(folder, tmp_path)
    outputs, _ = run(program)
    assert outputs["a"].value == ["a", "b", "c"]
    outputs, _ = run(program, outputs={"c": OutputRequest(), "a": OutputRequest()})
    assert {name: output.value for name, output in outputs.items()} == {"a": ["a", "c"], "c": ["a", "c"]}


def test_of_the_pages_of_a_tiff_the_first_is_used_and_that_stays_said(
    tmp_path: Path, program: Program
) -> None:
    for page in range(3):
        more = {"APPEND_SUBDATASET": "YES"} if page else {}
        place = from_origin(0, 3000, 10, 10)
        with rasterio.open(
            tmp_path / "pages.tif", "w", "GTiff", 4, 4, 1, "EPSG:32633", place, "uint8", **more
        ) as target:
            target.write(np.full((1, 4, 4), page, "uint8"))
    notices: list[str] = []
    run_job(
        make_job(request=JobRequest(inputs={"scene": (InputValue(href=(tmp_path / "pages.tif").as_uri()),)})),
        program,
        folder=tmp_path / "run",
        results=FolderResults(tmp_path / "home"),
        policy=SourcePolicy(fetch=FetchSettings(), extra_roots=(tmp_path,)),
        report=lambda _percent, _message: None,
        notice=notices.append,
    )
    assert notices == ["'scene' has 3 pages; the first is used"]


def test_what_is_reported_begins_with_the_notices(tmp_path: Path) -> None:
    reports: list[str] = []
    context = RunContext(
        job_id="", config={}, scratch=tmp_path, report=lambda _percent, message: reports.append(message)
    )
    context.notice("the first is used")
    context.progress(10, "row 1")
    context._sent = 0.0
    context.progress(20, "row 2")
    assert reports == ["the first is used; row 1", "the first is used; row 2"]


def test_progress_that_is_no_number_says_nothing(tmp_path: Path) -> None:
    reports: list[tuple[int, str]] = []
    context = RunContext(
        job_id="",
        config={},
        scratch=tmp_path,
        report=lambda percent, message: reports.append((percent, message)),
    )
    context.progress(float("nan"), "reading")
    assert reports == [(0, "reading")]
    context.progress(float("inf"))
    context._sent = 0.0
    context.progress(float("nan"), "writing")
    assert reports[-1] == (100, "writing")


def test_what_came_by_reference_is_hashed_and_the_hashes_are_kept(
    program: Program, run: Callable[..., tuple[Mapping[str, Output], Path]], tmp_path: Path
) -> None:
    _, folder = run(program, values={"gain": 2})
    kept = FolderResults(tmp_path / "home").load_hashes(folder.parent.name)
    expected = hashlib.sha256((tmp_path / "scene.tif").read_bytes()).hexdigest()
    assert kept is not None
    assert json.loads(kept) == {"scene": {"0": expected}}
