"""What each type of entry makes of a record, and what holds of every configuration."""

from __future__ import annotations

import io
import json
import wave
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
import pytest
import rasterio
from aeonbody import parse_body
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

from dragoman.datasets.dataset import make_batch
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.datasets.conftest import OpenDataset

DOG = json.dumps(
    {
        "size": {"width": 40, "height": 32, "depth": 3},
        "object": [
            {"name": "dog", "bndbox": {"xmin": 2, "ymin": 3, "xmax": 12, "ymax": 14}, "difficult": True},
            {"name": "cat", "bndbox": {"xmin": 30, "ymin": 20, "xmax": 39, "ymax": 31}},
        ],
    }
)
CLASSES = ["cat", "dog"]


def one(dataset: Any) -> dict[str, NDArray[Any]]:
    """The values of the first record, by buffer."""
    buffers, _ = parse_body(make_batch(dataset, 0))
    return {name: buffer.values[0] for name, buffer in buffers.items()}


def write_wav(path: Path, samples: NDArray[np.int16], rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


# -- texts and numbers ---------------------------------------------------------------------------------


def test_char_map_numbers_letters_of_either_case(open_dataset: OpenDataset) -> None:
    etl = [
        {"type": "char_map", "max_length": 6, "alphabet": "abcé ", "emit_length": True, "unknown_value": 9}
    ]
    values = one(open_dataset("@STRING\nCaÉ xyz\n", batch_size=1, etl=etl))
    assert values["char_map"].tolist() == [[2, 0, 3, 4, 9, 9]]
    assert values["char_map_length"].tolist() == [6]


def test_char_map_leaves_out_what_it_does_not_know(open_dataset: OpenDataset) -> None:
    etl = [{"type": "char_map", "max_length": 4, "alphabet": "abc"}]
    assert one(open_dataset("@STRING\naxb\n", batch_size=1, etl=etl))["char_map"].tolist() == [[0, 1, 0, 0]]


def test_label_map_numbers_words(open_dataset: OpenDataset) -> None:
    etl = [{"type": "label_map", "class_names": CLASSES, "max_classes": 3}]
    assert one(open_dataset("@STRING\ndog cat\n", batch_size=1, etl=etl))["label_map"].tolist() == [1, 0, 0]
    with pytest.raises(DatasetError, match=r"label 'cow' is none of class_names: cat, dog \(line 2\)"):
        one(open_dataset("@STRING\ncow\n", batch_size=1, etl=etl))


def test_a_label_is_its_bits_in_whatever_type(open_dataset: OpenDataset) -> None:
    etl = [{"type": "label", "output_type": "float"}]
    values = one(open_dataset("@ASCII_INT\n7\n", batch_size=1, etl=etl))
    assert values["label"].view(np.int32).tolist() == [7]


@pytest.mark.parametrize(
    ("manifest", "etl", "words"),
    [
        ("@STRING\nseven\n", {"type": "label"}, "stoi: 'seven' is not a whole number"),
        ("@ASCII_INT\n1_0\n", {"type": "label"}, "'1_0' is not a number (line 2, column 1)"),
        ("@BINARY\n?\n", {"type": "blob", "output_count": 1}, "'?' is not base64 (line 2, column 1)"),
        (
            "@BINARY\nAAAA\n",
            {"type": "blob", "output_count": 1},
            "blob 'AAAA' has 3 bytes, buffer blob takes 4",
        ),
        ("@FILE\nnone.png\n", {"type": "blob", "output_count": 1}, 'Could not find file: "none.png"'),
        ("@FILE\n/etc/passwd\n", {"type": "blob", "output_count": 1}, 'Could not find file: "/etc/passwd"'),
        ("@FILE\n../../../../etc/passwd\n", {"type": "blob", "output_count": 1}, "Could not find file: "),
        (
            "@FILE\nmeta.json\n",
            {"type": "image", "width": 2, "height": 2},
            "the image cannot be decoded (line 2)",
        ),
    ],
)
def test_a_record_that_cannot_be_read_names_its_line(
    manifest: str, etl: dict[str, Any], words: str, open_dataset: OpenDataset
) -> None:
    with pytest.raises(DatasetError) as raised:
        one(open_dataset(manifest, batch_size=1, etl=[etl]))
    assert raised.value.detail.startswith(words)
    assert "(line 2" in raised.value.detail
    assert "root:" not in raised.value.detail


# -- pictures ------------------------------------------------------------------------------------------


def test_mean_and_deviation_are_taken_in_three_steps(open_dataset: OpenDataset) -> None:
    mean, stddev = [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    etl = [{"type": "image", "width": 28, "height": 28, "output_type": "float", "channel_major": False}]
    bytes_ = one(
        open_dataset("@FILE\nimg_00.png\n", batch_size=1, etl=[{**etl[0], "output_type": "uint8_t"}])
    )
    values = one(
        open_dataset(
            "@FILE\nimg_00.png\n",
            batch_size=1,
            etl=etl,
            augmentation=[{"type": "image", "mean": mean, "stddev": stddev}],
        )
    )
    expected = (bytes_["image"] / 255 - mean) / stddev
    np.testing.assert_allclose(values["image"], expected, rtol=1e-5, atol=1e-6)


def test_a_fitted_picture_lies_at_the_top_left(open_dataset: OpenDataset) -> None:
    etl = [{"type": "image", "width": 20, "height": 20}]
    augmentation = [{"type": "image", "crop_enable": False}]
    image = one(open_dataset("@FILE\nimg_00.png\n", batch_size=1, etl=etl, augmentation=augmentation))[
        "image"
    ]
    assert image[:, :16].any()
    assert not image[:, 16:].any()


def test_flipping_turns_left_and_right(open_dataset: OpenDataset) -> None:
    etl = [{"type": "image", "width": 40, "height": 32}]
    plain = one(open_dataset("@FILE\nimg_00.png\n", batch_size=1, etl=etl))["image"]
    seen = set()
    for seed in range(1, 12):
        augmentation = [{"type": "image", "flip_enable": True}]
        image = one(
            open_dataset(
                "@FILE\nimg_00.png\n", batch_size=1, etl=etl, augmentation=augmentation, random_seed=seed
            )
        )["image"]
        seen.add("flipped" if np.array_equal(image, plain[..., ::-1]) else "plain")
        assert np.array_equal(image, plain) or np.array_equal(image, plain[..., ::-1])
    assert seen == {"flipped", "plain"}


def test_a_mask_keeps_its_values_and_follows_its_picture(open_dataset: OpenDataset, data: Path) -> None:
    mask = np.zeros((32, 40), dtype=np.uint16)
    mask[:, 20:] = 40_000
    cv2.imwrite(str(data / "imgs" / "mask16.png"), mask)
    etl = [
        {"type": "image", "width": 16, "height": 16},
        {"type": "pixelmask", "width": 16, "height": 16, "channels": 1, "output_type": "uint16_t"},
    ]
    augmentation = [{"type": "image", "scale": [0.5, 1], "center": False, "flip_enable": True}]
    values = one(
        open_dataset(
            "@FILE\tFILE\nimg_00.png\tmask16.png\n", batch_size=1, etl=etl, augmentation=augmentation
        )
    )
    assert set(np.unique(values["pixelmask"])) <= {0, 40_000}


# -- boxes ---------------------------------------------------------------------------------------------


def test_ssd_boxes_are_shares_of_the_picture(open_dataset: OpenDataset) -> None:
    etl = [{"type": "localization_ssd", "width": 20, "height": 16, "class_names": CLASSES, "max_gt_boxes": 3}]
    values = one(open_dataset(f"@STRING\n{DOG}\n", batch_size=1, etl=etl))
    assert values["image_shape"].reshape(-1).tolist() == [20, 16]
    assert values["gt_box_count"].item() == 2
    assert values["gt_class_count"].reshape(-1).tolist() == [1, 0, 0]
    assert values["difficult_flag"].reshape(-1).tolist() == [1, 0, 0]
    np.testing.assert_allclose(values["gt_boxes"][0], [2 / 40, 3 / 32, 13 / 40, 15 / 32], rtol=1e-6)
    np.testing.assert_allclose(values["gt_boxes"][1], [30 / 40, 20 / 32, 1, 1], rtol=1e-6)
    assert not values["gt_boxes"][2].any()


def test_rcnn_finds_the_anchor_that_lies_on_the_object(open_dataset: OpenDataset) -> None:
    etl = [
        {
            "type": "localization_rcnn", "width": 64, "height": 64, "class_names": CLASSES,
            "base_size": 16, "scales": [1], "ratios": [1], "max_gt_boxes": 2,
        }
    ]  # fmt: skip
    box = {"xmin": 16, "ymin": 32, "xmax": 31, "ymax": 47}  # the anchor at column 1, row 2
    annotation = json.dumps(
        {"size": {"width": 64, "height": 64, "depth": 3}, "object": [{"name": "dog", "bndbox": box}]}
    )
    values = one(open_dataset(f"@STRING\n{annotation}\n", batch_size=1, etl=etl))
    flat = values["labels_flat"].reshape(2, 16)
    assert np.flatnonzero(flat[1]).tolist() == [9]
    assert flat[0].tolist() == [0 if n == 9 else 1 for n in range(16)]
    assert not values["bbtargets"].reshape(4, 16)[:, 9].any()  # it needs no move
    assert values["bbtargets_mask"].reshape(4, 16)[:, 9].tolist() == [1, 1, 1, 1]
    assert values["labels_mask"].reshape(2, 16).all()
    assert values["image_scale"].item() == 1


def test_rcnn_without_anchor_in_the_picture_has_ones_then_zeros(open_dataset: OpenDataset) -> None:
    etl = [{"type": "localization_rcnn", "width": 40, "height": 32, "class_names": CLASSES}]
    values = one(open_dataset(f"@STRING\n{DOG}\n", batch_size=1, etl=etl))
    half = values["labels_flat"].size // 2
    flat = values["labels_flat"].reshape(-1)
    assert flat[:half].all()
    assert not flat[half:].any()
    assert not values["bbtargets"].any()
    assert not values["labels_mask"].any()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"object"', '"objects"', "'object' missing from metadata"),
        ('"xmax": 12', '"xmaximum": 12', "'xmax' missing from metadata"),
        ('"name": "dog"', '"name": "cow"', "label 'cow' not found in metadata label list; allowed: cat, dog"),
        (
            '"xmax": 12',
            '"xmax": 400',
            "box [2.0, 3.0, 400.0, 14.0] lies outside its picture of 40 x 32 pixels",
        ),
        ('"xmin": 2', '"xmin": true', "'xmin' of the annotation is not a number of pixels"),
        ("{", "[", "the annotation is not JSON"),
    ],
)
def test_an_annotation_that_is_wrong(old: str, new: str, words: str, open_dataset: OpenDataset) -> None:
    etl = [{"type": "localization_ssd", "width": 20, "height": 16, "class_names": CLASSES}]
    with pytest.raises(DatasetError) as raised:
        one(open_dataset(f"@STRING\n{DOG.replace(old, new, 1)}\n", batch_size=1, etl=etl))
    assert raised.value.detail.startswith(words)


