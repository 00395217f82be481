"""One file from a server that breaks off, lies, stalls, and never ends."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import socket
import stat
import sys
import threading
import time
import zlib
from collections import namedtuple
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fetchkit import FileServer, settings_for
from harness import deaf_port, wait_for

from dragoman.errors import InvalidRequest
from dragoman.sources.fetching.partial import note_path, part_of
from dragoman.sources.fetching.settings import Patience
from dragoman.sources.fetching.stopping import Stop, Stopped
from dragoman.sources.fetching.transfer import Transfer
from dragoman.workers.process_tree import boot_id

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

    from dragoman.sources.fetching.partial import PartialFile

CONTENT = os.urandom(3_000_000)
SHA = hashlib.sha256(CONTENT).hexdigest()
PATH = "/a.tif"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def fetched(files: FileServer, target: Path, path: str = PATH, **options: Any) -> PartialFile:
    return Transfer(files.url(path), target, settings_for(files.port, **options), Stop()).run()


def whole(file: PartialFile, target: Path) -> None:
    assert (file.size, file.sha256) == (len(CONTENT), SHA)
    assert target.read_bytes() == CONTENT
    assert stat.S_IMODE(target.stat().st_mode) == 0o444, "no run may change it for the next"
    assert not part_of(target).exists()


def refused(files: FileServer, target: Path, match: str, **options: Any) -> None:
    with pytest.raises(InvalidRequest, match=match):
        fetched(files, target, **options)
    assert not target.exists()
    assert not part_of(target).exists()
    assert not note_path(target).exists()


def raw(files: FileServer, *pieces: bytes) -> None:
    """Answer with exactly these bytes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        for piece in pieces:
            handler.wfile.write(piece)
        handler.close_connection = True

    files.answers[PATH] = answer


# -- what can be resumed ---------------------------------------------------------------------------------------


def test_what_is_cut_off_goes_on_where_it_was(files: FileServer, target: Path) -> None:
    served = files.file(PATH, CONTENT, cuts=[1_000_000, 1_500_000])
    file = fetched(files, target)
    whole(file, target)
    assert file.note is not None
    assert file.note.media_type == "image/tiff"
    assert served.ranges == [None, "bytes=1000000-", "bytes=2500000-"]
    assert served.if_ranges == [None, '"one"', '"one"']
    assert sum(served.sent) == len(CONTENT), "no byte came twice"


def test_a_date_that_is_old_enough_does_too(files: FileServer, target: Path) -> None:
    served = files.file(PATH, CONTENT, etag=None, modified=time.time() - 3600, cuts=[1_000_000])
    whole(fetched(files, target), target)
    assert served.ranges == [None, "bytes=1000000-"]


@pytest.mark.parametrize(
    "how",
    [
        {"etag": None},
        {"etag": 'W/"one"'},
        {"etag": 'W/"one"', "modified": 1e9},
        {"etag": None, "modified": time.time() + 3600},
    ],
    ids=["none", "weak", "weak, with a date", "a date that is not past"],
)
def test_without_a_strong_validator_it_comes_anew(
    files: FileServer, target: Path, how: dict[str, Any]
) -> None:
    served = files.file(PATH, CONTENT, cuts=[1_000_000], **how)
    whole(fetched(files, target), target)
    assert served.ranges == [None, None]


def test_a_server_that_takes_no_ranges_sends_it_anew(files: FileServer, target: Path) -> None:
    served = files.file(PATH, CONTENT, cuts=[2_000_000], takes_ranges=False)
    whole(fetched(files, target), target)
    assert served.ranges == [None, "bytes=2000000-"]


@pytest.mark.parametrize(
    "lie",
    [
        {"ETag": '"two"'},
        {"ETag": ""},
        {"Content-Range": ""},
        {"Content-Range": "bytes 0-2999999/3000000"},
        {"Content-Range": "bytes 2000000-2999999/3000001"},
        {"Content-Encoding": "gzip"},
    ],
    ids=str,
)
def test_a_rest_that_does_not_fit_is_not_used(files: FileServer, target: Path, lie: dict[str, str]) -> None:
    served = files.file(PATH, CONTENT, cuts=[2_000_000], range_headers=lie)
    whole(fetched(files, target), target)
    assert served.ranges == [None, "bytes=2000000-", None]


def test_what_changed_meanwhile_comes_anew(files: FileServer, target: Path) -> None:
    files.file(PATH, os.urandom(3_000_000), cuts=[2_000_000])
    answer = files.answers[PATH]

    def change(handler: BaseHTTPRequestHandler) -> None:
        answer(handler)
        files.file(PATH, CONTENT, etag='"two"')

    files.answers[PATH] = change
    whole(fetched(files, target), target)


