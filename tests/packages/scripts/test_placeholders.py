"""Placeholders in scripts: whatever a value holds, bash sees it as one word, and reads none of it as script."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragoman.packages.scripts.bash_run import Bash, Ending
from dragoman.packages.scripts.command_places import PlaceholderError
from dragoman.packages.scripts.placeholders import with_references

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VARIABLES = {"x": "ccp_input_0", "in-put 2": "ccp_input_1", "n": "ccp_input_2"}
PLACES = {
    "bare": "show {{ x }}",
    "within a word": "show a{{x}}b{{ x }}c",
    "double": 'show "a {{ x }} b"',
    "single": "show 'a {{ x }} b'",
    "ansi": r"show $'a\t{{ x }}\'b'",
    "substitution": 'show "$(printf %s {{ x }}; echo end)"',
    "double in a substitution": 'show "$(printf %s "a {{ x }}"; echo end)"',
    "single in a substitution": "show \"$(printf %s 'a {{ x }}'; echo end)\"",
    "backquotes": 'show `printf %s a`"`printf %s {{ x }}; echo end`"',
    "assignment": 'y={{ x }}\nshow "$y"',
    "array": 'y=(a {{ x }} "{{ x }}")\nshow "${y[@]}"',
    "here-document": "show \"$(cat <<END\na {{ x }} 'b {{ x }}'\nEND\necho end)\"",
    "indented here-document": 'show "$(cat <<-END\n\ta {{ x }}\n\tEND\necho end)"',
    "here-string": 'show "$(cat <<< {{ x }}; echo end)"',
    "case": 'case {{ x }} in\n"") show empty;;\n'
    '*) show {{ x }} "$(case a in a) printf %s {{ x }};; esac; echo end)";;\nesac',
    "test": "if [[ {{ x }} == {{ x }} ]]; then show {{ x }}; fi",
    "loop": 'for y in {{ x }} b; do show "$y"; done',
    "function": "f() { show \"$1\" '{{ x }}'; }\nf {{ x }}",
    "comment": "# it's {{ x }} and \"{{ nothing }}\nshow {{ x }} # don't {{ x }}",
    "other name": "show {{in-put 2}}",
    "after an escape": 'show \\\'{{ x }}\\" "\\"{{ x }}"',
}
"""By name a script, whose words are compared with those that hold the value as it is in Python."""
NASTY = [
    "",
    " ",
    "it's",
    '"',
    "\\",
    "a\\",
    "`touch hacked`",
    "$(touch hacked)",
    "${HOME} $x !! ~ *",
    "a\nb\n",
    "\n\nEND\ntouch hacked\n",
    "; touch hacked; #",
    "' ; touch hacked ; '",
    '" ; touch hacked ; "',
    "')\ntouch hacked\n('",
    "grüß \U0001f6f0",
    "\x01\x7f\x01\x02\x1b[0m\r\t",
    "-n",
    "a[$(touch hacked)]",
    "{{ x }}",
]
TEXTS = st.sampled_from(NASTY) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0") | st.sampled_from("'\"\\`$(){}\n; "),
    max_size=20,
)


def run(script: str, folder: Path, *values: str) -> list[str]:
    """The words that a script shows, each value in the variable of its place."""
    folder.mkdir(exist_ok=True)
    out = folder / "out"
    bash = Bash(work=folder, folder=folder, environment={**os.environ, "out": str(out)})
    bash.set_values(dict(zip(VARIABLES.values(), values, strict=False)))
    head = 'show() { printf \'%s\\0\' "$@" >> "$out"; }\n'
    text = with_references(script, VARIABLES, ["n"])
    out.unlink(missing_ok=True)
    assert bash.run("test", head + text, Ending(), seconds=60, heeds_end=False) == 0, text
    assert not (folder / "hacked").exists()
    return out.read_bytes().decode().split("\0")[:-1]


def expected(place: str, x: str) -> list[str]:
    """What a place shows of a value; a here-string and a substitution end as bash ends them."""
    words = {
        "bare": [x],
        "within a word": [f"a{x}b{x}c"],
        "double": [f"a {x} b"],
        "single": [f"a {x} b"],
        "ansi": [f"a\t{x}'b"],
        "substitution": [f"{x}end"],
        "double in a substitution": [f"a {x}end"],
        "single in a substitution": [f"a {x}end"],
        "backquotes": [f"a{x}end"],
        "assignment": [x],
        "array": ["a", x, x],
        "here-document": [f"a {x} 'b {x}'\nend"],
        "indented here-document": [f"a {x}\nend"],
        "here-string": [f"{x}\nend"],
        "case": ["empty"] if x == "" else [x, f"{x}end"],
        "test": [x],
        "loop": [x, "b"],
        "function": [x, x],
        "comment": [x],
        "other name": ["second"],
        "after an escape": [f"'{x}\"", f'"{x}'],
    }
    return words[place]


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(TEXTS, max_size=3))
def test_any_value_stays_one_word(place: str, tmp_path: Path, texts: Sequence[str]) -> None:
    for text in texts:
        assert run(PLACES[place], tmp_path / "run", text, "second") == expected(place, text)


@pytest.mark.parametrize("place", PLACES)
def test_values_that_would_be_script(place: str, tmp_path: Path) -> None:
    for text in NASTY:
        assert run(PLACES[place], tmp_path / "run", text, "second") == expected(place, text), text


def test_a_value_may_be_long(tmp_path: Path) -> None:
    text = "it's $(no) \\\n" * 200_000
    assert run("show {{ x }}", tmp_path / "run", text) == [text]


def test_numbers_may_be_calculated_with(tmp_path: Path) -> None:
    script = (
        "y=(a b c d)\nshow $(( {{ n }} * 2 )) ${y[{{n}}]} ${y[@]:{{ n }}:1}; (( {{ n }} > 2 )) && show yes"
    )
    assert run(f"{script}\n[[ {{{{ n }}}} -eq 3 ]] && show three", tmp_path / "run", "", "", "3") == [
        "6", "d", "d", "yes", "three",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "line", "words"),
    [
        ("a\ncat <<'END'\nb {{ x }}\nEND", 3, "a here-document whose delimiter is quoted"),
        ("cat <<\\END\n{{x}}\nEND", 2, "delimiter is quoted"),
        ('cat <<-"END"\n\t{{x}}\n\tEND', 2, "delimiter is quoted"),
        ("echo {{ z }}", 1, "{{ z }} is no input; allowed: x, in-put 2, n"),
        ("echo\necho $(( {{ x }} ))", 2, "integer or number"),
        ("(( {{x}} > 1 ))", 1, "integer or number"),
        ("echo ${y:-{{ x }}}", 1, "integer or number"),
        ("y[{{ x }}]=1", 1, "subscript"),
        ("[[ {{ x }} -gt 3 ]]", 1, "write [ ]"),
        ("[[ -v {{ x }} ]]", 1, "integer or number"),
        ("eval {{ x }}", 1, "read as script"),
        ("true; if eval 'echo {{ x }}'; then a; fi", 1, "read as script"),
        ('let "y={{ x }}"', 1, "read as script"),
        ("bash -c 'echo {{ x }}'", 1, "read as script"),
        ('/bin/sh -e -c "cd /; echo {{ x }}"', 1, "read as script"),
    ],
)
def test_places_where_a_value_would_be_read_as_script_are_refused(script: str, line: int, words: str) -> None:
    with pytest.raises(PlaceholderError) as refused:
        with_references(script, VARIABLES, ["n"])
    assert refused.value.line == line
    assert words in refused.value.message


def test_a_value_is_handed_to_another_shell_as_an_argument(tmp_path: Path) -> None:
    script = 'show "$(bash -c \'printf %s "$1"\' _ {{ x }}; echo end)"'
    assert run(script, tmp_path / "run", "$(touch hacked)") == ["$(touch hacked)end"]


def test_other_templates_stay(tmp_path: Path) -> None:
    script = "show '{{.Names}}' {{a,b},c} \"{{ 1 }}\""
    assert with_references(script, VARIABLES) == script


@given(st.text(st.sampled_from("{}x n'\"\\`$()[]<>E\n;#&|-")))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_to_its_end(text: str) -> None:
    try:
        rendered = with_references(text, VARIABLES, ["n"])
    except PlaceholderError:
        assert "{{" in text
    else:
        assert "{{" in text or rendered == text


def test_bash_says_what_it_thinks_of_it() -> None:
    assert (
        subprocess.run(
            ["bash", "-n", "-c", with_references(PLACES["case"], VARIABLES)], check=False
        ).returncode
        == 0
    )