# -- sound and film ------------------------------------------------------------------------------------


def test_samples_are_the_recordings_own(open_dataset: OpenDataset, data: Path) -> None:
    samples = np.arange(-50, 50, dtype=np.int16)
    write_wav(data / "imgs" / "ramp.wav", samples, 16_000)
    etl = [
        {
            "type": "audio", "max_duration": "120 samples", "frame_stride": "1 samples",
            "frame_length": "1 samples", "feature_type": "samples", "emit_length": True,
        }
    ]  # fmt: skip
    values = one(open_dataset("@FILE\nramp.wav\n", batch_size=1, etl=etl))
    assert values["audio"][0, 0, :100].tolist() == samples.tolist()
    assert not values["audio"][0, 0, 100:].any()
    assert values["audio_length"].tolist() == [100]


@pytest.mark.parametrize(("feature", "rows"), [("specgram", 201), ("mfsc", 64), ("mfcc", 40)])
def test_a_tone_is_a_line_in_its_spectrum(
    feature: str, rows: int, open_dataset: OpenDataset, data: Path
) -> None:
    tone = (10_000 * np.sin(2 * np.pi * 2000 * np.arange(16_000) / 16_000)).astype(np.int16)
    write_wav(data / "imgs" / "tone.wav", tone, 16_000)
    etl = [
        {
            "type": "audio", "max_duration": "1 seconds", "frame_stride": "10 milliseconds",
            "frame_length": "25 milliseconds", "feature_type": feature,
        }
    ]  # fmt: skip
    values = one(open_dataset("@FILE\ntone.wav\n", batch_size=1, etl=etl))["audio"]
    assert values.shape == (1, rows, 98)
    if feature == "specgram":  # 40 Hz a row, the highest first
        assert set(values[0].argmax(axis=0).tolist()) == {200 - 50}


