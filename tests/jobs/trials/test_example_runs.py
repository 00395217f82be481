"""Examples of packages, each run within the limits of its package: nothing that an author's code does goes unseen."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from dragoman.jobs.trials.example_runs import LOADING, try_package
from dragoman.packages.forms import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLI = [sys.executable, "-P", "-m", "dragoman.cli"]
COMMAND = [*CLI, "examples"]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")


def package(
    folder: Path,
    run: str = "return 1",
    *,
    yml: str = "",
    head: str = "",
    examples: Sequence[str] = ("a", "b"),
) -> Path:
    """A package with one number as output, which its examples expect to be 1; ``b`` has a title."""
    (folder / "examples").mkdir(parents=True)
    inputs = "inputs: {which: {schema: {type: string}}}"
    (folder / "process.yml").write_text(
        f"version: '1'\n{inputs}\noutputs: {{out: {{schema: {{}}}}}}\n{yml}\n"
    )
    body = textwrap.indent(textwrap.dedent(run).strip(), "    ")
    (folder / "algorithm.py").write_text(f"import os, sys, time, ctypes\n{head}\ndef run(which):\n{body}\n")
    for name in examples:
        title = "title: The second\n" if name == "b" else ""
        (folder / f"examples/{name}.yml").write_text(
            f"{title}inputs: {{which: {name}}}\noutputs: {{out: 1}}\n"
        )
    return folder


def verdicts(folder: Path) -> list[tuple[str, list[str]]]:
    return list(try_package(folder, {}, BUILT_IN, COMMAND))


def test_an_example_without_title_goes_by_its_file(tmp_path: Path) -> None:
    assert verdicts(package(tmp_path / "p")) == [("a.yml", []), ("The second", [])]


def test_an_error_is_shown_with_the_authors_own_lines(tmp_path: Path) -> None:
    folder = package(tmp_path / "p", "import helper\nreturn helper.part(which == 'b')")
    (folder / "helper.py").write_text("import json\ndef part(n):\n    return json.loads('1') / n\n")
    assert verdicts(folder) == [
        (
            "a.yml",
            [
                "ZeroDivisionError: division by zero",
                "    p/algorithm.py:5, in run",
                "        return helper.part(which == 'b')",
                "    p/helper.py:3, in part",
                "        return json.loads('1') / n",
            ],
        ),
        ("The second", []),
    ]


def test_what_it_came_from_is_shown_too(tmp_path: Path) -> None:
    run = "try:\n    {}['x']\nexcept KeyError as error:\n    raise ValueError('no x') from error"
    ((_, problems),) = verdicts(package(tmp_path / "p", run, examples=["a"]))
    assert problems == [
        "ValueError: no x",
        "    p/algorithm.py:7, in run",
        "        raise ValueError('no x') from error",
        "    caused by KeyError",
        "    p/algorithm.py:5, in run",
        "        {}['x']",
    ]


@pytest.mark.parametrize(
    ("crash", "told"),
    [
        ("sys.exit(0)", "SystemExit: 0"),
        ("sys.exit(3)", "SystemExit: 3"),
        ("os._exit(0)", "its process ended with exit code 0 while running"),
        ("os._exit(3)", "its process ended with exit code 3 while running"),
        ("ctypes.string_at(0)", "its process ended with signal SIGSEGV while running"),
        ("os.fork() or time.sleep(60); os._exit(5)", "its process ended with exit code 5 while running"),
    ],
)
def test_an_end_of_the_process_is_a_failure_and_the_next_example_runs(
    tmp_path: Path, crash: str, told: str
) -> None:
    (first, problems), second = verdicts(package(tmp_path / "p", f"if which == 'a':\n    {crash}\nreturn 1"))
    assert first == "a.yml"
    assert problems[0] == told
    assert second == ("The second", [])


def test_the_timeout_of_the_package_holds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = "threading.Thread(target=aside, daemon=True).start()\ntime.sleep(60 * (which == 'a'))\nreturn 1"
    head = "import threading\ndef aside():\n    time.sleep(60)"
    folder = package(tmp_path / "p", run, yml="timeout: 0.5", head=head)
    assert verdicts(folder) == [("a.yml", ["ran longer than its timeout of 0.5 s"]), ("The second", [])]
    told = capfd.readouterr().err  # what each thread was doing
    assert told.count('algorithm.py", line 4 in aside') == 1
    assert told.count('algorithm.py", line 7 in run') == 1


@LINUX
def test_the_memory_limit_of_the_package_holds(tmp_path: Path) -> None:
    folder = package(
        tmp_path / "p", "return len(bytes(2**30 if which == 'a' else 1)) * 1", yml="memory_limit: 512MiB"
    )
    (_, problems), second = verdicts(folder)
    assert problems[0] == "the job ran out of memory; its memory_limit is 512 MiB"
    assert problems[1].strip() == "p/algorithm.py:4, in run"
    assert second == ("The second", [])


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (
            "1 / 0",
            "p/algorithm.py:2: cannot be imported: ZeroDivisionError: division by zero",
        ),
        (
            "import neighbour",
            "p/algorithm.py:2 (p/neighbour.py:3): cannot be imported: KeyError: 'x'",
        ),
        ("sys.exit(0)", "SystemExit: 0"),
        ("os._exit(7)", "its process ended with exit code 7 while loading"),
    ],
)
def test_a_package_that_cannot_be_imported_is_one_failure(tmp_path: Path, head: str, told: str) -> None:
    folder = package(tmp_path / "p", head=head)
    (folder / "neighbour.py").write_text("\n\n{}['x']\n")
    ((title, problems),) = verdicts(folder)
    assert title == LOADING
    assert problems[0] == told


def test_an_error_of_setup_is_a_failure_with_its_line(tmp_path: Path) -> None:
    folder = package(tmp_path / "p")
    (folder / "algorithm.py").write_text(
        "class Algorithm:\n    def setup(self):\n        raise OSError('no GPU')\n"
        "    def run(self, which): return 1\n"
    )
    assert verdicts(folder) == [
        (
            LOADING,
            ["OSError: no GPU", "    p/algorithm.py:3, in setup", "        raise OSError('no GPU')"],
        )
    ]


def command(*names: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLI, "test", *names], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_command_names_package_and_example_and_fails_with_any(tmp_path: Path) -> None:
    package(tmp_path / "good", examples=["a"])
    package(tmp_path / "crash", "ctypes.string_at(0)", examples=["a"])
    package(tmp_path / "wrong", "return 2", examples=["a"])
    package(tmp_path / "broken", yml="colour: red")
    package(tmp_path / "bare", examples=[])
    done = command("crash", "good", "wrong", "broken", "bare", folder=tmp_path)
    assert done.stdout.splitlines() == [
        "FAILED  crash: a.yml",
        "          its process ended with signal SIGSEGV while running",
        "ok      good: a.yml",
        "FAILED  wrong: a.yml",
        "          out: is 2, expected 1",
        "FAILED  broken: cannot be loaded",
        '          broken/process.yml:4: colour: "colour" is unknown; allowed: id, version, title, '
        + done.stdout.partition("allowed: id, version, title, ")[2].partition("\n")[0],
        "none    bare: no examples",
    ]
    assert done.returncode == 1
    assert command("good", "bare", folder=tmp_path).returncode == 0


def test_what_an_algorithm_prints_is_seen(tmp_path: Path) -> None:
    package(tmp_path / "p", "print('seen', which)\nreturn 1", examples=["a"])
    assert command("p", folder=tmp_path).stdout == "seen a\nok      p: a.yml\n"
