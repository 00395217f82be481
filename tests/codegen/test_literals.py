"""No value leaves its string: each language's own reader gives back exactly what was written."""

from __future__ import annotations

import ast
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from stubkit import command_of

from dragoman.codegen import literals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NASTY = [
    "",
    "\"'`",
    "\\",
    '\\\\"',
    "${HOME} $(id) `id` $HOME #{x} %s",
    "a\nb\r\nc\td\x00e\x7f\x1b",
    "END_OF_REQUEST\n",
    ')" )-" )--" ]]',
    "\u2028\u2029\x85\xa0\ufeff",
    "gr\u00fc\u00df \U0001f6f0\ufe0f \u05d0\u202e",
    "*/ --> <!-- </script> #= =#",
    "__proto__",
    '""" \'\'\' r"-( )-"',
    "-n -e @file \\u0041 \\x41 \\U0001f600",
    "!! !x ~ * ? [a]",
]
TEXTS = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)
MANY = settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
"""Each example is a list of many values, read by one process; to shrink it would start hundreds."""
LISTS = st.lists(VALUES, min_size=40, max_size=60)


def read_by(language: str, program: str, folder: Path, suffix: str) -> bytes:
    """What an interpreter prints that runs the program."""
    path = folder / f"values{suffix}"
    path.write_text(program, "utf-8")
    return subprocess.run(
        [*command_of(language), str(path)], capture_output=True, check=True, timeout=240, cwd=folder
    ).stdout


@given(VALUES)
def test_python(value: Any) -> None:
    again = ast.literal_eval(literals.python(value))
    assert json.dumps(again) == json.dumps(value)


def test_python_numbers_stay_what_they_are() -> None:
    for value in (1, 1.0, -0.0, 1e-7, 2**80, True, None):
        assert repr(ast.literal_eval(literals.python({"a": [value]}))["a"][0]) == repr(value)


@MANY
@given(LISTS)
def test_javascript(tmp_path: Path, values: Sequence[Any]) -> None:
    program = f"process.stdout.write(JSON.stringify({literals.javascript([*values, *NASTY])}))"
    again = json.loads(read_by("javascript", program, tmp_path, ".mjs"), parse_int=float)
    assert again == json.loads(json.dumps([*values, *NASTY]), parse_int=float), "the same doubles"


def test_javascript_keeps_a_member_that_is_called_as_its_prototype(tmp_path: Path) -> None:
    program = f"process.stdout.write(JSON.stringify({literals.javascript({'__proto__': {'a': 1}})}))"
    assert json.loads(read_by("javascript", program, tmp_path, ".mjs")) == {"__proto__": {"a": 1}}


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        ({"a": [2**53]}, True),
        ({"a": [2**53 + 1]}, False),
        ([True, None, 0.1, "1" * 99], True),
        (-(2**60), False),
    ],
)
def test_numbers_that_javascript_would_round_are_known(value: Any, exact: bool) -> None:
    assert literals.exact_in_javascript(value) is exact


@MANY
@given(st.lists(TEXTS, min_size=100, max_size=150))
def test_bash(tmp_path: Path, texts: Sequence[str]) -> None:
    words = [*texts, *NASTY]
    program = "printf '%s\\0' " + " ".join(map(literals.bash, words)) + "\n"
    again = read_by("curl", program, tmp_path, ".sh").decode().split("\0")[:-1]
    assert again == [word.replace("\0", "") for word in words]


@MANY
@given(LISTS)
def test_bash_heredocs(tmp_path: Path, values: Sequence[Any]) -> None:
    documents = [{"inputs": {"x": value}} for value in [*values, *NASTY]]
    program = "".join(
        f"cat <<'END_OF_REQUEST'\n{literals.json_text(document)}\nEND_OF_REQUEST\nprintf '\\0'\n"
        for document in documents
    )
    again = read_by("curl", program, tmp_path, ".sh").decode().split("\0")[:-1]
    assert [json.loads(text) for text in again] == json.loads(json.dumps(documents))


@MANY
@given(LISTS, st.lists(TEXTS, min_size=50, max_size=60))
def test_r(tmp_path: Path, values: Sequence[Any], texts: Sequence[str]) -> None:
    documents = [{"inputs": {"x": value}} for value in [*values, *NASTY]]
    expected = [literals.json_text(document) for document in documents]
    expected += [text.replace("\0", "") for text in [*texts, *NASTY]]
    strings = [literals.r_raw(text) for text in expected[: len(documents)]]
    strings += [literals.r(text) for text in [*texts, *NASTY]]
    program = "".join(f"writeBin(c(charToRaw(enc2utf8({text})), as.raw(0)), out)\n" for text in strings)
    target = tmp_path / "out"
    read_by("r", f"out <- file({literals.r(str(target))}, 'wb')\n{program}close(out)\n", tmp_path, ".R")
    assert program.isascii(), "whatever R takes the script's encoding for"
    assert target.read_bytes().decode().split("\0")[:-1] == expected


@given(VALUES, TEXTS)
def test_julia(value: Any, text: str) -> None:
    """By its grammar alone: there is no interpreter in the usual places to run tests in."""
    grammar = pytest.importorskip("tree_sitter_julia", reason="tree-sitter-julia is not here; it is in dev")
    tree_sitter = pytest.importorskip("tree_sitter")
    source = f"x = {literals.julia({'a': value, text: text})}\ny = 1\n".encode()
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    root = parser.parse(source).root_node
    assert not root.has_error
    assert [node.type for node in root.children] == ["assignment", "assignment"]
    assert b"interpolation" not in str(root).encode()


@given(st.text(), st.sampled_from(["#", "//"]))
def test_a_comment_stays_one_line(text: str, sign: str) -> None:
    line = literals.comment(text)
    assert len(f"{sign} {line}".splitlines()) == 1
    assert line.isprintable()
