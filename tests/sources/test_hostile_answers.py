"""Answers that no honest server gives: refused in words that name the host, within the memory of an ordinary one."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING

import pytest
from harness import HANG

from dragoman.errors import InvalidRequest
from dragoman.sources.answers import MAX_LINE
from dragoman.sources.http import download, post_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from tests.sources.conftest import Server

    from dragoman.sources.policy import SourcePolicy

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
MOVED = b"HTTP/1.1 302 Found\r\n"
MEGABYTE = bytes(1_000_000)


def raw(server: Server, *pieces: bytes | Iterable[bytes]) -> str:
    """Answer with exactly these bytes; the URL."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        for piece in pieces:
            for part in [piece] if isinstance(piece, bytes) else piece:
                handler.wfile.write(part)
        handler.close_connection = True

    server.answers["/a"] = answer
    return server.url("/a")


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return b"".join(packer.compress(MEGABYTE) for _ in range(megabytes)) + packer.flush()


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        (MOVED + b"Location: http://[\r\n\r\n", "a Location that is no URL"),
        (MOVED + b"Location: /\xff\r\n\r\n", "a Location that is no URL"),
        (MOVED + b"Location: http://a:99999/\r\n\r\n", "redirects to what is not fetched"),
        (
            MOVED + b"Location: http://" + b"a" * 300 + b".example/\r\n\r\n",
            "^the host 'a{300}.example' cannot be resolved",
        ),
        (MOVED + b"Location: http://\xc2\xad/\r\n\r\n", "^\xad: .* no usable host"),
        (CHUNKED + b"-5\r\nabcde\r\n0\r\n\r\n", "no valid size"),
        (CHUNKED + b"-1\r\nabcde\r\n0\r\n\r\n", "no valid size"),
        (CHUNKED + b"zz\r\nabcde\r\n0\r\n\r\n", "no valid size"),
        (CHUNKED + b"5\r\nabc", "before its end"),
        (CHUNKED + b"3;" + b"x" * (2 * MAX_LINE) + b"\r\nabc\r\n0\r\n\r\n", "too long|transfer failed"),
        (CHUNKED + b"3\r\nabc\r\n0\r\n" + b"x" * (2 * MAX_LINE) + b"\r\n\r\n", "too long|transfer failed"),
        (OK + b"X-Long: " + b"x" * (2 * MAX_LINE) + b"\r\n\r\n", "too long"),
        (OK + b"X-Many: x\r\n" * 1000 + b"\r\n", "not HTTP"),
        (OK + b"Content-Length: 1, 2\r\n\r\nabc", "several lengths"),
        (OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nabc", "larger than"),
        (b"HTTP/1.1 \xff\xff OK\r\n\r\n", "not HTTP"),
        (b"\xff" * (2 * MAX_LINE), "too long"),
        (b"SSH-2.0-OpenSSH\r\n", "not HTTP"),
        (b"", "before its end"),
    ],
    ids=lambda value: repr(value[:60]) if isinstance(value, bytes) else "",
)
def test_what_is_wrong_is_said_of_the_host(
    server: Server, policy: SourcePolicy, target: Path, answer: bytes, match: str
) -> None:
    href = raw(server, answer)
    with pytest.raises(InvalidRequest, match=match) as refusal:
        download(href, target, policy)
    assert not target.exists()
    detail = refusal.value.detail
    assert "127.0.0.1" in detail or match.startswith("^") or "larger than" in detail


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 \xff\xff OK\r\n\r\n",
        OK + b"Content-Length: 1, 2\r\n\r\n",
        b"\xff" * (2 * MAX_LINE),
        MOVED + b"Location: http://[\r\n\r\n",
        MOVED + b"Location: /\xff\r\n\r\n",
        b"",
    ],
    ids=lambda value: repr(value[:40]),
)
def test_a_subscriber_may_answer_what_it_likes(server: Server, policy: SourcePolicy, answer: bytes) -> None:
    with pytest.raises(InvalidRequest, match=r"127\.0\.0\.1"):
        post_json(raw(server, answer), {}, policy)


def test_a_location_in_utf_8_is_followed(server: Server, policy: SourcePolicy, target: Path) -> None:
    href = raw(server, MOVED + "Location: /grüezi\r\n\r\n".encode())
    server.body("/gr%C3%BCezi", b"here")
    assert download(href, target, policy).size == 4


PEAK = """
import json, resource, sys
from pathlib import Path
from dragoman.config.settings import FetchSettings
from dragoman.errors import InvalidRequest
from dragoman.sources.http import download, post_json
from dragoman.sources.policy import SourcePolicy

warm, href, netloc, target, how = sys.argv[1:]
policy = SourcePolicy(fetch=FetchSettings(allow=(netloc,), max_bytes=2**20, timeout=60))

def fetch(href):
    try:
        if how == "post":
            post_json(href, {}, policy)
        else:
            download(href, Path(target), policy)
    except InvalidRequest as error:
        return error.detail

fetch(warm)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
detail = fetch(href)
print(json.dumps([detail, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before]))
"""
"""Prints what is said and by how many KiB the memory of the process grew at most."""


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("get", "redirect"),
        ("post", "redirect"),
        ("post", "error"),
        ("get", "below zero"),
        ("get", "one line"),
    ],
)
def test_an_endless_answer_costs_the_memory_of_an_ordinary_one(
    server: Server, tmp_path: Path, how: str, kind: str
) -> None:
    packed = bomb(100)
    zipped = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(packed), packed)
    flood = (MEGABYTE for _ in range(100))
    href = {
        "redirect": lambda: raw(server, MOVED + b"Location: /b\r\n" + zipped),
        "error": lambda: raw(server, b"HTTP/1.1 500 Oh\r\n" + zipped),
        "below zero": lambda: raw(server, CHUNKED + b"-1\r\n", flood),
        "one line": lambda: raw(server, CHUNKED, flood),
    }[kind]()
    warm = server.body("/warm", b"x")
    server.body("/b", b"x")
    run = subprocess.run(
        [sys.executable, "-c", PEAK, warm, href, server.netloc, str(tmp_path / "target"), how],
        capture_output=True,
        text=True,
        timeout=HANG,
        check=True,
    )
    detail, grown = json.loads(run.stdout)
    assert grown < 30_000, f"{grown} KiB; {detail}"