def test_frames_of_a_film_are_pictures_one_after_the_other(open_dataset: OpenDataset, data: Path) -> None:
    content = io.BytesIO()
    with av.open(content, mode="w", format="avi") as container:
        stream = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
        for level in (10, 120, 240):
            picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), level, dtype=np.uint8), format="bgr24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    (data / "imgs" / "film.avi").write_bytes(content.getvalue())
    etl = [{"type": "video", "max_frame_count": 5, "frame": {"width": 16, "height": 16}}]
    film = one(open_dataset("@FILE\nfilm.avi\n", batch_size=1, etl=etl))["video"]
    assert film.shape == (3, 5, 16, 16)
    np.testing.assert_allclose(film.mean(axis=(0, 2, 3)), [10, 120, 240, 0, 0], atol=6)


# -- rasters -------------------------------------------------------------------------------------------


def write_raster(path: Path, nodata: int | None = None) -> NDArray[np.uint16]:
    values = np.arange(3 * 50 * 60, dtype=np.uint16).reshape(3, 50, 60)
    with rasterio.open(
        path, "w", driver="GTiff", width=60, height=50, count=3, dtype="uint16",
        crs="EPSG:32633", transform=from_origin(0, 0, 10, 10), nodata=nodata,
    ) as dataset:  # fmt: skip
        dataset.write(values)
    return values


