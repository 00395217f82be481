"""From what was sent to a value or a file."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.config.settings import FetchSettings
from dragoman.errors import InputError
from dragoman.model.job import InputValue
from dragoman.model.process import InputSpec
from dragoman.schemas import file_values
from dragoman.sources.policy import SourcePolicy
from dragoman.sources.resolve import resolve

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sources.conftest import Server

BINARY = {"type": "string", "contentEncoding": "binary", "contentMediaType": "image/tiff"}
TEXT = {"type": "string", "contentMediaType": "application/gml+xml"}
OBJECT = {"type": "object"}
PLAIN = SourcePolicy(fetch=FetchSettings())


def spec(schema: dict[str, Any]) -> InputSpec:
    return InputSpec(id="red", schema=schema)


@pytest.mark.parametrize("value", [None, 5, "text", [1, 2], {"a": 1}])
def test_an_inline_value_stays_as_it_is(tmp_path: Path, value: Any) -> None:
    resolved = resolve(spec({}), InputValue(value=value, media_type="a/b"), tmp_path, PLAIN)
    assert (resolved.value, resolved.path, resolved.media_type) == (value, None, "a/b")
    assert not list(tmp_path.iterdir())


def test_inline_base64_of_a_binary_input_becomes_a_file(tmp_path: Path) -> None:
    for value in (
        InputValue(value="SUkq"),
        InputValue(value="SUkq", encoding="base64", media_type="image/tiff"),
    ):
        resolved = resolve(spec(BINARY), value, tmp_path / "new", PLAIN)
        assert resolved.path is not None
        assert resolved.path.read_bytes() == b"II*"
        assert resolved.path.parent == tmp_path / "new"
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_base64_of_another_input_becomes_its_value(tmp_path: Path) -> None:
    text = base64.b64encode(b'{"a": 1}').decode()
    value = InputValue(value=text, encoding="base64", media_type="application/json")
    assert resolve(spec(OBJECT), value, tmp_path, PLAIN).value == {"a": 1}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "is_file"),
    [
        (InputValue(value="<gml/>"), False),
        (InputValue(value="SUkq"), True),
        (InputValue(value="SUkq", media_type="application/gml+xml"), False),
        (InputValue(value="SUkq", media_type="image/tiff"), True),
        (InputValue(value="SUkq", encoding="utf-8"), False),
    ],
)
def test_text_or_binary_is_told_apart(tmp_path: Path, value: InputValue, is_file: bool) -> None:
    resolved = resolve(spec({"oneOf": [BINARY, TEXT]}), value, tmp_path, PLAIN)
    assert (resolved.path is not None) == is_file


def test_wrong_base64_names_the_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="input 'red': the content is not base64"):
        resolve(spec(BINARY), InputValue(value="no, sir"), tmp_path, PLAIN)
    assert not list(tmp_path.iterdir())


def test_a_fetched_binary_becomes_a_file(server: Server, policy: SourcePolicy, tmp_path: Path) -> None:
    href = server.body("/folder/scene.TIF?x=1", b"II*", Content_Type="image/tiff")
    resolved = resolve(spec(BINARY), InputValue(href=href), tmp_path, policy)
    assert resolved.path is not None
    assert resolved.path.read_bytes() == b"II*"
    assert resolved.path.suffix == ".TIF"
    assert resolved.media_type == "image/tiff"
    declared = resolve(spec(BINARY), InputValue(href=href, media_type="image/png"), tmp_path, policy)
    assert declared.media_type == "image/png"


def test_a_refused_reference_names_the_input_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    for href in (server.body("/a", b"x"), "ftp://a/b", "file:///etc/passwd"):
        with pytest.raises(InputError, match="input 'red': "):
            resolve(spec(BINARY), InputValue(href=href), tmp_path, PLAIN)
    assert not list(tmp_path.iterdir())
    assert server.requests == []


def test_a_failed_fetch_leaves_nothing(server: Server, policy: SourcePolicy, tmp_path: Path) -> None:
    href = server.body("/a", b"x", Content_Length="5")
    with pytest.raises(InputError, match="closed before its end"):
        resolve(spec(BINARY), InputValue(href=href), tmp_path, policy)
    assert not list(tmp_path.iterdir())


def test_a_file_reference_is_the_file_itself(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.tif").write_bytes(b"II*")
    (root / "a.json").write_text('{"a": 1}', encoding="utf-8")
    policy = SourcePolicy(fetch=FetchSettings(), data_roots=(root,))
    resolved = resolve(spec(BINARY), InputValue(href=f"file://{root}/a.tif"), tmp_path / "new", policy)
    assert resolved.path is not None
    assert resolved.path.name == "a.tif"
    assert resolved.path.samefile(root / "a.tif")
    assert resolve(spec(OBJECT), InputValue(href=f"file://{root}/a.json"), tmp_path, policy).value == {"a": 1}
    assert len(list(root.iterdir())) == 2


@pytest.mark.parametrize(
    ("schema", "content", "media_type", "value"),
    [
        (OBJECT, '{"a": 1}', None, {"a": 1}),
        ({"type": "number"}, "2.5\n", None, 2.5),
        ({"type": "array"}, "\ufeff[1]", "application/json", [1]),
        ({"type": "string"}, "5", None, "5"),
        ({"type": "string"}, '"five"', "text/plain", '"five"'),
        ({"type": "string"}, '"five"', "application/json", "five"),
        ({"type": "string"}, '{"a": 1}', "application/geo+json", '{"a": 1}'),
        ({"oneOf": [{"type": "string"}, {"type": "number"}]}, "5", None, 5),
        ({"oneOf": [{"type": "string"}, {"type": "number"}]}, "five", None, "five"),
        ({"enum": ["five"]}, "five", None, "five"),
    ],
)
def test_a_reference_to_a_value_is_read(
    tmp_path: Path, schema: dict[str, Any], content: str, media_type: str | None, value: Any
) -> None:
    href = "data:;base64," + base64.b64encode(content.encode()).decode()
    resolved = resolve(spec(schema), InputValue(href=href, media_type=media_type), tmp_path, PLAIN)
    assert resolved.value == value
    assert resolved.path is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"a": NaN}', b"[" * 100_000, b"9" * 5000])
def test_what_is_not_json_is_refused(tmp_path: Path, content: bytes) -> None:
    href = "data:;base64," + base64.b64encode(content).decode()
    with pytest.raises(InputError, match=r"not (JSON|text)"):
        resolve(spec(OBJECT), InputValue(href=href), tmp_path, PLAIN)
    assert not list(tmp_path.iterdir())


def test_a_value_has_a_smaller_limit(
    server: Server, policy: SourcePolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_values, "VALUE_BYTES", 100)
    href = server.body("/a", json.dumps({"a": "x" * 200}).encode())
    with pytest.raises(InputError, match="larger than 100 bytes"):
        resolve(spec(OBJECT), InputValue(href=href), tmp_path, policy)
    assert resolve(spec(BINARY), InputValue(href=href), tmp_path, policy).path is not None


STRING = {"type": "string"}


@pytest.mark.parametrize(
    ("href", "media_type", "value"),
    [
        ("data:text/plain;charset=iso-8859-1,gr%FCezi", None, "grüezi"),
        ("data:text/plain;charset=ISO-8859-1;base64,Z3L8ZXpp", None, "grüezi"),
        ("data:;charset=utf-8,gr%C3%BCezi", None, "grüezi"),
        ("data:text/plain;charset=utf-16,%FF%FEa%00", None, "a"),
        ("data:text/plain,gr%FCezi", 'text/plain; charset="latin1"', "grüezi"),
        ("data:text/plain;charset=utf-8,gr%FCezi", "text/plain;charset=latin1", "grüezi"),
        ("data:text/plain;charset=us-ascii,a", None, "a"),
    ],
)
def test_the_stated_charset_is_used(tmp_path: Path, href: str, media_type: str | None, value: str) -> None:
    """RFC 2397; what the client says of the value counts before the URL."""
    resolved = resolve(spec(STRING), InputValue(href=href, media_type=media_type), tmp_path, PLAIN)
    assert resolved.value == value


def test_the_charset_of_a_server_is_used(server: Server, policy: SourcePolicy, tmp_path: Path) -> None:
    href = server.body("/a", "grüezi".encode("latin-1"), Content_Type="text/plain; charset=ISO-8859-1")
    assert resolve(spec(STRING), InputValue(href=href), tmp_path, policy).value == "grüezi"


def test_inline_base64_has_the_charset_of_its_media_type(tmp_path: Path) -> None:
    text = base64.b64encode("grüezi".encode("latin-1")).decode()
    value = InputValue(value=text, encoding="base64", media_type="text/plain; charset=ISO-8859-1")
    assert resolve(spec(STRING), value, tmp_path, PLAIN).value == "grüezi"


@pytest.mark.parametrize("charset", ["nonsense", "rot13", "base64", "unicode_escape", "idna", "hex", "a\0b"])
def test_a_charset_that_is_not_known_is_named(tmp_path: Path, charset: str) -> None:
    value = InputValue(href="data:text/plain,a", media_type=f"text/plain;charset={charset}")
    with pytest.raises(InputError, match=r"the charset .* is not known; allowed: utf-8"):
        resolve(spec(STRING), value, tmp_path, PLAIN)


def test_json_is_utf_8_whatever_is_said_of_it(tmp_path: Path) -> None:
    latin = InputValue(href='data:application/json;charset=iso-8859-1,{"a":"%FC"}')
    with pytest.raises(InputError, match="not text in UTF-8"):
        resolve(spec(OBJECT), latin, tmp_path, PLAIN)
    utf8 = InputValue(href='data:application/json;charset=iso-8859-1,{"a":"%C3%BC"}')
    assert resolve(spec(OBJECT), utf8, tmp_path, PLAIN).value == {"a": "ü"}
