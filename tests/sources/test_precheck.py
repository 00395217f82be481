"""What is refused before anything is fetched."""

from __future__ import annotations

import contextlib
import ipaddress
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.config.settings import FetchSettings
from dragoman.errors import InvalidRequest
from dragoman.sources.addresses import is_public, literal_address
from dragoman.sources.policy import SourcePolicy
from dragoman.sources.precheck import check_href, local_file

STRICT = SourcePolicy(fetch=FetchSettings())


if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "href",
    [
        "http://example.org/a.tif",
        "HTTPS://example.org:8443/a?b=c#d",
        "http://8.8.8.8/",
        "data:,x",
        "http://[2606:4700::1]/",
    ],
)
def test_public_references_pass(href: str) -> None:
    check_href(href, STRICT)


@pytest.mark.parametrize(
    "href",
    [
        "ftp://example.org/a",
        "/vsicurl/http://a/",
        "/etc/passwd",
        "",
        "gopher://x",
        "javascript:1",
        "a" * 99,
    ],
)
def test_other_schemes_are_refused_naming_the_allowed(href: str) -> None:
    with pytest.raises(InvalidRequest, match="allowed: http, https, data, file"):
        check_href(href, STRICT)


PRIVATE_HOSTS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "0",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "localhost",
    "LOCALHOST",
    "a.localhost.",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[ff02::1]",
    "[2001:db8::1]",
]


