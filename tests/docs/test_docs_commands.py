"""What README and docs tell to type is typed, in order, against a server on a copy of the checkout.

A ``bash``, ``python`` or ``r`` block runs, unless a comment before it says why not. A ``text`` block right after
one is what it prints: its lines, in order, among the lines printed; ``...`` stands for anything.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pytest
from harness import BIN, REPOSITORY, Server, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
RUN = ("bash", "python")
LANGUAGES = (*RUN, "r", "text", "yaml", "ini", "nginx")
PATIENCE = 300
"""Seconds after which a block is taken to hang."""

_COMMENT = re.compile(r"<!-- (?P<word>not run|restart)(?:: (?P<reason>.+))? -->")
_FENCE = re.compile(r"```(?P<language>\w*)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block."""

    name: str
    """Document and line."""
    language: str
    text: str
    reason: str | None = None
    """Why it is not run; None: it is."""
    restart: bool = False
    """Whether the server is started again before it."""
    printed: str = ""
    """What the document says it prints."""

    @property
    def command(self) -> bool:
        """Whether it is something to type."""
        return self.language in (*RUN, "r")


def blocks(document: Path) -> list[Block]:
    """The blocks of a document in order; what they print is taken into those that print it."""
    lines = iter(enumerate(document.read_text("utf-8").splitlines(), 1))
    found: list[Block] = []
    comment: re.Match[str] | None = None
    ended = 0
    for number, line in lines:
        comment = _COMMENT.fullmatch(line) or (comment if line.startswith("```") else None)
        if not line.startswith("```"):
            continue
        fence = _FENCE.fullmatch(line)
        assert fence, f"{document.name}:{number}: {line}"
        text = "".join(f"{line}\n" for line in _until_fence(lines))
        follows, begun = ended == number - 1, number
        ended = number + text.count("\n") + 1
        if fence["language"] == "text" and follows and found and found[-1].command:
            found[-1] = Block(**{**vars(found[-1]), "printed": text})
            continue
        word = comment["word"] if comment else ""
        block = Block(
            name=f"{document.name}:{begun}",
            language=fence["language"],
            text=text,
            reason=(comment["reason"] or "") if comment and word == "not run" else None,
            restart=word == "restart",
        )
        found.append(block)
        comment = None
    return found


def _until_fence(lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    for _, line in lines:
        if line == "```":
            return
        yield line
    raise AssertionError("a block has no end")


class Checkout(Server):
    """A server on a copy of what a new user has: the configuration, the processes, .venv."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.config.unlink()
        self.config = folder / "pygeoapi-config.yml"
        self.home = folder / "var"
        self.subscriber = free_port()
        shutil.copy(REPOSITORY / "pygeoapi-config.yml", self.config)
        shutil.copytree(REPOSITORY / "processes", folder / "processes")
        (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)

    def environment(self) -> dict[str, str]:
        """With what the documents tell to set before ``make serve``."""
        return {
            **super().environment(),
            "DRAGOMAN_PORT": str(self.port),
            "DRAGOMAN_DATA_ROOTS": str(self.folder / "processes"),
            "DRAGOMAN_FETCH_ALLOW": f"localhost:{self.subscriber}",
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }

    def adapted(self, text: str) -> str:
        """The text with this server's ports in place of the documents'."""
        return re.sub(r"\b5001\b", str(self.subscriber), re.sub(r"\b5000\b", str(self.port), text))


class Shell:
    """One bash for all blocks of a document, so that variables and functions last; it ends at the first error."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._count = 0
        self._process = subprocess.Popen(
            ["bash", "-e"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, block: Block, text: str) -> str:
        """Run a block; what it printed to standard output."""
        self._count += 1
        script, out, err = (self._folder / f".block-{self._count}.{end}" for end in ("txt", "out", "err"))
        script.write_text(text, "utf-8")
        command = {"bash": "source", "python": "python", "r": "Rscript"}[block.language]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command} {script} < /dev/null > {out} 2> {err}\necho done\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        done = bool(ready) and self._process.stdout.readline() == "done\n"
        assert done, f"{block.name}: {text}\n{out.read_text()}\n{err.read_text()}"
        return out.read_text("utf-8", errors="replace")


def missing_lines(expected: str, printed: str) -> list[str]:
    """The lines of ``expected`` that do not come, in order, among those printed."""
    lines = iter(line.strip() for line in printed.splitlines())
    missing = []
    for line in expected.splitlines():
        pattern = ".*".join(re.escape(part) for part in line.strip().split("..."))
        if not any(re.fullmatch(pattern, given) for given in lines):
            missing.append(line)
    return missing


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    server = Checkout(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _type_all(server: Checkout, document: Path, languages: tuple[str, ...]) -> list[Block]:
    """Run every block of these languages that is to be run; returns them."""
    ran = []
    with Shell(server.folder, server.environment()) as shell:
        for block in blocks(document):
            if block.reason is not None or block.language not in languages:
                continue
            if block.restart:
                server.stop()
                server.start()
            printed = shell.run(block, server.adapted(block.text))
            missing = missing_lines(server.adapted(block.printed), printed)
            assert not missing, f"{block.name} prints\n{printed}\nbut not {missing}"
            ran.append(block)
    return ran


@pytest.mark.slow
@pytest.mark.parametrize(
    "document", [d for d in DOCUMENTS if "```bash" in d.read_text()], ids=lambda d: d.stem
)
def test_every_command_does_what_the_document_says(document: Path, checkout: Checkout) -> None:
    ran = _type_all(checkout, document, RUN)
    assert len(ran) == sum(block.language in RUN and block.reason is None for block in blocks(document))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_the_r_snippets_run(checkout: Checkout) -> None:
    probe = ["Rscript", "-e", "library(httr); library(jsonlite)"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("R lacks httr or jsonlite")
    ran = [block for document in DOCUMENTS for block in _type_all(checkout, document, ("r",))]
    assert len(ran) > 0
    assert (checkout.folder / "ndvi.tif").read_bytes()[:4] == b"II*\0"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_what_is_not_run_says_why(document: Path) -> None:
    found = blocks(document)
    comments = [line for line in document.read_text("utf-8").splitlines() if line.startswith("<!--")]
    assert all(block.reason != "" for block in found)
    assert len(comments) == sum(block.reason is not None or block.restart for block in found)
    assert {block.language for block in found} <= set(LANGUAGES)


def test_blocks_are_read_with_reason_restart_and_output(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text(
        "<!-- not run: why -->\n```bash\nmake\n```\n\n```text\npicture\n```\n\n"
        "<!-- restart -->\n```bash\necho a\n```\n```text\na\n```\n"
    )
    first, picture, second = blocks(document)
    assert (first.reason, first.printed, picture.language) == ("why", "", "text")
    assert (second.name, second.reason, second.restart, second.printed) == ("a.md:11", None, True, "a\n")


@pytest.mark.parametrize(
    ("expected", "printed", "missing"),
    [
        ("a\nc", "a\nb\nc", []),
        ("c\na", "a\nb\nc", ["a"]),
        ('{"mean":0.17...}', '{"mean":0.1718}\n', []),
        ("4", "40", ["4"]),
    ],
)
def test_output_is_compared_line_by_line(expected: str, printed: str, missing: list[str]) -> None:
    assert missing_lines(expected, printed) == missing
