"""Programs as texts: valid in their language, whatever the process, the request and the issuer are called."""

from __future__ import annotations

import ast
import json
import subprocess
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from stubkit import command_of

from dragoman.codegen.languages import LANGUAGES, language_of
from dragoman.codegen.long_values import LONGEST, without_long_values
from dragoman.codegen.programs import Login, Plan, render
from dragoman.config.auth import OidcSettings
from dragoman.errors import NoSuchPage

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [language.id for language in LANGUAGES]
WORDS = "x'; \"\\\n# coding: utf-7\n${HOME} `id` $(id) \u2028 */ <b> \U0001f6f0"
HOSTILE = Plan(
    process_id=WORDS,
    title=WORDS,
    execution_url=f"http://a.example/{WORDS}",
    request={"inputs": {WORDS: WORDS, "n": [1, {"a": None}]}},
    login=Login(issuer=f"https://{WORDS}", client_id=WORDS, scopes=(WORDS,), audience=WORDS),
    job_id="1b4e28ba-2fa1-41d2-883f-0016d3cca427",
)
LONG = "TWFu" * 20_000


def plan(**changes: Any) -> Plan:
    fields = {
        "process_id": "echo",
        "title": "Echo",
        "execution_url": "http://localhost:5000/processes/echo/execution",
        "request": {"inputs": {"text": "Hello"}},
    }
    return Plan(**{**fields, **changes})


def check_syntax(language: str, text: str, folder: Path) -> None:
    """Fail unless the language takes the text for a program."""
    if language == "python":
        compile(text, "stub.py", "exec")
        return
    if language == "jupyter":
        check_notebook(text)
        return
    if language == "julia":
        check_julia(text)
        return
    path = folder / f"stub{language_of(language).suffix}"
    path.write_text(text, "utf-8")
    checks = {
        "r": ["-e", f"invisible(parse('{path}'))"],
        "javascript": ["--check", str(path)],
        "curl": ["-n", str(path)],
    }
    command = [*command_of(language), *checks[language]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def check_notebook(text: str) -> None:
    book = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]  # it has no types
    nbformat.validate(book)
    for cell in book.cells:
        if cell.cell_type == "code":
            compile(cell.source, cell.id, "exec")


def check_julia(text: str) -> None:
    grammar, tree_sitter = pytest.importorskip("tree_sitter_julia"), pytest.importorskip("tree_sitter")
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    root = parser.parse(text.encode()).root_node
    assert not root.has_error, _faults(root)


def _faults(node: Any) -> list[str]:
    own = [f"{node.start_point}: {node.text[:80]!r}"] if node.type == "ERROR" or node.is_missing else []
    return own + [fault for child in node.children for fault in _faults(child)]


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.parametrize(
    "login", [None, Login(issuer="https://id.example/geo", client_id="cli", audience="geo")]
)
def test_a_program_is_one(language: str, login: Login | None, tmp_path: Path) -> None:
    text = render(language_of(language), plan(login=login))
    check_syntax(language, text, tmp_path)
    assert ("id.example" in text, "DRAGOMAN_TOKEN" in text) == (login is not None,) * 2


@pytest.mark.parametrize("language", NAMES)
def test_names_and_titles_do_no_harm(language: str, tmp_path: Path) -> None:
    check_syntax(language, render(language_of(language), HOSTILE), tmp_path)


@pytest.mark.parametrize("language", NAMES)
def test_long_texts_are_read_from_files(language: str, tmp_path: Path) -> None:
    request = {"inputs": {"red": {"value": LONG, "mediaType": "image/tiff"}, "list": ["a", LONG]}}
    text = render(language_of(language), plan(request=request))
    check_syntax(language, text, tmp_path)
    assert len(text) < 20_000
    assert "input-red.txt" in text
    assert "input-list-1.txt" in text


def test_long_texts_have_names_of_their_own() -> None:
    taken = "the text of the file input-a.txt"
    request = {"inputs": {"a": LONG, "../b c": [LONG], "d": taken}}
    short, values = without_long_values(request)
    assert [(value.file, value.path) for value in values] == [
        ("_input-a.txt", ("inputs", "a")),
        ("input-___b_c-0.txt", ("inputs", "../b c", 0)),
    ]
    assert short["inputs"]["a"] == values[0].stand_in != taken
    small = {"inputs": {"a": "x" * (LONGEST // 2)}}
    assert without_long_values(small) == (small, [])


@pytest.mark.parametrize(
    ("process_id", "job_id", "name"),
    [
        ("ndvi", "", "ndvi.py"),
        ("ndvi", "1b4e28ba-2fa1-41d2-883f-0016d3cca427", "ndvi-1b4e28ba.py"),
        ('../"x\r\n', "", "_x__.py"),
        ("..", "", "process.py"),
    ],
)
def test_the_name_of_its_file_is_harmless(process_id: str, job_id: str, name: str) -> None:
    file = plan(process_id=process_id, job_id=job_id).file_name(language_of("python"))
    assert file == name or name == "_x__.py"
    assert not set(file) & set('/\\"\r\n')


def test_an_unknown_language_is_told_which_there_are() -> None:
    with pytest.raises(NoSuchPage, match="there is no stub in 'cobol'; allowed: r, python, julia"):
        language_of("cobol")


def test_numbers_that_javascript_would_round_are_sent_as_they_were(tmp_path: Path) -> None:
    text = render(language_of("javascript"), plan(request={"inputs": {"n": 2**60, "text": LONG}}))
    check_syntax("javascript", text, tmp_path)
    assert str(2**60) in text
    assert "JSON.stringify(request)" not in text


def test_a_notebook_has_a_cell_for_each_step() -> None:
    book = json.loads(render(language_of("jupyter"), HOSTILE))
    code = [cell["id"] for cell in book["cells"] if cell["cell_type"] == "code"]
    assert code == ["opening", "request", "token", "call", "submit", "poll", "download"]
    assert "<b>" not in "".join(book["cells"][0]["source"])
    values = ast.literal_eval("".join(book["cells"][4]["source"]).partition("REQUEST = ")[2].strip())
    assert values == HOSTILE.request


def test_a_login_is_what_the_server_is_told() -> None:
    assert Login.by(None) is None
    oidc = OidcSettings(issuer="https://id.example/geo", audience=("a",), client_id="c", scopes=("geo.run",))
    assert Login.by(oidc) == Login(
        issuer="https://id.example/geo", client_id="c", scopes=("geo.run",), audience="a"
    )
