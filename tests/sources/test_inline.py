"""base64 and data: URLs into files."""

from __future__ import annotations

import base64
import os
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import InvalidRequest
from dragoman.sources import inline
from dragoman.sources.inline import decode_base64, decode_data_url

LIMIT = 10**9


def decoded(text: str, limit: int = LIMIT) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "target"
        assert decode_base64(text, target, limit) == target.stat().st_size
        return target.read_bytes()


@given(content=st.binary(max_size=200), wrap=st.integers(1, 80), padded=st.booleans(), safe=st.booleans())
def test_base64_round_trips_in_every_dress(content: bytes, wrap: int, padded: bool, safe: bool) -> None:
    text = (base64.urlsafe_b64encode if safe else base64.b64encode)(content).decode()
    text = text if padded else text.rstrip("=")
    text = "\r\n".join(text[i : i + wrap] for i in range(0, len(text), wrap))
    assert decoded(text) == content


def test_slices_meet_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    content = os.urandom(1001)
    for size in (4, 5, 7, 64):
        monkeypatch.setattr(inline, "SLICE", size)
        assert decoded(base64.encodebytes(content).decode()) == content


@pytest.mark.parametrize("text", ["a", "abcde", "ab$d", "ab=d", "QUJD=QUJD", "é", "QUJD\0", "QQ==QQ=="])
def test_other_text_is_refused_and_leaves_no_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidRequest, match="not base64"):
        decode_base64(text, tmp_path / "target", LIMIT)
    assert not list(tmp_path.iterdir())


def test_too_much_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="larger than 2 bytes"):
        decode_base64("QUJD", tmp_path / "target", 2)
    assert not list(tmp_path.iterdir())


def test_fifty_megabytes_are_no_trouble(tmp_path: Path) -> None:
    content = os.urandom(50_000_000)
    text = base64.b64encode(content).decode()
    started = time.monotonic()
    decode_base64(text, tmp_path / "target", LIMIT)
    assert time.monotonic() - started < 60, "0.1 s is usual"
    assert (tmp_path / "target").read_bytes() == content


@pytest.mark.parametrize(
    ("href", "media_type", "content"),
    [
        ("data:,A%20b", None, b"A b"),
        ("data:text/plain;charset=utf-8,%C3%A9", "text/plain", "é".encode()),
        ("data:Image/TIFF;base64,SUkq", "image/tiff", b"II*"),
        ("DATA:image/tiff;a=b;BASE64,SUkq%3D", "image/tiff", b"II*"),
        ("data:;base64,", None, b""),
        ('data:application/json,{"a":1,"b":2}', "application/json", b'{"a":1,"b":2}'),
    ],
)
def test_data_urls(target: Path, href: str, media_type: str | None, content: bytes) -> None:
    assert decode_data_url(href, target, LIMIT) == media_type
    assert target.read_bytes() == content


def test_percent_escapes_are_never_cut(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = os.urandom(300)
    for size in (4, 5, 6, 7):
        monkeypatch.setattr(inline, "SLICE", size)
        decode_data_url("data:," + quote(content), target, LIMIT)
        assert target.read_bytes() == content


@pytest.mark.parametrize("href", ["data:text/plain", "http://a/,", "data:;base64,§", "data:,\ud800"])
def test_wrong_data_urls_are_refused(target: Path, href: str) -> None:
    with pytest.raises(InvalidRequest, match="allowed:"):
        decode_data_url(href, target, LIMIT)
    assert not target.exists()
