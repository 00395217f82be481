from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

from dragoman.errors import InputError, OutputError
from dragoman.model.job import InputValue, Output
from dragoman.model.resolved import ResolvedValue
from dragoman.model.roi import Band, Roi
from dragoman.packages.outputs.roi import Margins, check_roi, crop_inputs, strip_margins
from dragoman.rasters.crop import creating
from dragoman.rasters.images import read_image, write_image

if TYPE_CHECKING:
    from pathlib import Path

    from tests.packages.conftest import FakeContext

SCENE = np.arange(3 * 30 * 40, dtype="uint16").reshape(3, 30, 40)
ROI = Roi(
    targets_in=("red",),
    targets_out=("out",),
    lines=Band(first=0, number=10, margin=4),
    columns=Band(first=20, number=18, margin=5),
)


@pytest.fixture
def values(tmp_path: Path) -> dict[str, list[ResolvedValue]]:
    return {
        "red": [ResolvedValue(path=write_image(SCENE, tmp_path / "red"), media_type="image/png")],
        "nir": [ResolvedValue(path=write_image(SCENE[:1, :20], tmp_path / "nir"))],
        "gain": [ResolvedValue(value=2)],
    }


def test_every_image_is_cropped_to_the_window_with_its_margin_within_the_image(
    values: Any, tmp_path: Path, context: FakeContext
) -> None:
    cropped, margins = crop_inputs(ROI, values, tmp_path / "new", context)
    assert margins == Margins(top=0, bottom=4, left=5, right=2)
    found = cropped["red"][0]
    assert found.path is not None
    assert found.path.parent == tmp_path / "new"
    np.testing.assert_array_equal(read_image(found.path), SCENE[:, 0:14, 15:40])
    np.testing.assert_array_equal(read_image(cropped["nir"][0].path), SCENE[:1, 0:14, 15:40])  # type: ignore[arg-type]  # it is a file
    assert cropped["gain"] == values["gain"]
    assert context.opened == ["red", "red", "nir"], "what may hang is watched"
    assert read_image(values["red"][0].path).shape == SCENE.shape, "what was sent is not touched"


def test_without_targets_images_are_cropped_and_nothing_is_a_margin(
    values: Any, tmp_path: Path, context: FakeContext
) -> None:
    values["notes"] = [ResolvedValue(path=tmp_path / "notes.csv")]
    (tmp_path / "notes.csv").write_text("a,b")
    cropped, margins = crop_inputs(replace(ROI, targets_in=()), values, tmp_path, context)
    assert margins == Margins(top=0, bottom=0, left=0, right=0)
    assert read_image(cropped["red"][0].path).shape == (3, 14, 25)  # type: ignore[arg-type]  # it is a file
    assert cropped["notes"] == values["notes"], "what is no raster stays"


@pytest.mark.parametrize("stored", ["complex_int16", "complex64", "complex128"])
def test_a_complex_image_is_cropped_as_any_other(tmp_path: Path, stored: str, context: FakeContext) -> None:
    path, scene = tmp_path / "slc.tif", SCENE[:1] * (1 + 2j)
    shape = {"width": 40, "height": 30, "count": 1}
    with creating(), rasterio.open(path, "w", driver="GTiff", dtype=stored, nodata=0, **shape) as made:
        made.write(scene.astype("complex128" if stored == "complex128" else "complex64"))
    cropped, _ = crop_inputs(ROI, {"red": [ResolvedValue(path=path)]}, tmp_path, context)
    np.testing.assert_array_equal(read_image(cropped["red"][0].path), scene[:, 0:14, 15:40])  # type: ignore[arg-type]  # it is a file


def test_without_lines_or_columns_all_of_them_are_read(
    values: Any, tmp_path: Path, context: FakeContext
) -> None:
    cropped, margins = crop_inputs(replace(ROI, lines=None), values, tmp_path, context)
    assert (margins.top, margins.bottom) == (0, 0)
    assert read_image(cropped["red"][0].path).shape == (3, 30, 25)  # type: ignore[arg-type]  # it is a file