def _left_behind(files: FileServer, target: Path, cut: int) -> None:
    """What another process has left of the file, which was killed."""
    stop = Stop()
    served = files.file(PATH, CONTENT, pause=threading.Event())
    transfer = Transfer(files.url(PATH), target, settings_for(files.port), stop)
    thread = threading.Thread(target=lambda: _until_stopped(transfer))
    thread.start()
    wait_for(lambda: part_of(target).exists() and part_of(target).stat().st_size >= cut)
    stop.stop()
    thread.join()
    assert served.pause is not None
    served.pause.set()
    os.truncate(part_of(target), cut)


def _until_stopped(transfer: Transfer) -> None:
    with suppress(Stopped):
        transfer.run()


def test_what_another_process_left_is_hashed_and_resumed(files: FileServer, target: Path) -> None:
    _left_behind(files, target, 1_234_567)
    served = files.file(PATH, CONTENT)
    whole(fetched(files, target), target)
    assert served.ranges == ["bytes=1234567-"]
    assert served.sent == [len(CONTENT) - 1_234_567]


@pytest.mark.parametrize("spoilt", ["no note", "not JSON", "of another kind", "another URL", "another boot"])
def test_what_is_there_without_its_note_is_not_used(files: FileServer, target: Path, spoilt: str) -> None:
    _left_behind(files, target, 1_234_567)
    note = note_path(target)
    if spoilt == "no note":
        note.unlink()
    elif spoilt == "not JSON":
        note.write_text("{")
    elif spoilt == "of another kind":
        note.write_text('{"href": 1}')
    elif spoilt == "another boot":
        note.write_text(note.read_text().replace(boot_id(), "an earlier one"))
    else:
        note.write_text(note.read_text().replace("a.tif", "b.tif"))
    served = files.file(PATH, CONTENT)
    whole(fetched(files, target), target)
    assert served.ranges == [None]


def test_what_was_whole_is_not_asked_for_again(files: FileServer, target: Path) -> None:
    files.file(PATH, CONTENT)
    fetched(files, target)
    served = files.file(PATH, b"another")
    again = fetched(files, target)
    whole(again, target)
    assert again.note is not None
    assert again.note.media_type == "image/tiff"
    target.rename(part_of(target))  # all of it was there, but its name
    whole(fetched(files, target), target)
    assert served.ranges == []


def test_what_was_whole_before_the_machine_started_again_is_not_believed(
    files: FileServer, target: Path
) -> None:
    files.file(PATH, CONTENT)
    fetched(files, target)
    note_path(target).write_text(note_path(target).read_text().replace(boot_id(), "an earlier one"))
    target.write_bytes(bytes(len(CONTENT)))
    whole(fetched(files, target), target)
    note_path(target).unlink()
    files.file(PATH, CONTENT, statuses=[404])
    refused(files, target, "404")


# -- what is tried again, and what is not ---------------------------------------------------------------------


def test_a_server_that_is_busy_is_asked_again(files: FileServer, target: Path) -> None:
    served = files.file(PATH, CONTENT, statuses=[503, 429, 500], retry_after="999999")
    whole(fetched(files, target), target)
    assert len(served.ranges) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 206, 304])
def test_a_refusal_is_taken_for_one(files: FileServer, target: Path, status: int) -> None:
    served = files.file(PATH, CONTENT, statuses=[status] * 9)
    refused(files, target, f"127.0.0.1 answered with status {status}; allowed: 200")
    assert len(served.ranges) == 1


def test_one_that_brings_nothing_new_is_given_up(files: FileServer, target: Path) -> None:
    served = files.file(PATH, CONTENT, cuts=[0] * 99)
    refused(files, target, r"127.0.0.1: .* closed before its end \(tried 3 times\)", patience=_tries(3))
    assert len(served.ranges) == 3


def test_one_that_brings_little_each_time_is_not(files: FileServer, target: Path) -> None:
    served = files.file(PATH, CONTENT, cuts=[1_100_000, 1_100_000])
    whole(fetched(files, target, patience=_tries(1)), target)
    assert len(served.ranges) == 3


def test_a_wait_that_would_end_after_the_time_is_not_begun(files: FileServer, target: Path) -> None:
    files.file(PATH, CONTENT, statuses=[503], retry_after="60")
    patience = Patience(longest_wait=100.0)
    refused(files, target, "status 503; allowed: 200, until the time was up", timeout=50, patience=patience)


