"""Files that were gathered before the job ran, as each kind of input takes them."""

from __future__ import annotations

import base64
import errno
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.errors import InputError
from dragoman.model.process import InputSpec
from dragoman.schemas import file_values
from dragoman.sources.gathered import resolve_gathered

if TYPE_CHECKING:
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n rest"
BINARY = {"type": "string", "contentEncoding": "binary"}
TEXT = {"type": "string"}
PICTURE_AS_TEXT = {"type": "string", "contentMediaType": "image/png"}
OBJECT = {"type": "object"}
EITHER = {
    "oneOf": [
        {**BINARY, "contentMediaType": "image/tiff"},
        {**OBJECT, "contentMediaType": "application/geo+json"},
    ]
}


def resolved(
    tmp_path: Path, name: str, data: bytes, schema: dict[str, Any], media_type: str | None = None
) -> Any:
    """The value, or the path of the file."""
    path = tmp_path / name
    path.write_bytes(data)
    value = resolve_gathered(InputSpec(id="files", schema=schema), path, media_type, tmp_path / "run")
    return value.value if value.path is None else value.path.read_bytes()


@pytest.mark.parametrize("media_type", [None, "application/octet-stream", "text/html", "image/tiff"])
def test_a_binary_input_gets_the_file_whatever_its_server_called_it(
    tmp_path: Path, media_type: str | None
) -> None:
    assert resolved(tmp_path, "0.tif", PNG, {**BINARY, "contentMediaType": "image/tiff"}, media_type) == PNG


def test_what_a_run_does_to_its_file_costs_no_other_run_anything(tmp_path: Path) -> None:
    file = tmp_path / "gathered" / "0.tif"
    file.parent.mkdir()
    file.write_bytes(PNG)
    spec = InputSpec(id="files", schema=BINARY)
    for run in ("first", "second"):
        own = resolve_gathered(spec, file, None, tmp_path / run).path
        assert own is not None
        assert own.read_bytes() == PNG
        own.with_name("0.tif.aux.xml").write_text("statistics")
        own.rename(tmp_path / run / "result.tif")
    assert list(file.parent.iterdir()) == [file]


def test_one_file_may_be_two_inputs_of_a_run(tmp_path: Path) -> None:
    file = tmp_path / "0.tif"
    file.write_bytes(PNG)
    spec = InputSpec(id="files", schema=BINARY)
    first, second = (resolve_gathered(spec, file, None, tmp_path / "run").path for _ in range(2))
    assert first == second != file


def test_without_links_a_run_gets_the_file_as_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_paths: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    file = tmp_path / "0.tif"
    file.write_bytes(PNG)
    own = resolve_gathered(InputSpec(id="files", schema=BINARY), file, None, tmp_path / "run")
    assert own.path == file


@pytest.mark.parametrize("schema", [TEXT, PICTURE_AS_TEXT, {}])
@pytest.mark.parametrize("media_type", [None, "image/png", "application/octet-stream", "text/plain"])
def test_a_picture_is_base64_where_only_text_is_taken(
    tmp_path: Path, schema: dict[str, Any], media_type: str | None
) -> None:
    assert resolved(tmp_path, "0.png", PNG, schema, media_type) == base64.b64encode(PNG).decode()


def test_what_only_looks_like_text_is_base64_if_it_is_a_picture(tmp_path: Path) -> None:
    assert resolved(tmp_path, "0.png", b"plain", PICTURE_AS_TEXT) == base64.b64encode(b"plain").decode()
    assert resolved(tmp_path, "0.bin", b"a\0b", TEXT) == base64.b64encode(b"a\0b").decode()


def test_text_is_text_in_the_charset_that_was_stated(tmp_path: Path) -> None:
    assert resolved(tmp_path, "0.csv", "größe".encode(), TEXT) == "größe"
    assert resolved(tmp_path, "0", "größe".encode("latin-1"), TEXT, "text/csv; charset=latin-1") == "größe"


def test_json_is_read_where_a_value_is_taken(tmp_path: Path) -> None:
    assert resolved(tmp_path, "0.json", b'{"a": 1}', OBJECT) == {"a": 1}
    assert resolved(tmp_path, "0", b"no json", {}) == "no json"


def test_of_several_alternatives_server_or_name_tell_which(tmp_path: Path) -> None:
    assert resolved(tmp_path, "0.tif", PNG, EITHER, "application/octet-stream") == PNG
    assert resolved(tmp_path, "1.geojson", b'{"type": "Point"}', EITHER) == {"type": "Point"}
    assert resolved(tmp_path, "2", b'{"type": "Point"}', EITHER, "application/geo+json") == {"type": "Point"}


@pytest.mark.parametrize(
    ("schema", "data", "words"), [(OBJECT, b"{", "not JSON"), (OBJECT, PNG, "not text in UTF-8")]
)
def test_what_cannot_be_read_names_the_input(
    tmp_path: Path, schema: dict[str, Any], data: bytes, words: str
) -> None:
    with pytest.raises(InputError, match=f"input 'files': .*{words}") as caught:
        resolved(tmp_path, "0.bin", data, schema)
    assert str(tmp_path) not in caught.value.detail


def test_what_is_gone_or_too_large_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for schema in (BINARY, TEXT):
        with pytest.raises(InputError, match="gathered"):
            resolve_gathered(InputSpec(id="files", schema=schema), tmp_path / "gone", None, tmp_path)
    monkeypatch.setattr(file_values, "VALUE_BYTES", 3)
    with pytest.raises(InputError, match="larger than 3 bytes"):
        resolved(tmp_path, "0.txt", b"long", TEXT)
