"""What lets a file go on where it was: only the same representation, by a strong validator, at the very byte."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.sources.fetching.resuming import Note, Reading, asking, note_of, reading, total_of

URL = "https://example.org/a.tif"
DATE = formatdate(1_000_000_000, usegmt=True)
OLD = formatdate(1_000_000_000 - 60, usegmt=True)
NEW = formatdate(1_000_000_000 - 59, usegmt=True)

etags = st.from_regex(r'(W/)?"[a-z]{0,3}"', fullmatch=True) | st.sampled_from(["x", '"', "", '"\n"', '"é"'])
dates = st.sampled_from([DATE, OLD, NEW, "", "yesterday", "Sat, 32 Jan 2026 00:00:00 GMT"])
encodings = st.sampled_from(["", "identity", "gzip", "br"])
numbers = st.integers(0, 50)


@st.composite
def headers(draw: st.DrawFn) -> dict[str, str]:
    """The headers of some 200."""
    drawn = {
        "ETag": draw(st.none() | etags),
        "Last-Modified": draw(st.none() | dates),
        "Date": draw(st.none() | st.just(DATE)),
        "Content-Encoding": draw(st.none() | encodings),
        "Content-Length": draw(st.none() | st.sampled_from(["50", "-1", "x", "9" * 30])),
    }
    return {name: value for name, value in drawn.items() if value is not None}


@given(headers())
def test_only_a_strong_validator_of_an_unpacked_body_is_noted(sent: dict[str, str]) -> None:
    note = note_of(URL, sent)
    if sent.get("Content-Encoding", "") not in ("", "identity"):
        assert note == Note(url=URL)
        return
    etag = sent.get("ETag")
    if etag is not None:
        assert note.validator in (None, etag)
        assert (note.validator is None) == (
            not etag.startswith('"') or len(etag) < 2 or "\n" in etag or "é" in etag
        )
    else:
        assert note.validator == (OLD if sent.get("Last-Modified") == OLD and "Date" in sent else None)
    assert note.total in (None, 50)


@given(headers(), numbers)
def test_a_range_is_asked_for_with_if_range_or_not_at_all(sent: dict[str, str], size: int) -> None:
    note = note_of(URL, sent)
    asked = asking(note, size)
    if note.validator is None or size == 0:
        assert asked == {}
    else:
        assert asked == {"Range": f"bytes={size}-", "If-Range": note.validator}


@given(
    status=st.sampled_from([200, 206, 416, 404, 500]),
    note=st.none()
    | st.builds(Note, url=st.just(URL), etag=st.none() | st.just('"a"'), total=st.none() | st.just(50)),
    size=numbers,
    etag=st.sampled_from(['"a"', '"b"', 'W/"a"', None]),
    start=numbers,
    end=numbers,
    total=st.sampled_from(["50", "51", "*"]),
    encoding=st.none() | encodings,
)
def test_bytes_are_added_only_where_they_belong(
    status: int,
    note: Note | None,
    size: int,
    etag: str | None,
    start: int,
    end: int,
    total: str,
    encoding: str | None,
) -> None:
    answer = {"Content-Range": f"bytes {start}-{end}/{total}"}
    answer |= {"ETag": etag} if etag is not None else {}
    answer |= {"Content-Encoding": encoding} if encoding is not None else {}
    result = reading(status, answer, note, size)
    assert (result is Reading.AFRESH) == (status == 200)
    asked = note is not None and asking(note, size) != {}
    if result is Reading.REST:
        assert asked
        assert (status, etag, start) == (206, '"a"', size)
        assert start <= end < int(total) == total_of(answer)
        assert encoding in (None, "", "identity")
        assert note is not None
        assert note.total in (None, int(total))
    elif status in (206, 416):
        assert result is (Reading.USELESS if asked else Reading.REFUSAL)
    elif status != 200:
        assert result is Reading.REFUSAL


@pytest.mark.parametrize(
    "content_range",
    ["", "bytes 10-49", "bytes 10-49/*", "bytes=10-49/50", "items 10-49/50", "bytes */50", "bytes 9-49/50"],
)
def test_another_content_range_is_useless(content_range: str) -> None:
    note = Note(url=URL, etag='"a"', total=50)
    assert reading(206, {"ETag": '"a"', "Content-Range": content_range}, note, 10) is Reading.USELESS


def test_one_that_names_no_validator_any_more_is_useless() -> None:
    note = Note(url=URL, last_modified=OLD, total=50)
    answer = {"Content-Range": "bytes 10-49/50"}
    assert reading(206, answer, note, 10) is Reading.USELESS
    assert reading(206, {**answer, "Last-Modified": OLD}, note, 10) is Reading.REST
