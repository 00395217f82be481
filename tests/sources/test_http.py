"""Fetching, against a real server that misbehaves."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import tracemalloc
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from harness import deaf_port

from dragoman.config.settings import FetchSettings
from dragoman.errors import InvalidRequest
from dragoman.sources.content_encoding import STEP, Inflater
from dragoman.sources.fingerprints import fingerprinted
from dragoman.sources.http import CALLBACK_TIMEOUT, download, post_json
from dragoman.sources.policy import SourcePolicy

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from tests.sources.conftest import Server


def refused(href: str, target: Path, policy: SourcePolicy, match: str) -> None:
    with pytest.raises(InvalidRequest, match=match):
        download(href, target, policy)
    assert not target.exists()


def limited(policy: SourcePolicy, timeout: float, redirects: int = 2) -> SourcePolicy:
    return replace(policy, fetch=replace(policy.fetch, timeout=timeout, redirects=redirects))


def test_a_body_is_streamed_to_the_file(server: Server, policy: SourcePolicy, target: Path) -> None:
    content = os.urandom(300_000)
    href = server.body("/a", content, Content_Type="Image/TIFF; application=geotiff")
    fetched = download(href, target, policy)
    assert (fetched.media_type, fetched.size) == ("image/tiff", 300_000)
    assert target.read_bytes() == content


def test_what_is_written_is_hashed_on_the_way_unpacked(
    server: Server, policy: SourcePolicy, target: Path
) -> None:
    content = os.urandom(3000) * 100
    href = server.body("/a", gzip.compress(content), Content_Encoding="gzip")
    with fingerprinted() as fingerprint:
        download(href, target, policy)
    assert fingerprint.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    assert target.read_bytes() == content


def test_a_redirect_is_followed(server: Server, policy: SourcePolicy, target: Path) -> None:
    server.body("/b", b"here")
    assert download(server.redirect("/a", "/b#part"), target, policy).size == 4
    assert server.requests == ["/a", "/b"]


@pytest.mark.parametrize(
    ("location", "match"),
    [
        ("http://127.0.0.1:1/", "public network"),
        ("http://169.254.169.254/latest", "public network"),
        ("file:///etc/passwd", "only http and https"),
        ("data:,x", "only http and https"),
        ("http://u:p@example.org/", "password"),
    ],
)
def test_each_redirect_is_checked(
    server: Server, policy: SourcePolicy, target: Path, location: str, match: str
) -> None:
    refused(server.redirect("/a", location), target, policy, match)


def test_redirects_are_counted(server: Server, policy: SourcePolicy, target: Path) -> None:
    refused(server.redirect("/a", "/a"), target, policy, "redirected more than 2 times")
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [204, 401, 404, 500])
def test_only_200_is_content(server: Server, policy: SourcePolicy, target: Path, status: int) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.answers["/a"] = answer
    refused(server.url("/a"), target, policy, f"status {status}")


def test_a_body_that_says_it_is_too_large_is_not_read(
    server: Server, policy: SourcePolicy, target: Path
) -> None:
    refused(server.body("/a", b"x", Content_Length="1000001"), target, policy, "larger than 1000000 bytes")


def test_a_body_that_does_not_say_so_is_cut(server: Server, policy: SourcePolicy, target: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(40):
            handler.wfile.write(b"x" * 100_000)

    server.answers["/a"] = answer
    refused(server.url("/a"), target, policy, "larger than")


def test_the_limit_is_inclusive(server: Server, policy: SourcePolicy, target: Path) -> None:
    assert download(server.body("/a", b"x" * 1_000_000), target, policy).size == 1_000_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_bodies_are_unpacked(
    server: Server, policy: SourcePolicy, target: Path, encoding: str
) -> None:
    content = os.urandom(1000) * 500
    packed = gzip.compress(content) if encoding == "gzip" else zlib.compress(content)
    assert download(server.body("/a", packed, Content_Encoding=encoding), target, policy).size == 500_000
    assert target.read_bytes() == content


def test_members_without_number_cost_their_own_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No member may have what follows it copied: that is bounded by STEP, not by the length of all."""
    handed: list[int] = []
    made = zlib.decompressobj

    class Engine:
        def __init__(self, wbits: int) -> None:
            self._engine = made(wbits)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._engine, name)

        def decompress(self, data: bytes, length: int) -> bytes:
            handed.append(len(data))
            return self._engine.decompress(data, length)

    monkeypatch.setattr(zlib, "decompressobj", Engine)
    members = 2000
    content = gzip.compress(b"") * members
    inflater = Inflater()
    assert b"".join([*inflater.feed(content), *inflater.finish()]) == b""
    assert max(handed) <= STEP
    assert len(handed) <= members + 1 + len(content) // STEP


