"""Bodies of ``next`` against those of the real service, value for value."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from aeonbody import parse_body
from tests.datasets.conftest import RECORDED

from dragoman.datasets.buffers import compact, names_and_shapes
from dragoman.datasets.dataset import make_batch

if TYPE_CHECKING:
    from tests.datasets.conftest import OpenDataset

LABEL = {"type": "label", "binary": True}
GRAY = {"etl": [{"type": "image", "width": 28, "height": 28, "channels": 1}, LABEL]}
BLOB = {"etl": [{"type": "blob", "output_count": 1}], "batch_size": 2}
BOXES = {
    "etl": [
        {"type": "image", "width": 16, "height": 16},
        {"type": "boundingbox", "width": 16, "height": 16, "max_bbox_count": 2, "class_names": ["dog"]},
    ],
    "batch_size": 1,
}


@pytest.mark.parametrize(
    ("file", "number", "members"),
    [
        ("next_image_label_1.bin", 0, {}),
        ("next_image_label_2.bin", 1, {}),
        ("next_image_label_3.bin", 2, {}),
        ("next_gray.bin", 0, GRAY),
        ("next_batch_major_false.bin", 0, {"batch_major": False}),
    ],
)
def test_a_body_is_the_recorded_one(
    file: str, number: int, members: dict[str, Any], open_dataset: OpenDataset
) -> None:
    body = make_batch(open_dataset(**members), number)
    expected, _ = parse_body((RECORDED / file).read_bytes())
    actual, end = parse_body(body)
    assert end == len(body)
    assert list(actual) == list(expected)
    assert actual == expected


@pytest.mark.parametrize(
    ("file", "manifest", "members"),
    [
        ("etl_blob_float_0.bin", "@ASCII_FLOAT\n1.5\n2.5\n", BLOB),
        ("etl_label_int_0.bin", "@ASCII_INT\n5.9\n-1\n", {"etl": [LABEL], "batch_size": 2}),
        ("etl_label_string_0.bin", "@STRING\n5\n6\n", {"etl": [{"type": "label"}], "batch_size": 2}),
    ],
)
def test_an_entry_fills_its_buffer_as_recorded(
    file: str, manifest: str, members: dict[str, Any], open_dataset: OpenDataset
) -> None:
    expected, _ = parse_body((RECORDED / file).read_bytes())
    actual, _ = parse_body(make_batch(open_dataset(manifest, **members), 0))
    assert actual == expected


def test_boxes_are_the_recorded_ones(open_dataset: OpenDataset) -> None:
    expected, _ = parse_body((RECORDED / "etl_boundingbox_0.bin").read_bytes())
    actual, _ = parse_body(make_batch(open_dataset("@FILE\tFILE\nimg_00.png\tmeta.json\n", **BOXES), 0))
    assert actual["image"] == expected["image"]
    assert actual["boundingbox"].description == expected["boundingbox"].description
    numbers = actual["boundingbox"].values.reshape(-1)
    assert numbers[:8].tolist() == expected["boundingbox"].values.reshape(-1)[:8].tolist()
    assert not numbers[8:].any()  # where the real service leaves what was in its memory


@pytest.mark.parametrize(
    ("number", "digest"),
    [
        (0, "842d37d4e23b940a65b302a15f10c0c5e6ba214a265dee7a76aeecb1dbf4bb8b"),
        (1, "ce6509cf2a4163ac9b155a1227704381a15be01d28a5544691c3378a6c3c64b0"),
        (2, "d5592a6d14c160af45fec37469cbcb455eb4c0ac4bf14be3700e5a064c996b67"),
        (3, "b815296acbb32fc865474dd1ddb84ce0d616b74d1946bb4eb8216ffe00d20e9b"),
        (4, "08815914c8543e869aa4b5459ba6317991c8ce3b75293cb952bd0d820d03e214"),
    ],
)
def test_a_whole_body_has_the_recorded_digest(number: int, digest: str, open_dataset: OpenDataset) -> None:
    dataset = open_dataset(iteration_mode="COUNT", iteration_mode_count=5)
    assert hashlib.sha256(make_batch(dataset, number)).hexdigest() == digest


def test_names_and_shapes_are_the_recorded_text(open_dataset: OpenDataset) -> None:
    etl = [
        {
            "type": "image", "width": 28, "height": 28,
            "channel_major": False, "name": "left", "output_type": "float",
        },
        {"type": "label", "name": "lbl", "binary": True},
    ]  # fmt: skip
    assert compact(names_and_shapes(open_dataset(etl=etl).buffers)) == (
        '{"lbl.label":{"byte_size":4,"names":[],"otype":{"cv_type":4,"name":"uint32_t","np_type":6,"size":4},'
        '"shape":[1]},"left.image":{"byte_size":9408,"names":["height","width","channels"],"otype":{"cv_type":5,'
        '"name":"float","np_type":11,"size":4},"shape":[28,28,3]}}'
    )