def test_a_geoimage_is_the_rasters_own_values(open_dataset: OpenDataset, data: Path) -> None:
    values = write_raster(data / "imgs" / "scene.tif")
    etl = [{"type": "geoimage", "width": 8, "height": 6, "window": [10, 20], "bands": [3, 1]}]
    image = one(open_dataset("@FILE\nscene.tif\n", batch_size=1, etl=etl))["geoimage"]
    assert image.dtype == np.uint16
    assert np.array_equal(image, values[[2, 0], 20:26, 10:18])


def test_a_geoimage_lies_in_the_middle_or_where_a_column_says(open_dataset: OpenDataset, data: Path) -> None:
    values = write_raster(data / "imgs" / "scene.tif", nodata=0)
    middle = one(
        open_dataset(
            "@FILE\nscene.tif\n", batch_size=1, etl=[{"type": "geoimage", "width": 60, "height": 50}]
        )
    )
    assert np.array_equal(middle["geoimage"], values)
    etl = [{"type": "geoimage", "width": 4, "height": 4, "window_column": True, "nodata_fill": 7}]
    placed = one(open_dataset("@FILE\tSTRING\nscene.tif\t-2,-1\n", batch_size=1, etl=etl))["geoimage"]
    assert (placed[:, 0] == 7).all()
    assert (placed[:, :, :2] == 7).all()
    assert placed[0, 1, 2] == 7  # nodata, the only 0 of the raster
    assert np.array_equal(placed[:, 2:, 2:], values[:, 1:3, :2])


def test_a_geoimage_over_the_edge_of_a_whole_raster_is_filled(open_dataset: OpenDataset, data: Path) -> None:
    values = write_raster(data / "imgs" / "scene.tif")
    etl = [{"type": "geoimage", "width": 8, "height": 8, "window": [56, 46], "nodata_fill": 7}]
    image = one(open_dataset("@FILE\nscene.tif\n", batch_size=1, etl=etl))["geoimage"]
    assert np.array_equal(image[:, :4, :4], values[:, 46:, 56:])
    assert (image[:, 4:] == 7).all()
    assert (image[:, :, 4:] == 7).all()


def test_rasters_of_a_type_that_fits_are_taken_and_others_are_named(
    open_dataset: OpenDataset, data: Path
) -> None:
    values = write_raster(data / "imgs" / "scene.tif")
    small = (values % 200).astype(np.uint8)
    for name, pixels in (("small.tif", small), ("large.tif", values.astype(np.float64))):
        with rasterio.open(
            data / "imgs" / name, "w", driver="GTiff", width=60, height=50, count=3, dtype=pixels.dtype,
            transform=from_origin(0, 0, 10, 10),
        ) as dataset:  # fmt: skip
            dataset.write(pixels)
    etl = [{"type": "geoimage", "width": 60, "height": 50}]
    both = open_dataset("@FILE\nscene.tif\nsmall.tif\n", batch_size=2, etl=etl)
    images = parse_body(make_batch(both, 0))[0]["geoimage"].values
    assert np.array_equal(images, np.stack([values, small.astype(np.uint16)]))
    with pytest.raises(DatasetError, match=r"'large.tif' is float64, the session's first raster uint16"):
        make_batch(open_dataset("@FILE\nscene.tif\nlarge.tif\n", batch_size=2, etl=etl), 0)