@pytest.mark.parametrize(
    ("roi", "message"),
    [
        (
            Roi(targets_in=("red",), lines=Band(first=25, number=6)),
            r"'pesto\.roi': lines: 25 to 31 .* has 30",
        ),
        (Roi(targets_in=("red",), columns=Band(first=40, number=1)), r"'pesto\.roi': columns: 40 to 41"),
        (
            Roi(targets_in=("red", "nir")),
            "'nir': has 20 lines x 40 columns, but red has 30 lines x 40 columns",
        ),
        (Roi(targets_in=("blue",)), r"'pesto\.roi': target_in 'blue' has no value"),
        (
            Roi(targets_in=("red",), lines=Band(first=22, number=2, margin=1)),
            r"'nir': has 20 lines x 40 columns, none of them within pesto\.roi",
        ),
        (Roi(targets_in=("gain",)), "'gain': is no image"),
    ],
)
def test_what_cannot_be_cropped_is_named(
    values: Any, tmp_path: Path, roi: Roi, message: str, context: FakeContext
) -> None:
    with pytest.raises(InputError, match=message):
        crop_inputs(roi, values, tmp_path, context)


def test_margins_are_cut_from_outputs_and_their_format_stays(tmp_path: Path) -> None:
    margins = Margins(top=1, bottom=2, left=3, right=4)
    (tmp_path / "list").mkdir()
    five = np.concatenate([SCENE, SCENE[:2]])
    write_image(SCENE, tmp_path / "out")
    write_image(five, tmp_path / "list/0")
    item = Output(id="list", media_type="image/tiff", file="list/0.tif")
    outputs = {
        "out": Output(id="out", media_type="image/png", file="out.png"),
        "list": Output(id="list", media_type="application/json", items=(item,)),
        "other": Output(id="other", media_type="text/plain", value="x"),
    }
    roi = Roi(targets_in=("red",), targets_out=("out", "list", "gone"))
    made = strip_margins(roi, outputs, margins, tmp_path)
    assert made["other"] is outputs["other"]
    np.testing.assert_array_equal(read_image(tmp_path / "out.png"), SCENE[:, 1:28, 3:36])
    np.testing.assert_array_equal(read_image(tmp_path / "list/0.tif"), five[:, 1:28, 3:36])
    assert made["out"].size == (tmp_path / "out.png").stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list", "out.png"]


def test_an_output_that_is_all_margin_is_the_algorithms_fault(tmp_path: Path) -> None:
    write_image(SCENE, tmp_path / "out")
    outputs = {"out": Output(id="out", media_type="image/png", file="out.png")}
    with pytest.raises(OutputError, match="'out': 30 lines x 40 columns are all margin"):
        strip_margins(ROI, outputs, Margins(top=20, bottom=20, left=0, right=0), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets_in": ("blue",)}, "target_in 'blue' is no image input; allowed: red, nir$"),
        ({"targets_in": ("gain",)}, "target_in 'gain' is no image input"),
        ({"targets_in": ("nir",)}, "target_in 'nir' has no value"),
        ({"targets_out": ("mean",)}, "target_out 'mean' is no image output; allowed: out$"),
        ({"lines": Band(first=-1, number=2)}, "lines: got first -1"),
        ({"columns": Band(first=0, number=0)}, "columns: got first 0, number 0"),
        ({"lines": Band(first=0, number=1, margin=-1)}, "margin -1"),
    ],
)
def test_a_region_that_no_image_could_meet_is_refused_at_once(
    make_process: Any, changes: dict[str, Any], message: str
) -> None:
    inputs = "{red: {schema: raster}, nir: {schema: raster, minOccurs: 0}, gain: {schema: {type: number}}}"
    process = make_process(inputs, "{out: {schema: raster}, mean: {schema: {type: number}}}")
    values = {"red": (InputValue(value=""),)}
    with pytest.raises(InputError, match=message) as caught:
        check_roi(process, replace(ROI, **changes), values)
    assert caught.value.problems[0].input_id == "pesto.roi"
    check_roi(process, ROI, values)
