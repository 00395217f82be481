"""Which JPEGs are decoded by whom: what EXIF says is turned, wherever its segment stands."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from dragoman.datasets.pictures import MOST_PIXELS, decode
from dragoman.errors import DatasetError

UPSIDE_DOWN = 3
EXIF = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + struct.pack("<II", UPSIDE_DOWN, 0)


def jpeg() -> bytes:
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:8] = 255
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segments(*segments: bytes) -> bytes:
    """A picture with segments after its first one."""
    whole = jpeg()
    place = 4 + int.from_bytes(whole[4:6])
    return whole[:place] + b"".join(segments) + whole[place:]


@pytest.mark.parametrize(
    "segments",
    [
        [segment(0xE1, EXIF)],
        [segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0"), segment(0xFE, b"a word"), segment(0xE1, EXIF)],
        [b"\xff", segment(0xE1, EXIF)],
    ],
    ids=["first", "later", "after bytes that fill up"],
)
def test_what_exif_says_is_turned(segments: list[bytes]) -> None:
    plain, turned = decode(jpeg(), channels=3), decode(with_segments(*segments), channels=3)
    assert plain[0, 0, 0] > 200 > 50 > plain[-1, 0, 0]
    assert turned[-1, 0, 0] > 200 > 50 > turned[0, 0, 0]


def test_a_picture_that_only_speaks_of_exif_is_as_it_is() -> None:
    content = with_segments(segment(0xFE, b"no " + EXIF), segment(0xE2, b"\xff\xda" + EXIF))
    assert (decode(content, channels=3) == decode(jpeg(), channels=3)).all()


@pytest.mark.parametrize("before", [b"", b"\xff", b"\xff\xd0", b"\0\0"])
def test_a_bomb_is_refused_whatever_stands_before_its_size(before: bytes) -> None:
    whole = jpeg()
    frame = whole.index(b"\xff\xc0")
    huge = whole[:frame] + before + whole[frame : frame + 5] + b"\xff\xdc" * 2 + whole[frame + 9 :]
    with pytest.raises(DatasetError, match=rf"cannot be decoded|allowed: {MOST_PIXELS}"):
        decode(huge, channels=3)