def test_a_raster_is_no_link_out_of_the_roots(
    open_dataset: OpenDataset, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Also in a folder from which rasters have been read already."""
    write_raster(data / "imgs" / "scene.tif")
    outside = tmp_path_factory.mktemp("outside") / "secret.tif"
    write_raster(outside)
    (data / "imgs" / "link.tif").symlink_to(outside)
    (data / "imgs" / "inside.tif").symlink_to(data / "imgs" / "scene.tif")
    etl = [{"type": "geoimage", "width": 4, "height": 4}]
    make_batch(open_dataset("@FILE\nscene.tif\ninside.tif\n", batch_size=2, etl=etl), 0)
    with pytest.raises(DatasetError, match=r'Could not find file: "link.tif"'):
        make_batch(open_dataset("@FILE\nscene.tif\nlink.tif\n", batch_size=2, etl=etl), 0)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"bands": [4]}, "value for 'bands' out of range: got [4]; allowed: 1 to 3"),
        ({"bands": []}, "value for 'bands' out of range"),
        ({"window": [1]}, "value for 'window' out of range"),
        ({"nodata_fill": -1}, "value for 'nodata_fill' out of range"),
    ],
)
def test_a_geoimage_that_cannot_be(
    members: dict[str, Any], words: str, open_dataset: OpenDataset, data: Path
) -> None:
    write_raster(data / "imgs" / "scene.tif")
    with pytest.raises(DatasetError) as raised:
        open_dataset(
            "@FILE\nscene.tif\n", batch_size=1, etl=[{"type": "geoimage", "width": 4, "height": 4, **members}]
        )
    assert raised.value.detail.startswith(words)


# -- every configuration -------------------------------------------------------------------------------

AUGMENTATIONS = st.fixed_dictionaries(
    {"type": st.just("image")},
    optional={
        "scale": st.sampled_from([[0.3, 1], [0.5, 0.5]]),
        "angle": st.sampled_from([[0, 0], [-20, 20]]),
        "lighting": st.just([0, 0.1]),
        "horizontal_distortion": st.just([0.8, 1.2]),
        "contrast": st.just([0.5, 1.5]),
        "brightness": st.just([0.5, 1.5]),
        "saturation": st.just([0, 2]),
        "hue": st.just([-30, 30]),
        "flip_enable": st.booleans(),
        "center": st.booleans(),
        "do_area_scale": st.booleans(),
        "resize_short_size": st.sampled_from([0, 20, 90]),
        "interpolation_method": st.sampled_from(["LINEAR", "NEAREST", "CUBIC", "AREA"]),
    },
)
SESSIONS = st.fixed_dictionaries(
    {"batch_size": st.integers(1, 7), "random_seed": st.integers(1, 9)},
    optional={
        "augmentation": st.lists(AUGMENTATIONS, min_size=1, max_size=1),
        "shuffle_enable": st.booleans(),
        "shuffle_manifest": st.booleans(),
        "subset_fraction": st.sampled_from([0.5, 1.0]),
        "batch_major": st.booleans(),
        "block_size": st.integers(0, 6),
        "pinned": st.booleans(),
    },
)
IMAGES = st.fixed_dictionaries(
    {"type": st.just("image"), "width": st.integers(1, 50), "height": st.integers(1, 50)},
    optional={
        "channels": st.sampled_from([1, 3]),
        "channel_major": st.booleans(),
        "bgr_to_rgb": st.booleans(),
        "output_type": st.sampled_from(["uint8_t", "float", "int32_t", "double"]),
    },
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(session=SESSIONS, image=IMAGES)
def test_any_configuration_gives_its_batches_and_the_same_ones_again(
    session: dict[str, Any], image: dict[str, Any], open_dataset: OpenDataset
) -> None:
    members = {**session, "etl": [image, {"type": "label"}]}
    first, second = open_dataset(**members), open_dataset(**members)
    assert first.batch_count == -(-first.record_count // first.configuration.batch_size)
    for number in range(first.batch_count + 1):
        body = make_batch(first, number)
        assert len(body) == first.body_size
        buffers, end = parse_body(body)
        assert end == len(body)
        assert [each.description for each in buffers.values()] == [b.description() for b in first.buffers]
        assert make_batch(second, number) == body
