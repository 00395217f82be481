"""Subscribers are told, and a bad one harms nobody but itself."""

from __future__ import annotations

import http.server
import json
import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from enginekit import engine_settings
from harness import wait_for
from jobmaking import make_job
from memoryresults import MemoryResults

from dragoman.config.settings import FetchSettings
from dragoman.jobs.engine import mailboxes, notifier
from dragoman.jobs.engine.mailboxes import Letter, Mailboxes, host_of
from dragoman.jobs.engine.notifier import Notifier
from dragoman.sources.policy import SourcePolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dragoman.model.job import Job


@dataclass
class Subscriber:
    """A server that keeps what it is told, and answers when, and as, it is told to."""

    answers: list[int] = field(default_factory=list)
    """Statuses of its first answers; 204 after them."""
    gate: threading.Event = field(default_factory=threading.Event)
    got: list[Any] = field(default_factory=list)
    host: str = ""


@contextmanager
def subscriber(*answers: int, shut: bool = False) -> Iterator[Subscriber]:
    state = Subscriber(list(answers))
    if not shut:
        state.gate.set()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            state.gate.wait(120)
            self.send_response(state.answers.pop(0) if state.answers else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.host = f"127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield state
        finally:
            state.gate.set()
            server.shutdown()


@dataclass
class Note:
    url: str
    body: Any


@pytest.fixture
def notify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Notifier]:
    monkeypatch.setattr(notifier, "PAUSES", (0.01, 0.01))

    def make(urls: dict[str, str], *allowed: str) -> Notifier:
        def render(job: Job, _server_url: str, _load: Any) -> Note:
            return Note(urls[job.id], {"job": job.id})

        policy = SourcePolicy(fetch=FetchSettings(allow=allowed))
        return Notifier(engine_settings(tmp_path, policy=policy), MemoryResults(), render)

    return make


def test_one_that_hangs_holds_up_nobody_else(notify: Callable[..., Notifier]) -> None:
    with subscriber(shut=True) as slow, subscriber() as quick:
        jobs = [make_job() for _ in range(3 * mailboxes.THREADS)]
        urls = {job.id: f"http://{slow.host}/" for job in jobs} | {jobs[-1].id: f"http://{quick.host}/"}
        tell = notify(urls, slow.host, quick.host)
        for job in jobs:
            tell(job)
        wait_for(lambda: quick.got, "the quick one is told while the slow one hangs")
        assert len(slow.got) <= mailboxes.PER_HOST
        slow.gate.set()
        wait_for(lambda: len(slow.got) == len(jobs) - 1, "then the slow one is told everything")


def test_one_that_fails_is_told_again_and_then_given_up(notify: Callable[..., Notifier]) -> None:
    job, other = make_job(), make_job()
    with subscriber(503, 500) as flaky, subscriber(*[500] * 10) as broken:
        tell = notify(
            {job.id: f"http://{flaky.host}/", other.id: f"http://{broken.host}/"}, flaky.host, broken.host
        )
        tell(job)
        tell(other)
        wait_for(lambda: tell.open() == 0, "both are done with")
        assert flaky.got == [{"job": job.id}] * 3
        assert len(broken.got) == 1 + len(notifier.PAUSES)


def test_an_address_that_is_refused_is_not_tried_again(
    notify: Callable[..., Notifier], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    job = make_job()
    with subscriber() as private:
        tell = notify({job.id: f"http://{private.host}/"})
        tell(job)
        wait_for(lambda: tell.open() == 0, "it is done with")
        assert not private.got
    assert len([record for record in caplog.records if record.message.startswith("subscriber:")]) == 1


def test_no_more_are_under_way_than_can_be_kept(
    notify: Callable[..., Notifier], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mailboxes, "WAITING", 2)
    jobs = [make_job() for _ in range(3)]
    with subscriber(shut=True) as slow:
        tell = notify({job.id: f"http://{slow.host}/" for job in jobs}, slow.host)
        for job in jobs:
            tell(job)
        wait_for(lambda: "a notification was dropped" in caplog.text, "one is too many")
        slow.gate.set()
        wait_for(lambda: tell.open() == 0, "the others are told")
        assert len(slow.got) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://GEO.Example.org/a",
        "http://geo.example.org./",
        "http://geo.example.org:80/?x",
        "http://\uff47\uff45\uff4f.example.org/",
    ],
)
def test_a_host_is_one_in_every_spelling(url: str) -> None:
    assert host_of(url) == ("geo.example.org", 80)


def test_so_are_unicode_and_addresses() -> None:
    assert host_of("https://grüezi.example/") == host_of("https://XN--GREZI-LVA.example:443")
    same = {host_of(f"http://{host}/") for host in ("127.0.0.1", "127.1", "0x7f.1", "[::ffff:127.0.0.1]")}
    assert same == {("127.0.0.1", 80)}


def letters(number: int, host: str) -> list[Letter]:
    return [Letter(f"{host}-{each}", f"http://{host}/", {}) for each in range(number)]


def test_a_host_that_fills_the_boxes_drops_its_own() -> None:
    boxes = Mailboxes()
    dropped = [
        boxes.put(letter)
        for host in ("a", "b", "c", "d", "e", "f")
        for letter in letters(mailboxes.WAITING_PER_HOST + 1, f"{host}.example")
    ]
    assert len(boxes) == mailboxes.WAITING
    victims = [boxes.put(letter) for letter in letters(3, "late.example")]
    assert all(victim and "late" not in victim.job_id for victim in victims)
    first = dropped[mailboxes.WAITING_PER_HOST]
    assert first is not None
    assert first.job_id == f"a.example-{mailboxes.WAITING_PER_HOST}", "its newest"


def test_hosts_take_turns_and_no_spelling_or_port_gives_more_of_them() -> None:
    boxes = Mailboxes()
    for host in ["Busy.example", "busy.EXAMPLE", *(f"busy.example:{port}" for port in range(8001, 8041))]:
        for letter in letters(3, host):
            boxes.put(letter)
    boxes.put(Letter("quiet", "http://quiet.example/", {}))
    taken = [letter.job_id for letter in boxes.take(0.0)]
    assert "quiet" in taken
    assert len(taken) == mailboxes.PER_NAME + 1
    assert list(boxes.take(0.0)) == []


def test_a_letter_that_failed_waits_and_the_rest_go_on() -> None:
    boxes = Mailboxes()
    boxes.put(Letter("first", "http://a.example/", {}))
    (letter,) = boxes.take(0.0)
    boxes.sent(letter, again_at=5.0)
    assert list(boxes.take(4.0)) == []
    assert list(boxes.take(5.0)) == [letter]
    boxes.sent(letter, again_at=None)
    assert len(boxes) == 0


def test_no_answer_takes_a_place_for_good(
    notify: Callable[..., Notifier], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def malformed(*_: Any) -> None:
        raise ValueError("nobody thought of it")

    jobs = [make_job() for _ in range(2 * mailboxes.THREADS)]
    with subscriber() as quick:
        tell = notify({job.id: f"http://{quick.host}/" for job in jobs}, quick.host)
        with monkeypatch.context() as patched:
            patched.setattr(notifier, "post_json", malformed)
            for job in jobs:
                tell(job)
            wait_for(lambda: tell.open() == 0, "all are given up")
        tell(jobs[0])
        wait_for(lambda: quick.got, "the next is told")
    assert "nobody thought of it" in caplog.text
