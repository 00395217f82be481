"""Manifests as people write them, and what is wrong with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.datasets import manifest as module
from dragoman.datasets.manifest import Manifest
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path


def opened(folder: Path, content: bytes) -> Manifest:
    path = folder / "manifest.tsv"
    path.write_bytes(content)
    return Manifest(path, "/data/manifest.tsv")


def lines(manifest: Manifest) -> list[tuple[int, tuple[bytes, ...]]]:
    records = [manifest.record(number) for number in range(manifest.count)]
    return [(record.line, record.elements) for record in records]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_comments_and_blank_lines_are_no_records(tmp_path: Path, ending: bytes, last: bool) -> None:
    text = [b"# of birds", b"", b"@FILE\tASCII_INT", b"a b.jpg\t1", b"#c.jpg\t2", b"", b"d.jpg\t-3"]
    with opened(tmp_path, ending.join(text) + (ending if last else b"")) as manifest:
        assert manifest.columns == ("FILE", "ASCII_INT")
        assert lines(manifest) == [(4, (b"a b.jpg", b"1")), (7, (b"d.jpg", b"-3"))]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "manifest file is empty"),
        (b"@FILE\n# none\n", "manifest file is empty"),
        (b"a.jpg\n", "Metadata must be defined before any data. Potentially old manifest format used."),
        (b"a.jpg\n@FILE\nb.jpg\n", "Metadata must be defined before any data."),
        (b"@FILE\tINT\n", "invalid metadata type 'INT' at line 1"),
        (b"@FILE\n@FILE\n", "metadata must be defined before any data at line 2"),
        (
            b"@FILE\tASCII_INT\na.jpg\t1\n\nimg_00.png\n",
            "at line: 4, manifest file has a line with differing number of elements (1) vs (2): img_00.png ",
        ),
        (b"@FILE\na.jpg\tb.jpg\n", "at line: 2, manifest file has a line with differing number of elements"),
    ],
)
def test_what_is_wrong_is_said_as_recorded_with_the_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(DatasetError) as raised:
        opened(tmp_path, content)
    assert raised.value.detail.startswith(message)
    assert str(tmp_path) not in raised.value.detail


def test_a_manifest_that_is_not_there_is_named_as_the_client_named_it(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"^Manifest file /data/nope\.tsv doesn't exist"):
        Manifest(tmp_path / "nope.tsv", "/data/nope.tsv")


@pytest.mark.parametrize("together", [1, 12, 2**20])
def test_records_come_in_the_order_asked_for(
    together: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman.datasets.manifest._TOGETHER", together)
    content = b"@STRING\tASCII_INT\na\t1\n# no record\n\nbc\t2\r\nd\t3\n"
    with opened(tmp_path, content) as manifest:
        for numbers in ([0, 1, 2], [2, 0, 1], [1, 2, 2, 0], []):
            assert list(manifest.records(numbers)) == [manifest.record(number) for number in numbers]


def test_a_manifest_that_has_changed_since_gives_no_record(tmp_path: Path) -> None:
    with opened(tmp_path, b"@STRING\nbefore\n") as manifest:
        (tmp_path / "manifest.tsv").write_bytes(b"@STRING\nafterwards\n")
        with pytest.raises(DatasetError, match="has changed since the session began"):
            manifest.record(0)


ROWS = st.lists(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"), max_size=8), min_size=2, max_size=2)
    .filter(lambda row: not row[0].startswith(("#", "@"))),
    min_size=1,
    max_size=30,
)  # fmt: skip


@given(rows=ROWS, piece=st.integers(1, 50))
def test_records_are_found_wherever_the_pieces_end(
    rows: list[list[str]], piece: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = "@STRING\tSTRING\n" + "\n".join("\t".join(row) for row in rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PIECE", piece)
        with opened(tmp_path_factory.mktemp("m"), content.encode()) as manifest:
            expected = [tuple(cell.encode() for cell in row) for row in rows]
            assert [elements for _, elements in lines(manifest)] == expected