def test_a_port_where_nobody_is_and_a_host_that_is_not_allowed(files: FileServer, target: Path) -> None:
    with deaf_port() as port:
        transfer = Transfer(
            f"http://127.0.0.1:{port}/", target, settings_for(port, patience=_tries(2)), Stop()
        )
        with pytest.raises(InvalidRequest, match=r"does not answer on port \d+ \(tried 2 times\)"):
            transfer.run()
    raw(files, b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n")
    before = len(files.requests)
    refused(files, target, "127.0.0.1 redirects to what is not fetched: .* public network")
    assert len(files.requests) == before + 1


def test_each_try_goes_through_its_redirects(files: FileServer, target: Path) -> None:
    served = files.file("/b.tif", CONTENT, cuts=[1_000_000])
    raw(files, b"HTTP/1.1 302 Found\r\nLocation: /b.tif\r\nContent-Length: 0\r\n\r\n")
    whole(fetched(files, target), target)
    assert served.ranges == [None, "bytes=1000000-"]


# -- lies about length, and no end -------------------------------------------------------------------------------


def test_a_body_shorter_than_it_says_is_broken(files: FileServer, target: Path) -> None:
    raw(files, b'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 10\r\n\r\nabc')
    refused(files, target, "before its end")


def test_a_body_longer_than_it_says_is_cut(files: FileServer, target: Path) -> None:
    raw(files, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef")
    fetched(files, target)
    assert target.read_bytes() == b"abc"


def test_a_rest_shorter_or_longer_than_the_whole_is_not_believed(files: FileServer, target: Path) -> None:
    served = files.file(PATH, CONTENT, cuts=[2_000_000])
    serve = served.answer

    def short_then_long(handler: BaseHTTPRequestHandler) -> None:
        if len(served.ranges) not in (1, 2):
            serve(handler)
            return
        start = int(handler.headers["Range"][6:-1])
        length = 1000 if len(served.ranges) == 1 else len(CONTENT) - start + 5
        served.ranges.append(handler.headers["Range"])
        served.sent.append(length)
        handler.wfile.write(
            b'HTTP/1.1 206 Partial Content\r\nETag: "one"\r\n'
            + f"Content-Range: bytes {start}-2999999/3000000\r\nContent-Length: {length}\r\n\r\n".encode()
            + (CONTENT + bytes(5))[start : start + length]
        )
        handler.close_connection = True

    files.answers[PATH] = short_then_long
    whole(fetched(files, target), target)
    assert served.ranges == [None, "bytes=2000000-", "bytes=2001000-", None]


def test_one_that_never_ends_is_cut_at_the_limit(files: FileServer, target: Path) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(bytes(100_000))

    files.answers[PATH] = endless
    refused(files, target, "larger than 2000000 bytes", max_bytes=2_000_000)


def test_one_that_says_it_is_too_large_is_not_read(files: FileServer, target: Path) -> None:
    served = files.file(PATH, CONTENT)
    refused(files, target, "larger than 2999999 bytes", max_bytes=2_999_999)
    assert len(served.ranges) == 1
    whole(fetched(files, target, max_bytes=3_000_000), target)


def test_a_packed_body_is_unpacked_and_a_bomb_is_cut(files: FileServer, target: Path) -> None:
    head = b'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Encoding: gzip\r\n\r\n'
    raw(files, head + gzip.compress(CONTENT))
    whole(fetched(files, target), target)
    target.unlink()
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(60)) + packer.flush()
    raw(files, head + bomb)
    refused(files, target, "larger than 50000000 bytes")


def test_a_drip_and_a_silence_end(files: FileServer, target: Path) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nETag: "a"\r\n\r\n')
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.02)

    files.answers[PATH] = drip
    refused(files, target, "^fetching took longer than 0.5 s, which is the limit", timeout=0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        settings = settings_for(port, patience=Patience(tries=2, first_wait=0.01, stall=0.1))
        with pytest.raises(
            InvalidRequest, match=r"127\.0\.0\.1: .* did not answer in time \(tried 2 times\)"
        ):
            Transfer(f"http://127.0.0.1:{port}/", target, settings, Stop()).run()


# -- our own disk, and cancelling ---------------------------------------------------------------------------------


def test_the_floor_of_free_disk_is_left(
    files: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    free = iter([4_000_000 - 1, 4_000_000])
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(0, 0, next(free)))
    files.file(PATH, CONTENT)
    whole(fetched(files, target, min_free=1_000_000), target)
    target.unlink()
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(0, 0, 0))
    refused(files, target, "not enough free disk", min_free=1, patience=_tries(2))


