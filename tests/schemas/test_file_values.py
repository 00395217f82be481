"""The reader of JSON and text that is used wherever a document becomes a value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.schemas.file_values import FileContentError, NotJsonText, parse_json, read_text, value_of
from dragoman.schemas.media_types import extension, is_json, kind_of, known_extension, of_file
from dragoman.web.result_values import load_content

if TYPE_CHECKING:
    from pathlib import Path

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(JSON)
def test_what_is_written_is_read(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("{\n]", "line 2", 2),
        ("[NaN]", "NaN is not a JSON number", 1),
        ("-Infinity", "is not a JSON number", 1),
        ("1e400", "the number 1e400 is too large", 1),
        ("[" * 100_000, "nested too deeply", 1),
    ],
)
def test_what_is_no_json_says_why_and_where(text: str, words: str, line: int) -> None:
    with pytest.raises(NotJsonText, match=words) as caught:
        parse_json(text)
    assert caught.value.line == line


def test_a_file_is_read_within_a_cap(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes("\ufeffgrün".encode())
    assert read_text(file, limit=8) == "grün"
    with pytest.raises(FileContentError, match="larger than 7 bytes"):
        read_text(file, limit=7)


@pytest.mark.parametrize(
    "media_type", ["application/json", "text/json", "Text/JSON; charset=utf-8", "a/b+json"]
)
def test_json_is_json_by_any_of_its_names(media_type: str) -> None:
    """A result in a document and a value that came by reference are told by the same table."""
    assert is_json(media_type)
    assert kind_of(media_type) == "json"
    assert load_content(b'{"a":1}', media_type) == {"a": 1}
    assert value_of('"a"', {"type": "string"}, media_type) == "a"


@pytest.mark.parametrize(
    ("media_type", "ending"),
    [
        ("image/tiff; application=geotiff", ".tif"),
        ("application/netcdf", ".nc"),
        ("text/json", ".json"),
        ("application/stac+json", ".json"),
        ("a/b", ""),
        ("application/octet-stream", ""),
        (None, ""),
    ],
)
def test_one_table_tells_how_files_end(tmp_path: Path, media_type: str | None, ending: str) -> None:
    assert known_extension(media_type) == ending
    assert extension(media_type or "") == (ending or ".bin")
    if ending == ".tif":
        assert of_file(tmp_path / "a.tif") == "image/tiff"