@pytest.mark.parametrize("host", PRIVATE_HOSTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_private_hosts_are_refused_in_every_spelling(host: str, scheme: str) -> None:
    with pytest.raises(InvalidRequest, match="not on the public network"):
        check_href(f"{scheme}://{host}/x", STRICT)


@pytest.mark.parametrize(
    ("allow", "href"),
    [
        ("127.0.0.1", "http://127.0.0.1:99/"),
        ("127.0.0.1:80", "http://127.0.0.1/"),
        ("127.0.0.1:443", "https://127.0.0.1/"),
        ("127.0.0.1", "http://2130706433/"),
        ("localhost:8000", "http://LocalHost:8000/"),
        ("::1", "http://[::1]:1/"),
        ("[::1]:1", "http://[::1]:1/"),
    ],
)
def test_the_operator_may_allow_a_host(allow: str, href: str) -> None:
    check_href(href, SourcePolicy(fetch=FetchSettings(allow=(allow,))))


def test_an_allowed_port_allows_no_other() -> None:
    policy = SourcePolicy(fetch=FetchSettings(allow=("127.0.0.1:8000",)))
    with pytest.raises(InvalidRequest, match="public network"):
        check_href("http://127.0.0.1:8001/", policy)


@pytest.mark.parametrize(
    "href",
    [
        "http://user:secret@example.org/",
        "http://user@example.org/",
        "http://example.org\\@127.0.0.1/",
        "http://exam ple.org/",
        "http://example.org/\r\nX: y",
        "http://127.0.0.1%00.example.org/",
        "http://%31%32%37.0.0.1/",
        "http:///path",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://example.org/" + "a" * 9000,
        "data:text/plain",
    ],
)
def test_odd_urls_are_refused(href: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_href(href, STRICT)
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize(
    "text",
    [
        "192.0.0.9",
        "192.0.0.10",
        "192.0.0.170",
        "192.0.0.255",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.99.1",
        "192.175.48.1",
        "198.19.255.255",
        "203.0.113.7",
        "239.1.2.3",
        "::8.8.8.8",
        "::ffff:0:8.8.8.8",
        "64:ff9b:1::808:808",
        "100::1",
        "100:0:0:1::1",
        "2001:1::1",
        "2001:2::1",
        "2001:3::1",
        "2001:4:112::1",
        "2001:20::1",
        "2001:30::1",
        "2620:4f:8000::1",
        "3fff::1",
        "3fff:fff:ffff::1",
        "5f00::1",
        "4000::1",
        "::ffff:192.0.0.9",
        "64:ff9b::c058:6301",
        "2002:c000:9::1",
        "2001:0:808:808::f5ff:fffe",  # Teredo: a client at 10.0.0.1
        "2001:0:a00:1::f7f7:f7f7",  # Teredo: a server at 10.0.0.1
    ],
)
def test_special_purposes_are_closed_whatever_this_python_knows(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_public(ipaddress.ip_address(text))
    for cls in (ipaddress.IPv4Address, ipaddress.IPv6Address):
        monkeypatch.setattr(cls, "is_global", True)
    assert not is_public(ipaddress.ip_address(text)), "by our own table"


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "192.0.1.1", "2001:4860:4860::8888", "2a00:1450::1", "2002:808:808::1",
             "2001:0:808:808::f7f7:f7f7", "64:ff9b::808:808", "::ffff:8.8.8.8", "3ffe::1", "2620:4f:8001::1"]
)  # fmt: skip
def test_the_rest_of_the_internet_is_open(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@given(st.ip_addresses())
def test_nothing_is_open_that_python_closes(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if isinstance(address, ipaddress.IPv6Address) and (address.sixtofour or address.teredo):
        return
    assert address.is_global or not is_public(address)


@given(st.ip_addresses(v=4))
def test_wrapped_ipv4_is_judged_by_the_ipv4_address(address: ipaddress.IPv4Address) -> None:
    for text in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert is_public(ipaddress.ip_address(text)) == is_public(address)
    assert literal_address(str(int(address))) == address


@given(st.text(st.characters(exclude_categories=())))
def test_no_text_breaks_the_check(href: str) -> None:
    for prefix in ("", "http://", "file://", "data:"):
        with contextlib.suppress(InvalidRequest):
            check_href(prefix + href, STRICT)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "in file.txt").write_text("in", encoding="utf-8")
    (tmp_path / "out.txt").write_text("out", encoding="utf-8")
    (root / "link-in").symlink_to(root / "in file.txt")
    (root / "link-out").symlink_to(tmp_path / "out.txt")
    (root / "link-nowhere").symlink_to(tmp_path / "nowhere.txt")
    (root / "link-folder").symlink_to(tmp_path)
    return root


def rooted(root: Path) -> SourcePolicy:
    return SourcePolicy(fetch=FetchSettings(), data_roots=(root,))


@pytest.mark.parametrize("name", ["in%20file.txt", "link-in", "../root/link-in"])
def test_files_under_a_root_are_found(root: Path, name: str) -> None:
    assert local_file(f"file://{root}/{name}", rooted(root)) == root / "in file.txt"
    assert local_file(f"file://localhost{root}/{name}", rooted(root)) == root / "in file.txt"


def test_a_root_may_itself_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    assert (
        local_file(f"file://{root}/link-in", rooted(tmp_path / "alias")).read_text(encoding="utf-8") == "in"
    )


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "../nowhere.txt", "link-out", "link-nowhere", "link-folder/out.txt", "%2e%2e/out.txt"],
)
def test_outside_the_roots_all_is_refused_in_the_same_words(root: Path, name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_href(f"file://{root}/{name}", rooted(root))
    assert caught.value.detail == "the file is not in a folder that this server may read"


def test_a_sibling_with_the_same_beginning_is_outside(root: Path) -> None:
    (root.parent / "root2").mkdir()
    (root.parent / "root2" / "a").touch()
    with pytest.raises(InvalidRequest, match="not in a folder"):
        check_href(f"file://{root}2/a", rooted(root))


@pytest.mark.parametrize("name", ["", "missing", "link-in/x"])
def test_what_is_no_file_is_refused(root: Path, name: str) -> None:
    with pytest.raises(InvalidRequest, match="no such file"):
        check_href(f"file://{root}/{name}", rooted(root))


@pytest.mark.parametrize(
    "href", ["file://other/etc/passwd", "file:etc/passwd", "file:///a%00b", "file:///a?b"]
)
def test_odd_file_urls_are_refused(root: Path, href: str) -> None:
    with pytest.raises(InvalidRequest, match="file:"):
        check_href(href, rooted(root))


def test_without_roots_no_file_is_read(root: Path) -> None:
    with pytest.raises(InvalidRequest, match="not allowed on this server"):
        check_href(f"file://{root}/link-in", STRICT)


def test_the_check_imports_nothing_heavy() -> None:
    script = (
        "import sys, dragoman.sources.precheck, dragoman.sources.policy;"
        "print([name for name in ('requests', 'urllib3', 'numpy', 'yaml') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