def test_a_compressed_bomb_is_cut(server: Server, policy: SourcePolicy, target: Path) -> None:
    bomb = gzip.compress(bytes(300_000_000))
    assert len(bomb) < 1_000_000
    href = server.body("/a", bomb, Content_Encoding="gzip")
    tracemalloc.start()
    try:
        refused(href, target, policy, "larger than")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "encoding", "match"),
    [
        (gzip.compress(os.urandom(500))[:-20], "gzip", "ends too early"),
        (b"plain", "gzip", "not compressed"),
        (b"x", "br", "not supported"),
        (b"x", "gzip, gzip", "not supported"),
    ],
)
def test_wrong_compression_is_refused(
    server: Server, policy: SourcePolicy, target: Path, content: bytes, encoding: str, match: str
) -> None:
    refused(server.body("/a", content, Content_Encoding=encoding), target, policy, match)


def test_a_body_that_ends_early_is_refused(server: Server, policy: SourcePolicy, target: Path) -> None:
    refused(server.body("/a", b"xyz", Content_Length="10"), target, policy, "closed before its end")


def drip(server: Server, *, in_headers: bool) -> str:
    """A byte every 50 ms, for as long as they are taken: a minute at most."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"X-Long: " if in_headers else b"\r\n"))
        for _ in range(1200):
            handler.wfile.write(b"x")
            time.sleep(0.05)

    server.answers["/a"] = answer
    return server.url("/a")


@pytest.mark.parametrize("in_headers", [True, False])
def test_a_drip_is_cut_at_the_deadline(
    server: Server, policy: SourcePolicy, target: Path, in_headers: bool
) -> None:
    started = time.monotonic()
    refused(drip(server, in_headers=in_headers), target, limited(policy, timeout=0.4), "longer than 0.4 s")
    assert time.monotonic() - started < 30, "not at the end of the drip"


def test_a_silent_server_is_left_at_the_deadline(policy: SourcePolicy, target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        allowed = SourcePolicy(fetch=FetchSettings(allow=("127.0.0.1",), timeout=0.3))
        refused(f"http://127.0.0.1:{port}/", target, allowed, "longer than 0.3 s|did not answer in time")


def test_the_time_holds_over_all_redirects(server: Server, policy: SourcePolicy, target: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.2)
        handler.send_response(302)
        handler.send_header("Location", "/a")
        handler.end_headers()

    server.answers["/a"] = answer
    refused(server.url("/a"), target, limited(policy, timeout=0.5, redirects=50), "longer than 0.5 s")


def test_a_name_with_a_private_address_is_refused(server: Server, target: Path) -> None:
    policy = SourcePolicy(fetch=FetchSettings())
    for found in (["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:127.0.0.1"], ["fe80::1%1"]):
        with pytest.raises(InvalidRequest, match="public network"):
            download(server.url("/a", "geo.example.org"), target, policy, resolver=lambda *_, f=found: f)
    assert server.requests == []


def test_the_dns_is_asked_once_and_the_checked_address_is_used(server: Server, target: Path) -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    server.body("/a", b"x")
    policy = SourcePolicy(fetch=FetchSettings(allow=("geo.example.org",)))
    assert download(server.url("/a", "geo.example.org"), target, policy, resolver=rebinding).size == 1
    assert asked == ["geo.example.org"]
    assert server.hosts == [f"geo.example.org:{server.port}"]


def test_a_name_that_moves_between_redirects_is_checked_again(server: Server, target: Path) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    policy = SourcePolicy(fetch=FetchSettings(allow=(server.netloc,)))
    href = server.redirect("/a", "/b")
    with pytest.raises(InvalidRequest, match="public network"):
        download(
            href.replace("127.0.0.1", "geo.example.org"), target, policy, resolver=lambda *_: next(answers)
        )


def test_an_unknown_or_impossible_name_is_refused(strict: SourcePolicy, target: Path) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "unknown")

    with pytest.raises(InvalidRequest, match="cannot be resolved"):
        download("http://geo.example.org/", target, strict, resolver=unknown)
    refused(f"http://{'a' * 70}.example/", target, strict, "cannot be resolved|transfer failed")


def test_a_closed_port_is_refused_with_the_reason(target: Path) -> None:
    policy = SourcePolicy(fetch=FetchSettings(allow=("127.0.0.1",)))
    with deaf_port() as port:
        refused(f"http://127.0.0.1:{port}/", target, policy, "does not answer")


def test_proxies_of_the_environment_are_ignored(
    server: Server, policy: SourcePolicy, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert download(server.body("/a", b"x"), target, policy).size == 1


def test_a_full_disk_is_not_the_callers_fault(server: Server, policy: SourcePolicy, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        download(server.body("/a", b"x"), tmp_path / "missing" / "target", policy)


@pytest.fixture
def tls(server: Server, tmp_path: Path) -> Path:
    """Turn the server to https under the name geo.example.org; its certificate, made by openssl."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=geo", "-addext", "subjectAltName=DNS:geo.example.org"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl, which makes the test's certificate, is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    return certificate


