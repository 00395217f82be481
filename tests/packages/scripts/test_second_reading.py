"""Where bash or another interpreter reads a value once more, a text is refused; whatever passes is harmless."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from dragoman.packages.scripts.command_places import PlaceholderError
from dragoman.packages.scripts.placeholders import with_references

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = {"x": "ccp_input_0"}
READ_AGAIN = [
    "echo $[ {{x}} + 1 ]",
    'echo "$[ {{x}} + 1 ]"',
    "[ -v {{x}} ]",
    "test -v {{x}}",
    'if [ -n a -a -v "{{x}}" ]; then echo; fi',
    "[ {{x}} {{x}} ]",
    "declare -i n={{x}}",
    "typeset -i n={{x}}",
    "declare -i n\nn={{x}}",
    "declare -i n; read n <<< {{x}}",
    'declare "{{x}}=1"',
    "f() { local {{x}}; }; f",
    "export {{x}}",
    "printf -v {{x}} a",
    "printf '%s' a; printf -v{{x}} a",
    "printf {{x}} {{x}}",
    "read {{x}} <<< a",
    "read -r a {{x}} < f",
    "mapfile {{x}} < f",
    "a=([{{x}}]=1)",
    "a[ {{x}} ]=1",
    'declare -A a=([b]=1 ["{{x}}"]=1)',
    "y=(1); declare y={{x}}",
    "mapfile -t y < f; readonly y={{x}}",
    "declare -a y={{x}}",
    "PS4={{x}}; set -x; true",
    "sed -n -e p -e {{x}} f",
    "perl -e 1 -e {{x}}",
    "bash -o pipefail <<END\n{{x}}\nEND",
    "bash -c \\\n {{x}}",
    "echo {{x}} |\nbash",
    "cat <<END |\n{{x}}\nEND\nbash",
    "{{x}} {{x}}",
    "{ eval {{x}}; }",
    "f() { eval {{x}}; }; f",
    "case a in a) eval {{x}};; esac",
    'FOO=1 eval "echo {{x}}"',
    "timeout 5 eval {{x}}",
    "eval 2>&1 {{x}}",
    "ev'a'l {{x}}",
    "eval a\\ {{x}}",
    'eval "$(echo {{x}})"',
    'eval "$(cat <<END\n{{x}}\nEND\n)"',
    'bash -c "$(cat f) {{x}}"',
    "bash -c a\\ {{x}}",
    "bash -c 'echo '{{x}}",
    'bash -o pipefail -c "echo {{x}}"',
    'bash --login -c "echo {{x}}"',
    'bash -c -e "echo {{x}}"',
    'bash 2>&1 -c "echo {{x}}"',
    'timeout 5 env A=1 nohup sudo bash -c "echo {{x}}"',
    '"$SHELL" -c "echo {{x}}"',
    "bash {{x}}",
    "bash <(echo {{x}})",
    "source {{x}}",
    ". {{x}}",
    ". <(echo {{x}})",
    "bash <<END\necho {{x}}\nEND",
    "bash -s a <<END\necho {{x}}\nEND",
    "bash -e <<END\necho {{x}}\nEND",
    "<<END bash\necho {{x}}\nEND",
    "cat <<END | bash\necho {{x}}\nEND",
    "bash <<< {{x}}",
    'bash -s <<<"{{x}}"',
    "source /dev/stdin <<< {{x}}",
    ". /dev/stdin <<END\n{{x}}\nEND",
    "echo {{x}} | bash",
    'echo "{{x}}\nb" | sudo bash -s',
    "for y in a; do\necho {{x}}\ndone | bash",
    'python3 -c "print({{x}})"',
    'python3 -c"print({{x}})"',
    "python3 {{x}}",
    "python3 - <<END\nprint({{x}})\nEND",
    "echo {{x}} | python3",
    "perl -e 'print {{x}}'",
    "perl -ne 'print {{x}}'",
    "ruby -e 'puts {{x}}'",
    "node -e 'f({{x}})'",
    "node --eval 'f({{x}})'",
    "R -e 'f({{x}})'",
    "Rscript -e 'f({{x}})'",
    "R --no-save <<END\nf({{x}})\nEND",
    "awk '{ print {{x}} }' f",
    "awk -F , '{ print {{x}} }' f",
    "sed 's/a/{{x}}/' f",
    "sed -i -e 's/a/{{x}}/' f",
    'ssh host "ls {{x}}"',
    'su -c "ls {{x}}" someone',
    'su - someone -c "ls {{x}}"',
    "xargs sh -c 'ls {{x}}'",
    "find . -exec sh -c 'ls {{x}}' \\;",
    "[[ -n $( [[ a == b ]] ) && {{x}} -gt 1 ]]",
    "[[ $(echo {{x}}) -gt 1 ]]",
]
ORDINARY = [
    "python3 script.py {{x}}",
    "python3 -u script.py --from={{x}} --source {{x}}",
    "python3 script.py -c {{x}}",
    "python3 -m module {{x}}",
    "python3 script.py <<< {{x}}",
    "python3 script.py <<END\n{{x}}\nEND",
    "echo {{x}} | python3 script.py",
    "python3 - {{x}} <<'END'\nEND",
    "python3 -c 'pass' {{x}}",
    'Rscript script.R "{{x}}"',
    "echo {{x}} > f",
    'echo "please read {{x}}" "[{{x}}]"',
    'bash script.sh "{{x}}"',
    "bash -e script.sh {{x}} 2>&1",
    "bash -c 'echo \"$1\"' _ {{x}}",
    'curl "{{x}}"',
    "export Y={{x}}",
    'declare -r Y="{{x}}"',
    "y=(1); y={{x}}",
    "y=({{x}} {{x}}\n{{x}} {{x}})",
    "sed -r s/a/b/ {{x}}",
    "y=({{x}} b); declare -a z=({{x}})",
    "read -r a b <<< {{x}}",
    "mapfile -t a <<< {{x}}",
    "printf '%s %d %q' {{x}} {{x}} {{x}}",
    'printf "{{x}}"',
    "awk -v y={{x}} '{ print y }' f",
    "awk '{ print }' {{x}}",
    "sed s/a/b/ {{x}}",
    "find . -name {{x}}",
    "[ {{x}} = a ] || [ -f {{x}} ] || test {{x}} -gt 3",
    "cat <<END > f\n{{x}}\nEND",
    "case {{x}} in a|b) echo {{x}};; esac",
    "f() { local y={{x}}; echo $y; }; f {{x}}",
    'for y in {{x}}; do echo "$y"; done',
    "env Y={{x}} timeout 5 cat f",
    "diff <(echo {{x}}) <(echo {{x}})",
    "[[ -n {{x}} && {{x}} == a* && ! -d {{x}} ]]",
]
CODE = [
    "a[$(touch PWNED)]",
    "`touch PWNED`",
    "$(touch PWNED)",
    "($(touch PWNED))",
    "([$(touch PWNED)]=1)",
    "%n",
    "-v",
    "touch PWNED",
    "; touch PWNED;",
    "__import__('os').system('touch PWNED')",
]


@pytest.mark.parametrize("script", READ_AGAIN)
def test_a_text_that_would_be_read_again_is_refused(script: str) -> None:
    with pytest.raises(PlaceholderError) as refused:
        with_references(f"true\n{script}\n", VARIABLES)
    assert "{{ x }}: " in refused.value.message
    assert "allowed: inputs whose type is integer or number" in refused.value.message
    assert refused.value.line >= 2


@pytest.mark.parametrize("script", READ_AGAIN)
def test_a_number_may_be_read_again(script: str) -> None:
    assert "{{" not in with_references(script, VARIABLES, ["x"])


@pytest.mark.parametrize("script", [*ORDINARY, *READ_AGAIN])
def test_what_passes_is_harmless(script: str, tmp_path: Path) -> None:
    """Real bash, with the real interpreters that are there."""
    try:
        text = with_references(script, VARIABLES)
    except PlaceholderError:
        assert script in READ_AGAIN
        return
    (tmp_path / "f").write_text("a\n")
    for name in ("script.py", "script.sh", "script.R", "module.py"):
        (tmp_path / name).write_text("")
    for value in CODE:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ccp_input_0": value}
        subprocess.run(
            ["bash", "-c", text], cwd=tmp_path, env=environment, timeout=60, check=False, capture_output=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert not (tmp_path / "PWNED").exists(), value