def test_a_full_disk_is_waited_for_and_what_it_took_counts(
    files: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dragoman.sources.fetching.partial import PartialFile

    write, calls = PartialFile.write, list[int]()

    def full_once(self: PartialFile, data: bytes) -> None:
        calls.append(len(data))
        if len(calls) == 2:
            write(self, data[:1000])
            raise OSError(errno.ENOSPC, "No space left on device", "/some/path")
        write(self, data)

    monkeypatch.setattr(PartialFile, "write", full_once)
    served = files.file(PATH, CONTENT)
    whole(fetched(files, target), target)
    assert served.ranges[1] == f"bytes={calls[0] + 1000}-"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What each call of fsync was for, as the folder was then: a file by its name, or the folder by its files."""
    calls, fsync = list[str](), os.fsync

    def noted(number: int) -> None:
        path = Path(f"/proc/self/fd/{number}").resolve()
        names = " ".join(sorted(each.name for each in path.iterdir())) if path.is_dir() else path.name
        calls.append(names)
        fsync(number)

    monkeypatch.setattr("os.fsync", noted)
    return calls


@pytest.mark.skipif(sys.platform != "linux", reason="what a descriptor stands for is read from /proc")
def test_who_is_told_of_a_file_may_cut_the_power(files: FileServer, target: Path, synced: list[str]) -> None:
    files.file(PATH, CONTENT)
    whole(fetched(files, target), target)
    assert synced == ["target.part", "target target.part.json"], "the bytes before the rename, the name after"
    synced.clear()
    whole(fetched(files, target), target)
    assert synced == ["target", "target target.part.json"], "whoever renamed it may have died too soon"


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system takes no advice on files")
def test_the_disk_begins_while_the_rest_is_on_its_way(
    files: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges = list[tuple[int, int]]()
    monkeypatch.setattr("os.posix_fadvise", lambda _file, start, size, _advice: ranges.append((start, size)))
    monkeypatch.setattr("dragoman.sources.fetching.transfer.LOOK", 500_000)
    files.file(PATH, CONTENT)
    whole(fetched(files, target), target)
    assert len(ranges) > 1
    assert [start for start, _ in ranges] == [0, *(start + size for start, size in ranges[:-1])]


def test_what_the_disk_does_not_take_in_the_end_is_fetched_anew(
    files: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [errno.ENOSPC]

    def full_once(number: int) -> None:
        if failures:
            raise OSError(failures.pop(), "No space left on device")

    monkeypatch.setattr("os.fsync", full_once)
    served = files.file(PATH, CONTENT)
    whole(fetched(files, target), target)
    assert served.ranges == [None, None], "what the kernel holds may not be what the disk holds"
    failures.append(errno.EIO)
    target.unlink()
    with pytest.raises(OSError, match="No space"):
        fetched(files, target)
    assert list(target.parent.iterdir()) == []


def test_a_file_system_without_modes_and_folders_that_can_be_synced_is_no_fault(
    files: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def of_files_alone(number: int) -> None:
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(number)

    def no_modes(_number: int, _mode: int) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.fsync", of_files_alone)
    monkeypatch.setattr("os.fchmod", no_modes)
    files.file(PATH, CONTENT)
    assert fetched(files, target).size == len(CONTENT)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("when", ["in the middle", "while it waits", "before it begins"])
def test_one_that_is_stopped_ends_and_makes_nothing_more(files: FileServer, target: Path, when: str) -> None:
    stop, ended = Stop(), threading.Event()
    pause = threading.Event()
    served = files.file(PATH, CONTENT, pause=pause, statuses=[503] if when == "while it waits" else [])
    settings = settings_for(files.port, patience=Patience(first_wait=99.0, longest_wait=99.0))
    transfer = Transfer(files.url(PATH), target, settings, stop)

    def run() -> None:
        with pytest.raises(Stopped):
            transfer.run()
        ended.set()

    if when == "before it begins":
        stop.stop()
    thread = threading.Thread(target=run)
    thread.start()
    if when == "in the middle":
        wait_for(lambda: part_of(target).exists() and part_of(target).stat().st_size > 1_000_000)
    elif when == "while it waits":
        wait_for(lambda: served.ranges)
    stop.stop()
    thread.join(60)
    assert ended.is_set()
    pause.set()
    assert not target.exists()
    assert part_of(target).exists() == (when == "in the middle")


def _tries(tries: int) -> Patience:
    return Patience(tries=tries, first_wait=0.01, longest_wait=0.02)