def test_https_is_verified_by_name_although_connected_by_address(
    server: Server, tls: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.body("/a", b"x")
    policy = SourcePolicy(fetch=FetchSettings(allow=("geo.example.org", "127.0.0.1"), timeout=60))
    url = f"https://geo.example.org:{server.port}/a"
    with pytest.raises(InvalidRequest, match="certificate"):
        download(url, target, policy, resolver=lambda *_: ["127.0.0.1"])
    monkeypatch.setenv("SSL_CERT_FILE", str(tls))
    assert download(url, target, policy, resolver=lambda *_: ["127.0.0.1"]).size == 1
    refused(f"https://127.0.0.1:{server.port}/a", target, policy, "certificate")


def test_a_drip_is_cut_under_tls_too(
    server: Server, tls: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drip(server, in_headers=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tls))
    policy = SourcePolicy(fetch=FetchSettings(allow=("geo.example.org",), timeout=0.5))
    with pytest.raises(InvalidRequest, match=r"longer than 0\.5 s"):
        download(
            f"https://geo.example.org:{server.port}/a", target, policy, resolver=lambda *_: ["127.0.0.1"]
        )


def test_a_notification_is_posted(server: Server, policy: SourcePolicy) -> None:
    post_json(server.body("/a", b""), {"status": "successful"}, policy)
    assert [json.loads(body) for body in server.bodies] == [{"status": "successful"}]


def test_a_notification_goes_to_no_private_address_and_follows_no_redirect(
    server: Server, policy: SourcePolicy, strict: SourcePolicy
) -> None:
    href = server.body("/a", b"")
    with pytest.raises(InvalidRequest, match="public network"):
        post_json(href, {}, strict)
    with pytest.raises(InvalidRequest, match="status 302"):
        post_json(server.redirect("/b", "/a"), {}, policy)
    assert server.requests == ["/b"]


@pytest.mark.parametrize("status", [307, 308])
def test_a_notification_goes_where_a_redirect_keeps_it(
    server: Server, policy: SourcePolicy, status: int
) -> None:
    href = server.redirect("/c", server.body("/a", b""), status)
    post_json(href, {"status": "successful"}, policy)
    assert server.requests == ["/c", "/a"]
    assert json.loads(server.bodies[-1]) == {"status": "successful"}
    with pytest.raises(InvalidRequest, match="redirects more than"):
        post_json(server.redirect("/loop", "/loop", status), {}, policy)


def test_a_notification_is_led_to_no_private_address(server: Server, policy: SourcePolicy) -> None:
    with pytest.raises(InvalidRequest, match="redirects to what is not fetched"):
        post_json(server.redirect("/d", "ftp://example.org/", 307), {}, policy)


def test_a_deaf_subscriber_is_left_at_the_deadline(policy: SourcePolicy, server: Server) -> None:
    href = drip(server, in_headers=True)
    with pytest.raises(InvalidRequest, match=r"longer than 0\.3 s"):
        post_json(href, {}, limited(policy, timeout=0.3))


@pytest.mark.parametrize("in_headers", [True, False])
def test_a_notification_has_a_short_time_of_its_own(
    policy: SourcePolicy, server: Server, in_headers: bool
) -> None:
    assert CALLBACK_TIMEOUT <= 10 < policy.fetch.timeout
    href = drip(server, in_headers=in_headers)
    if not in_headers:  # once the headers are there, the body is nobody's business
        post_json(href, {}, policy, timeout=5)
        return
    with pytest.raises(InvalidRequest, match=r"longer than 0\.3 s"):
        post_json(href, {}, policy, timeout=0.3)


def test_no_thread_is_left(server: Server, policy: SourcePolicy, target: Path) -> None:
    before = {thread.name for thread in threading.enumerate() if "Timer" in type(thread).__name__}
    download(server.body("/a", b"x"), target, policy)
    assert {thread.name for thread in threading.enumerate() if "Timer" in type(thread).__name__} == before
