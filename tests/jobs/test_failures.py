"""What a client may know of a failure: the message, and no path of the machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dragoman.errors import InputError, InputProblem, InvalidInputs, OutputError, PackageError, TimedOut
from dragoman.jobs import path_redaction
from dragoman.jobs.failures import MAX_TEXT, describe_failure
from dragoman.jobs.path_redaction import hide_paths
from dragoman.jobs.run_context import RunContext

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS = st.text(st.sampled_from("abcXYZ019_.-+äø漢"), min_size=1, max_size=8).filter(
    lambda part: part.strip(".")
)
FOLDERS = st.lists(PARTS, min_size=1, max_size=5)
BEFORE = st.sampled_from(
    [
        "",
        "cannot open ",
        "'",
        '"',
        "(",
        "in [",
        "error:",
        "path=",
        "a, ",
        "<",
        "file:",
        "file://",
        "a\\n",
        "\n",
    ]
)
AFTER = st.sampled_from(["", " is gone", "'", '"', ")", ": No such file", ", again", "\n"])


@given(BEFORE, FOLDERS, PARTS, AFTER)
def test_no_local_path_survives(before: str, folders: list[str], name: str, after: str) -> None:
    path = "/" + "/".join([*folders, name])
    shown = hide_paths(f"{before}{path}{after}")
    assert path not in shown
    assert "/" not in shown.replace("file://", "")
    assert shown.removesuffix(after).endswith(name)


ROOTS = st.sampled_from(["tmp", "home", "srv", "var", "opt", "usr", *os.listdir("/")])
WRAPPINGS = st.text(st.sampled_from(" '\"()[]{}<>#=:;,|!?*&%@~^$.\\\n"), max_size=4)
SCHEMES = st.sampled_from(
    ["", "sqlite:", "sqlite+pysqlite:", "NETCDF:", "file:", "FILE:", "http:", "jar:file:"]
)


@given(WRAPPINGS, SCHEMES, st.integers(1, 4), ROOTS, FOLDERS, PARTS, WRAPPINGS)
def test_whatever_is_around_it_no_folder_is_told(
    before: str, scheme: str, slashes: int, root: str, folders: list[str], name: str, after: str
) -> None:
    assume(
        slashes != 2 or not scheme or scheme.lower().endswith("file:")
    )  # else a URL whose host is called so
    path = "/".join([root, *folders, name])
    shown = hide_paths(f"{before}{scheme}{'/' * slashes}{path}{after}")
    assert f"/{root}/" not in shown
    assert path not in shown


@given(st.lists(st.sampled_from(["http://h/a/b", "1/2", "2024/01/02", "m/s", "image/tiff", "a", ".", ":"])))
def test_ordinary_words_are_not_touched(words: list[str]) -> None:
    text = " ".join(words)
    assert hide_paths(text) == text


@pytest.mark.parametrize(
    "unit",
    [
        "a.",
        "a",
        "/",
        "/a",
        "'/",
        "'/a",
        '"/a',
        "file:",
        "file://a",
        "//a:",
        "a:/",
        "](/",
        "#/tmp",
        "://",
        ",/a",
    ],
)
def test_the_work_grows_with_the_text(unit: str) -> None:
    """A megabyte: were the time to grow with its square, this would not end."""
    assert isinstance(hide_paths(unit * (1_000_000 // len(unit))), str)


def test_no_quantifier_of_the_pattern_gives_back_what_it_took() -> None:
    pattern = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "x", path_redaction._TEXT.pattern).replace("(?", "(")
    assert set(re.findall(r"[*+?]+", pattern)) <= {"*+", "++", "?+"}


@given(st.sampled_from(["'", '"']), FOLDERS, PARTS)
def test_nor_a_quoted_one_with_blanks(quote: str, folders: list[str], name: str) -> None:
    path = "/my folder (old)/" + "/".join([*folders, f"a {name}"])
    assert hide_paths(f"No such file: {quote}{path}{quote}") == f"No such file: {quote}a {name}{quote}"


@given(
    st.sampled_from(["http", "https", "s3", "gs", "ftp"]),
    st.sampled_from(["example.org", "127.0.0.1:8080", "[::1]", "[::1]:80", "me@example.org"]),
    st.lists(st.text(st.sampled_from("abz09-_.~%@:!$&()*+,;="), max_size=6), max_size=5),
    st.sampled_from(["", "?a=/b/c", "#/d/e/f"]),
    st.sampled_from(["", " was refused", "' ", '"', ">"]),
)
def test_urls_stay(scheme: str, host: str, parts: list[str], rest: str, after: str) -> None:
    url = "/".join([f"{scheme}://{host}", *parts]) + rest
    assert hide_paths(f"cannot fetch '{url}{after}") == f"cannot fetch '{url}{after}"


@pytest.mark.parametrize(
    "text",
    [
        "unknown input 'a'; allowed: image/tiff; application=geotiff, text/html",
        "1/2, a/b/c, ../x/y/z, ./x/y, r1[1]/r2[1]/r3[1], (r1+1)/r2/r3",
        "#/definitions/a/b",
        "<p>bold</p> <br/>",
        "10 km/h and / or // none",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert hide_paths(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/me/secret.tif: No such file or directory", "secret.tif: No such file or directory"),
        ("NETCDF:/home/me/secret.nc:var", "NETCDF:secret.nc:var"),
        ("see file:///home/me/x.tif.", "see x.tif."),
        ("(OperationalError) sqlite:////tmp/me/dragoman.db", "(OperationalError) sqlite:dragoman.db"),
        ("//tmp/me/x", "x"),
        ("#/tmp/me/x and r[1]/tmp/me/x and <//tmp/me/x>", "#x and r[1]x and <x>"),
        ("first\\n/tmp/me/x", "first\\nx"),
        ("/a/b:/c/d;/e/f", "b:d;f"),
        ("see file://localhost/home/me/x.tif", "see x.tif"),
        ("/home/me/ is full", "a folder is full"),
        ("between /a/b and /c/d", "between b and d"),
        ("", ""),
    ],
)
def test_in_plain_words(text: str, shown: str) -> None:
    assert hide_paths(text) == shown


def test_the_callers_fault_names_each_input() -> None:
    error = InvalidInputs(
        [
            InputProblem(input_id="red", message="/a/b/c.tif has no band 3"),
            InputProblem(input_id="nir", message="x"),
        ]
    )
    failure = describe_failure(error)
    assert failure.callers_fault
    assert failure.problems == (("red", "c.tif has no band 3"), ("nir", "x"))
    assert failure.detail == "input 'red': c.tif has no band 3; input 'nir': x"
    assert failure.code == "invalid-inputs"


@pytest.mark.parametrize(
    ("error", "code", "detail"),
    [
        (RuntimeError("boom in /srv/app/run.py"), "execution-failed", "RuntimeError: boom in run.py"),
        (KeyError("red"), "execution-failed", "KeyError: 'red'"),
        (ValueError(), "execution-failed", "ValueError"),
        (SystemExit(3), "execution-failed", "SystemExit: 3"),
        (MemoryError("/x/y"), "out-of-memory", "the job ran out of memory"),
        (OutputError("no output 'a'"), "invalid-output", "no output 'a'"),
        (TimedOut(), "timed-out", "The job ran longer than its timeout."),
        (PackageError("/opt/p/process.yml:3: id"), "package", "process.yml:3: id"),
        (FileNotFoundError(2, "No such file", "/home/me/a b.tif"), "execution-failed", None),
    ],
)
def test_every_error_has_a_code_and_words(error: BaseException, code: str, detail: str | None) -> None:
    failure = describe_failure(error)
    assert failure.code == code
    assert not failure.callers_fault
    assert failure.detail == (detail or "FileNotFoundError: [Errno 2] No such file: 'a b.tif'")
    assert "Traceback" not in failure.detail


def test_an_algorithm_may_blame_an_input() -> None:
    failure = describe_failure(InputError("nir", f"{Path.cwd() / 'x.tif'} does not overlap red"))
    assert failure.problems == (("nir", "x.tif does not overlap red"),)


def test_a_message_that_cannot_be_made_is_no_reason_to_fail_again() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    assert describe_failure(Broken()).detail == "Broken: its message cannot be shown"


def test_what_is_given_for_a_message_may_be_an_error() -> None:
    failure = describe_failure(InputError("red", ValueError("/a/b/c is gone")))  # type: ignore[arg-type]  # wrong
    assert failure.problems == (("red", "c is gone"),)


@pytest.mark.parametrize("make", [RuntimeError, OutputError, lambda text: InputError("red", text)])
def test_clients_are_told_no_more_than_they_can_read(make: Callable[[str], Exception]) -> None:
    failure = describe_failure(make("x /a/b " * 500_000))
    assert "x b x" in failure.detail
    for text in (failure.detail, *(message for _, message in failure.problems)):
        assert len(text) < MAX_TEXT + 20
        assert text.endswith("…")


def test_a_message_of_progress_is_cut_too(tmp_path: Path) -> None:
    told: list[tuple[int, str]] = []
    context = RunContext(job_id="", config={}, scratch=tmp_path, report=lambda *said: told.append(said))
    context.progress(10, "x" * 100_000)
    assert told == [(10, "x" * (MAX_TEXT - 1) + "…")]
