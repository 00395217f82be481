"""A disk that is full for real: a small file system in memory, mounted where nobody else sees it."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import textwrap
from typing import TYPE_CHECKING, Any, Final

import pytest
from fetchrun import run_supervisor

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from fetchkit import FileServer

pytestmark = pytest.mark.slow

CONTENT = os.urandom(4_000_000)
SHA = hashlib.sha256(CONTENT).hexdigest()
NAMESPACE: Final = ("unshare", "--map-root-user", "--mount")
SMALL_DISK = """
import subprocess
disk = folder / "disk"
disk.mkdir()
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "none", str(disk)], check=True)
left = lambda: sorted(path.name for path in disk.iterdir())
"""


@pytest.fixture(autouse=True, scope="module")
def _namespaces(tmp_path_factory: pytest.TempPathFactory) -> None:
    mount = ["mount", "-t", "tmpfs", "none", str(tmp_path_factory.mktemp("disk"))]
    try:
        subprocess.run([*NAMESPACE, *mount], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system lets nobody mount a file system of their own")


def _run(code: str, files: FileServer, folder: Path) -> Any:
    return run_supervisor(SMALL_DISK + textwrap.dedent(code), files, folder, *NAMESPACE)


def _of_unknown_length(files: FileServer) -> list[int]:
    """Serve the content at /a, its length unsaid, so that nobody knows beforehand; the byte each request begins at."""
    begun = list[int]()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        match = re.fullmatch(r"bytes=(\d+)-", handler.headers["Range"] or "")
        start = int(match[1]) if match else 0
        begun.append(start)
        handler.send_response(206 if match else 200)
        handler.send_header("ETag", '"one"')
        if match:
            handler.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        handler.end_headers()
        handler.wfile.write(CONTENT[start:])
        handler.close_connection = True

    files.answers["/a"] = answer
    return begun


@pytest.mark.parametrize("free", [0, 1_500_000], ids=["not a byte", "some"])
def test_what_finds_no_room_fails_with_that_reason_leaves_nothing_and_holds_up_nobody(
    files: FileServer, tmp_path: Path, free: int
) -> None:
    _of_unknown_length(files)
    full, other, names = _run(
        f"""
        (disk / "filler").write_bytes(bytes(5 * 1024**2 - {free}))
        s = start()
        s.fetch("full", url, disk / "full")
        s.fetch("other", url, folder / "other")
        full, other = s.done("full", "other")
        tell(full, other, left())
        s.close()
        """,
        files,
        tmp_path,
    )
    assert full == {"is": "FetchFailed", "id": "full", "reason": full["reason"]}
    assert full["reason"] == "127.0.0.1: this server has not enough free disk (tried 5 times)"
    assert other["sha256"] == SHA
    assert names == ["filler"]


def test_what_waits_for_room_goes_on_where_it_was(files: FileServer, tmp_path: Path) -> None:
    begun = _of_unknown_length(files)
    whole, names = _run(
        """
        from fetchkit import Patience
        (disk / "filler").write_bytes(bytes(3_000_000))
        s = start(patience=Patience(tries=10**6, first_wait=0.01, longest_wait=0.05))
        s.fetch("a", url, disk / "a")
        s.until(lambda: os.statvfs(disk).f_bavail == 0)
        (disk / "filler").unlink()
        (whole,) = s.done("a")
        tell(whole, left())
        s.close()
        """,
        files,
        tmp_path,
    )
    assert (whole["sha256"], whole["size"]) == (SHA, len(CONTENT))
    assert names == ["a", "a.part.json"]
    assert begun[0] == 0
    assert min(begun[1:]) > 1_000_000, "what the disk took before it was full counts"
