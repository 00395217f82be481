"""The contract of the JobStore port, run on every database that is served."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from harness import wait_for
from jobmaking import ALICE, BOB, WORKER, make_job
from sqlalchemy import text

from dragoman.errors import (
    IdempotencyConflict,
    IllegalTransition,
    JobUnreadable,
    NoSuchJob,
    QueueFull,
    SettingsError,
    Unavailable,
)
from dragoman.jobs.stores import open_store
from dragoman.model.job import (
    InputValue,
    Job,
    JobFailure,
    JobQuery,
    JobRequest,
    Output,
    OutputRequest,
    Subscriber,
)
from dragoman.model.job_event import EventKind
from dragoman.model.principal import Principal
from dragoman.model.status import TRANSITIONS, JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from storekit import Database

    from dragoman.jobs.stores.sql import SqlStore

CREATED, ACCEPTED, RUNNING, SUCCESSFUL, FAILED, DISMISSED = JobStatus
OTHER_WORKER = replace(WORKER, pid=4243)
NOBODY = "00000000-0000-4000-8000-000000000000"


def _bring(store: SqlStore, status: JobStatus, **changes: Any) -> Job:
    """A new job in that state."""
    if status is CREATED:
        return store.add(make_job(status=CREATED, **changes))
    job = store.add(make_job(**changes))
    if status is not ACCEPTED:
        claimed = store.claim(job.id, WORKER, 30)
        assert claimed is not None
        job = claimed
    return store.transition(job.id, status) if status.finished else job


def _ids(store: SqlStore, **conditions: Any) -> list[str]:
    page = store.find(JobQuery(**conditions))
    assert page.matched >= len(page.jobs)
    return [job.id for job in page.jobs]


class TestKeeping:
    def test_a_job_comes_back_as_it_was_put_in(self, store: SqlStore) -> None:
        job = make_job(
            principal=ALICE,
            dialect="pesto",
            mode="sync",
            priority=-3,
            timeout=12.5,
            message="waits",
            idempotency_key="k",
            fingerprint="f",
            request=JobRequest(
                inputs={
                    "a": (InputValue(value={"x": [1, None, "ü"]}), InputValue(href="https://x.example/y"))
                },
                outputs={"out": OutputRequest(media_type="image/tiff", transmission="value")},
                response="document",
                subscriber=Subscriber(success_uri="https://x.example/done"),
            ),
            request_as_sent='{"inputs": {"a": "\x00 ü"}}',
        )
        assert store.add(job) == job
        assert store.get(job.id) == job

    def test_times_are_utc_and_exact_to_the_microsecond(self, store: SqlStore) -> None:
        created = datetime(2031, 7, 9, 1, 2, 3, 123457, tzinfo=UTC)
        elsewhere = created.astimezone(datetime.strptime("+0545", "%z").tzinfo)
        job = store.get(store.add(make_job(created=elsewhere, updated=created)).id)
        assert job.created == created
        assert job.created.microsecond == 123457
        assert job.created.utcoffset() == job.updated.utcoffset() == timedelta(0)

    def test_an_end_has_a_time_between_before_and_after(self, store: SqlStore) -> None:
        before = datetime.now(UTC)
        job = _bring(store, SUCCESSFUL)
        assert job.started is not None
        assert job.finished is not None
        assert before <= job.started <= job.finished == job.updated <= datetime.now(UTC)
        assert store.get(job.id) == job

    def test_a_request_of_many_characters_of_many_scripts_comes_back(self, store: SqlStore) -> None:
        text = 'Ελληνικά 漢字 \U0001f6f0 \x00 \ud800 " \\ \n' * 20_000
        job = make_job(
            request=JobRequest(inputs={"größe": (InputValue(value=text),)}), request_as_sent=f"📦{text}"
        )
        store.add(job)
        assert store.get(job.id) == job

    @pytest.mark.parametrize("text", ["caf\udce9.tif", "nul \x00 byte", "\U0001f6f0 fine"])
    def test_no_message_of_an_algorithm_upsets_it(self, store: SqlStore, text: str) -> None:
        job = _bring(store, RUNNING)
        assert store.report(job.id, job.token, progress=1, message=text)
        failure = JobFailure(code="execution-failed", detail=text, problems=(("a", text),))
        store.transition(job.id, FAILED, message=text, failure=failure)
        stored = store.get(job.id)
        assert stored.failure == failure
        assert stored.message.endswith(text[-3:])

    @pytest.mark.parametrize(
        "text", ["\x00", "\udce9", "a\x00b", "x" * 5000, "", "'; DROP TABLE dragoman_jobs"]
    )
    def test_what_a_url_may_hold_is_just_not_found(self, store: SqlStore, text: str) -> None:
        store.add(make_job())
        with pytest.raises(NoSuchJob):
            store.get(text)
        assert store.find(JobQuery(process_ids=(text,))).matched == 0
        assert store.find(JobQuery(process_ids=(text, "echo"))).matched == 1

    def test_an_unknown_job_is_said_to_be_unknown(self, store: SqlStore) -> None:
        actions: list[Callable[[], object]] = [
            lambda: store.get(NOBODY),
            lambda: store.remove(NOBODY),
            lambda: store.transition(NOBODY, DISMISSED),
        ]
        for action in actions:
            with pytest.raises(NoSuchJob, match=NOBODY):
                action()
        assert store.claim(NOBODY, WORKER, 1) is None
        assert store.report(NOBODY, "", message="x") is False
        assert store.events(NOBODY) == []

    def test_a_taken_id_is_refused(self, store: SqlStore) -> None:
        job = store.add(make_job())
        with pytest.raises(ValueError, match=job.id):
            store.add(make_job(id=job.id))
        with pytest.raises(ValueError, match=job.id):
            store.add(make_job(id=job.id, idempotency_key="another"))

    def test_it_survives_reopening(self, store: SqlStore, database: Database) -> None:
        jobs = [_bring(store, status, priority=n) for n, status in enumerate(JobStatus)]
        store.close()
        again = open_store(database.url)
        try:
            assert [again.get(job.id) for job in jobs] == jobs
            assert set(again.counts().values()) == {1}
        finally:
            again.close()

    def test_another_connection_sees_a_write_at_once(self, store: SqlStore, database: Database) -> None:
        other = open_store(database.url)
        try:
            job = store.add(make_job())
            assert other.get(job.id) == job
            assert other.claim(job.id, WORKER, 30) == store.get(job.id)
        finally:
            other.close()


class TestTransitions:
    @pytest.mark.parametrize(("current", "target"), list(itertools.product(JobStatus, JobStatus)))
    def test_only_legal_ones_happen(self, store: SqlStore, current: JobStatus, target: JobStatus) -> None:
        job = _bring(store, current)
        if target in TRANSITIONS[current]:
            moved = store.transition(job.id, target, message="moved")
            assert (moved.status, moved.message) == (target, "moved")
            assert (moved.finished is not None) is target.finished
            assert store.get(job.id) == moved
        else:
            with pytest.raises(IllegalTransition):
                store.transition(job.id, target, message="moved")
            assert store.get(job.id) == job

    def test_changes_are_written_with_it(self, store: SqlStore) -> None:
        job = _bring(store, RUNNING)
        outputs = {
            "a": Output(id="a", media_type="application/json", value={"x": [1.5, None]}),
            "b": Output(id="b", media_type="image/tiff", file="b.tif", size=7),
        }
        done = store.transition(job.id, SUCCESSFUL, token=job.token, progress=100, outputs=outputs)
        assert (done.outputs, done.progress, done.lease_until) == (outputs, 100, None)
        assert list(store.get(job.id).outputs) == ["a", "b"]

    def test_another_token_than_the_present_changes_nothing(self, store: SqlStore) -> None:
        job = _bring(store, RUNNING)
        for token in ("", "another", job.token[:-1]):
            with pytest.raises(IllegalTransition):
                store.transition(job.id, SUCCESSFUL, token=token)
        assert store.get(job.id).status is RUNNING

    def test_of_two_ends_at_once_one_happens(self, store: SqlStore) -> None:
        for _ in range(10):
            job = _bring(store, RUNNING)

            def end(target: JobStatus, job_id: str = job.id) -> JobStatus | None:
                try:
                    return store.transition(job_id, target).status
                except IllegalTransition:
                    return None

            with ThreadPoolExecutor(6) as pool:
                told = [status for status in pool.map(end, [SUCCESSFUL, FAILED, DISMISSED] * 2) if status]
            assert told == [store.get(job.id).status]

    def test_dismissing_and_claiming_at_once_leaves_no_doubt(self, store: SqlStore) -> None:
        for _ in range(10):
            job = store.add(make_job())
            with ThreadPoolExecutor(2) as pool:
                claimed = pool.submit(store.claim, job.id, WORKER, 30.0)
                dismissed = pool.submit(store.transition, job.id, DISMISSED)
                assert dismissed.result().status is DISMISSED  # legal from both states
                attempts = 1 if claimed.result() else 0
            assert (store.get(job.id).status, store.get(job.id).attempts) == (DISMISSED, attempts)

    @pytest.mark.parametrize("message", ["fine", "half \ud800 and \0"])
    def test_whoever_holds_the_job_gets_it_as_it_then_is(self, store: SqlStore, message: str) -> None:
        held = _bring(store, RUNNING, request=JobRequest(inputs={"a": (InputValue(value=1),)}))
        assert store.report(held.id, held.token, progress=40, message="meanwhile")
        failure = JobFailure(code="c", detail="d", problems=(("a", "b"),))
        moved = store.transition(
            held.id, FAILED, token=held.token, held=held, failure=failure, message=message
        )
        assert (moved.progress, moved.failure) == (40, failure)
        assert moved == store.get(held.id)

    def test_holding_the_job_does_not_replace_its_token(self, store: SqlStore) -> None:
        held = _bring(store, RUNNING)
        with pytest.raises(IllegalTransition):
            store.transition(held.id, SUCCESSFUL, token="another", held=held)
        assert store.get(held.id) == held


class TestClaiming:
    def test_it_makes_the_job_running(self, store: SqlStore) -> None:
        job = store.add(make_job(progress=40, message="waits to run again"))
        before = datetime.now(UTC)
        claimed = store.claim(job.id, WORKER, 30)
        assert claimed is not None
        assert (claimed.status, claimed.attempts, claimed.progress, claimed.message) == (RUNNING, 1, 0, "")
        assert claimed.worker == WORKER
        assert claimed.lease_until is not None
        assert claimed.lease_until - before >= timedelta(seconds=30)
        assert claimed.request == job.request
        assert store.get(job.id) == claimed

    def test_a_job_may_be_put_in_as_claimed(self, store: SqlStore) -> None:
        claimed = store.claim(store.add(make_job()).id, WORKER, 30)
        now = datetime.now(UTC)
        running = make_job(progress=40, message="waits").claimed_by(WORKER, now, 30)
        assert store.add(running) == running == store.get(running.id)
        assert claimed is not None
        own = {"id", "created", "updated", "started", "lease_until", "token"}
        assert all(getattr(running, name) == getattr(claimed, name) for name in set(Job.__slots__) - own)
        assert store.claim(running.id, WORKER, 30) is None
        assert not store.waiting()
        assert store.transition(running.id, SUCCESSFUL, token=running.token).status is SUCCESSFUL

    @pytest.mark.parametrize("status", [CREATED, RUNNING, SUCCESSFUL, FAILED, DISMISSED])
    def test_only_an_accepted_job_can_be_claimed(self, store: SqlStore, status: JobStatus) -> None:
        job = _bring(store, status)
        assert store.claim(job.id, WORKER, 30) is None
        assert store.get(job.id) == job

    def test_each_claim_is_another_attempt(self, store: SqlStore) -> None:
        job = _bring(store, RUNNING)
        store.transition(job.id, ACCEPTED, token=job.token)
        again = store.claim(job.id, WORKER, 30)
        assert again is not None
        assert again.attempts == 2
        assert len({"", job.token, again.token}) == 3

    def test_of_many_threads_one_gets_the_job(self, store: SqlStore) -> None:
        jobs = [store.add(make_job()) for _ in range(10)]
        claims = [job.id for job in jobs] * 8
        with ThreadPoolExecutor(16) as pool:
            got = [job.id for job in pool.map(lambda job_id: store.claim(job_id, WORKER, 30), claims) if job]
        assert sorted(got) == sorted(job.id for job in jobs)
        assert {store.get(job.id).attempts for job in jobs} == {1}

    def test_of_several_processes_one_gets_the_job(self, store: SqlStore, database: Database) -> None:
        jobs = [store.add(make_job()).id for _ in range(60)]
        script = (
            "import json, sys\n"
            "from dragoman.jobs.stores import open_store\n"
            "from dragoman.model.worker import WorkerIdentity\n"
            "me = WorkerIdentity(host='h', boot_id='b', pid=int(sys.argv[2]), start_time=0)\n"
            "store = open_store(sys.argv[1])\n"
            "print('ready', flush=True)\n"
            "ids = json.loads(sys.stdin.readline())\n"
            "print(json.dumps([job_id for job_id in ids if store.claim(job_id, me, 30)]))\n"
            "store.close()\n"
        )
        claimers = [
            subprocess.Popen(
                [sys.executable, "-c", script, database.url, str(number)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(3)
        ]
        try:
            for claimer in claimers:
                assert claimer.stdout is not None
                assert claimer.stdout.readline() == "ready\n"
            for claimer in claimers:
                assert claimer.stdin is not None
                claimer.stdin.write(json.dumps(jobs) + "\n")
                claimer.stdin.flush()
            got = [json.loads(claimer.communicate(timeout=300)[0]) for claimer in claimers]
        finally:
            for claimer in claimers:
                claimer.kill()
                claimer.communicate()
        assert sorted(itertools.chain(*got)) == sorted(jobs)
        for number, share in enumerate(got):
            owners = {worker.pid for job_id in share if (worker := store.get(job_id).worker)}
            assert owners <= {number}

    def test_a_forked_process_has_connections_of_its_own(self, store: SqlStore, database: Database) -> None:
        job = store.add(make_job())
        script = """
            import os, sys
            from dragoman.jobs.stores import open_store
            store = open_store(sys.argv[1])
            job = store.get(sys.argv[2])
            forked = []
            for _ in range(3):
                pid = os.fork()
                forked.append(pid)
                if pid == 0:
                    break
            for _ in range(100):
                assert store.get(job.id) == job
            if pid == 0:
                os._exit(0)
            assert [os.waitpid(pid, 0)[1] for pid in forked] == [0, 0, 0]
            store.close()
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), database.url, job.id],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr


class TestReporting:
    def test_progress_only_rises(self, store: SqlStore) -> None:
        job = _bring(store, RUNNING)
        told = [
            store.report(job.id, job.token, progress=percent, message=str(percent))
            for percent in (5, 30, 20, 30, 31)
        ]
        assert told == [True, True, False, True, True]
        assert (store.get(job.id).progress, store.get(job.id).message) == (31, "31")

    def test_a_report_of_an_earlier_run_is_refused(self, store: SqlStore) -> None:
        job = _bring(store, RUNNING)
        store.transition(job.id, ACCEPTED, token=job.token)
        assert store.report(job.id, job.token, progress=50) is False
        store.claim(job.id, WORKER, 30)
        assert store.report(job.id, job.token, progress=50) is False
        assert store.report(job.id, job.token, lease_until=datetime.now(UTC)) is False
        assert store.get(job.id).progress == 0

    def test_so_it_is_where_the_database_has_forgotten_that_run(
        self, store: SqlStore, database: Database
    ) -> None:
        """A crash of PostgreSQL takes back a claim that was not synchronised; its attempt is counted again."""
        job = store.add(make_job())
        forgotten = store.claim(job.id, WORKER, 30)
        database.execute(
            "UPDATE dragoman_jobs SET status = 'accepted', attempts = 0, token = '', worker = NULL,"
            f" started = NULL, lease_until = NULL WHERE id = '{job.id}'"
        )
        present = store.claim(job.id, WORKER, 30)
        assert forgotten is not None
        assert present is not None
        assert forgotten.attempts == present.attempts == 1
        assert store.report(job.id, forgotten.token, progress=90) is False
        for target in (SUCCESSFUL, FAILED, ACCEPTED):
            with pytest.raises(IllegalTransition):
                store.transition(job.id, target, token=forgotten.token)
        assert store.get(job.id) == present
        assert store.transition(job.id, SUCCESSFUL, token=present.token).status is SUCCESSFUL

    @pytest.mark.parametrize("status", [CREATED, ACCEPTED, SUCCESSFUL, FAILED, DISMISSED])
    def test_progress_of_what_does_not_run_is_refused(self, store: SqlStore, status: JobStatus) -> None:
        job = _bring(store, status)
        assert store.report(job.id, job.token, progress=99) is False
        assert store.get(job.id) == job

    def test_an_output_of_a_finished_job_can_be_taken_away(self, store: SqlStore) -> None:
        job = _bring(store, SUCCESSFUL)
        assert store.report(job.id, job.token, outputs={})
        after = store.get(job.id)
        assert (after.status, after.outputs) == (SUCCESSFUL, {})

    def test_many_reporters_leave_the_highest_progress(self, store: SqlStore) -> None:
        job = _bring(store, RUNNING)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda percent: store.report(job.id, job.token, progress=percent), range(1, 51)))
        assert store.get(job.id).progress == 50


class TestLeases:
    def test_one_that_has_ended_is_found(self, store: SqlStore) -> None:
        short, long = store.add(make_job()), store.add(make_job())
        claimed = store.claim(short.id, WORKER, 0.0)
        store.claim(long.id, WORKER, 3600)
        assert claimed is not None
        assert claimed.lease_until is not None
        assert store.expired(claimed.lease_until) == []
        assert store.expired(claimed.lease_until + timedelta(microseconds=1)) == [claimed]

    def test_one_that_is_renewed_is_not_found(self, store: SqlStore) -> None:
        job = store.add(make_job())
        claimed = store.claim(job.id, WORKER, 0.0)
        assert claimed is not None
        later = datetime.now(UTC) + timedelta(seconds=60)
        assert store.report(job.id, claimed.token, lease_until=later)
        assert store.expired(datetime.now(UTC)) == []

    @pytest.mark.parametrize("target", [ACCEPTED, SUCCESSFUL, FAILED, DISMISSED])
    def test_what_does_not_run_has_none(self, store: SqlStore, target: JobStatus) -> None:
        job = store.add(make_job())
        store.claim(job.id, WORKER, 0.0)
        store.transition(job.id, target)
        assert store.expired(datetime.now(UTC) + timedelta(days=1)) == []


class TestQueue:
    def test_it_is_by_age_whatever_the_mode_and_priority(self, store: SqlStore) -> None:
        kinds: list[tuple[str, int]] = [
            ("async", 0),
            ("async", 5),
            ("sync", 0),
            ("sync", 1),
        ]
        ids = [store.add(make_job(mode=mode, priority=priority)).id for mode, priority in kinds]
        assert [job.id for job in store.waiting()] == ids

    def test_only_what_is_accepted_waits_and_brings_its_request(self, store: SqlStore) -> None:
        request = JobRequest(inputs={"a": (InputValue(value=1),)})
        job = _bring(store, ACCEPTED, request=request)
        for status in (CREATED, RUNNING, SUCCESSFUL, FAILED, DISMISSED):
            _bring(store, status)
        assert store.waiting() == [job]
        assert store.waiting_ids() == [job.id]

    def test_it_takes_no_more_than_its_limit(self, store: SqlStore) -> None:
        for _ in range(2):
            store.add(make_job(), queue_limit=2)
        with pytest.raises(QueueFull):
            store.add(make_job(), queue_limit=2)
        assert store.counts()[ACCEPTED] == 2
        store.claim(store.waiting()[0].id, WORKER, 30)
        store.add(make_job(), queue_limit=2)

    def test_a_repetition_is_no_new_job_for_the_limit(self, store: SqlStore) -> None:
        first = store.add(make_job(idempotency_key="k"), queue_limit=1)
        assert store.add(make_job(idempotency_key="k"), queue_limit=1) == first

    def test_counts_name_every_state(self, store: SqlStore) -> None:
        assert store.counts() == dict.fromkeys(JobStatus, 0)
        for number, status in enumerate(JobStatus):
            for _ in range(number):
                _bring(store, status)
        assert store.counts() == {status: number for number, status in enumerate(JobStatus)}

    def test_counts_may_be_of_some_processes_or_of_one_owner(self, store: SqlStore) -> None:
        for process_id, owner in (("a", "alice"), ("a", "bob"), ("b", "alice")):
            store.add(make_job(process_id=process_id, principal=Principal(id=owner)))
        assert store.counts(process_ids=["a"])[ACCEPTED] == 2
        assert store.counts(process_ids=["a", "b"], owner="alice")[ACCEPTED] == 2
        assert store.counts(process_ids=["a"], owner="alice") == dict.fromkeys(JobStatus, 0) | {ACCEPTED: 1}
        assert store.counts(process_ids=["c"]) == dict.fromkeys(JobStatus, 0)

    def test_counts_of_every_process_are_whoevers(self, store: SqlStore) -> None:
        assert store.counts_by_process() == {}
        for process_id, owner in (("a", "alice"), ("a", "bob"), ("b", "alice")):
            store.add(make_job(process_id=process_id, principal=Principal(id=owner)))
        none = dict.fromkeys(JobStatus, 0)
        assert store.counts_by_process() == {"a": none | {ACCEPTED: 2}, "b": none | {ACCEPTED: 1}}


class TestIdempotency:
    def test_the_same_key_gives_the_first_job(self, store: SqlStore) -> None:
        first = store.add(make_job(idempotency_key="k", fingerprint="f"))
        store.transition(first.id, DISMISSED)
        assert store.add(make_job(idempotency_key="k", fingerprint="f")) == store.get(first.id)
        assert store.find(JobQuery()).matched == 1

    def test_another_request_under_it_is_a_conflict(self, store: SqlStore) -> None:
        store.add(make_job(idempotency_key="k", fingerprint="f"))
        with pytest.raises(IdempotencyConflict):
            store.add(make_job(idempotency_key="k", fingerprint="g"))

    def test_it_holds_for_one_principal_and_one_process(self, store: SqlStore) -> None:
        made = [
            store.add(make_job(idempotency_key="k", fingerprint=str(n), principal=who, process_id=process)).id
            for n, (who, process) in enumerate(itertools.product((ALICE, BOB), ("echo", "ndvi")))
        ]
        assert len(set(made)) == 4

    def test_without_a_key_every_job_is_another(self, store: SqlStore) -> None:
        assert store.add(make_job()).id != store.add(make_job()).id

    def test_it_ends_with_the_job(self, store: SqlStore) -> None:
        first = store.add(make_job(idempotency_key="k", fingerprint="f"))
        store.transition(first.id, DISMISSED)
        store.remove(first.id)
        second = make_job(idempotency_key="k", fingerprint="g")
        assert store.add(second) == second

    def test_of_many_at_once_one_is_made(self, store: SqlStore) -> None:
        jobs = [make_job(idempotency_key="k", fingerprint="f") for _ in range(12)]
        with ThreadPoolExecutor(12) as pool:
            answers = {job.id for job in pool.map(store.add, jobs)}
        assert len(answers) == 1
        assert store.find(JobQuery()).matched == 1

    def test_the_very_job_sent_again_is_itself(self, store: SqlStore) -> None:
        job = store.add(make_job(idempotency_key="k", fingerprint="f"))
        assert store.add(job) == job


class TestFinding:
    def test_newest_first_by_acceptance_page_by_page(self, store: SqlStore) -> None:
        now = datetime.now(UTC)
        ids = [store.add(make_job(created=now - timedelta(days=n))).id for n in range(7)]
        pages = [store.find(JobQuery(limit=3, offset=offset)) for offset in (0, 3, 6, 9)]
        assert [job.id for page in pages for job in page.jobs] == ids[::-1]
        assert {page.matched for page in pages} == {7}
        assert store.find(JobQuery(limit=0)).jobs == ()

    def test_pages_by_key_stay_right_while_jobs_come_and_go(self, store: SqlStore) -> None:
        ids = [_bring(store, SUCCESSFUL).id for _ in range(7)]
        page = store.find(JobQuery(limit=3))
        seen = [job.id for job in page.jobs]
        for job in page.jobs:
            store.remove(job.id)
        while page.key is not None:
            _bring(store, SUCCESSFUL)
            page = store.find(JobQuery(limit=3, after=page.key, offset=5))
            seen += [job.id for job in page.jobs]
        assert seen == ids[::-1]
        assert page.matched == 6

    @pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
    def test_the_last_page_has_no_key(self, store: SqlStore, limit: int) -> None:
        ids = [store.add(make_job(process_id="a")).id for _ in range(6)]
        store.add(make_job(process_id="b"))
        query = JobQuery(process_ids=("a",), limit=limit)
        pages = [store.find(query)]
        while pages[-1].key is not None:
            pages.append(store.find(replace(query, after=pages[-1].key)))
        assert [job.id for page in pages for job in page.jobs] == ids[::-1]
        assert len(pages) == -(-6 // limit)
        assert {page.matched for page in pages} == {6}

    def test_listed_jobs_carry_no_request(self, store: SqlStore) -> None:
        job = make_job(request=JobRequest(inputs={"a": (InputValue(value=1),)}))
        store.add(job)
        assert store.find(JobQuery()).jobs == (replace(job, request=JobRequest()),)

    def test_by_process_state_dialect_and_owner(self, store: SqlStore) -> None:
        a = _bring(store, SUCCESSFUL, process_id="a", principal=ALICE).id
        b = _bring(store, FAILED, process_id="b", principal=BOB, dialect="pesto").id
        c = _bring(store, RUNNING, process_id="c").id
        assert _ids(store, process_ids=("a", "b")) == [b, a]
        assert _ids(store, statuses=(RUNNING, SUCCESSFUL)) == [c, a]
        assert _ids(store, dialect="ogc") == [c, a]
        assert _ids(store, owner="bob") == [b]
        assert _ids(store, owner="bob", statuses=(RUNNING,)) == []
        assert store.find(JobQuery(process_ids=("a", "b"), limit=1)).matched == 2

    def test_by_time_of_creation_inclusive(self, store: SqlStore) -> None:
        times = [datetime(2030, 1, 1, 12, 0, 0, n, tzinfo=UTC) for n in range(4)]
        ids = [store.add(make_job(created=moment)).id for moment in times]
        assert _ids(store, created_from=times[1], created_to=times[2]) == [ids[2], ids[1]]

    def test_by_time_of_the_end_exclusive(self, store: SqlStore) -> None:
        done = _bring(store, SUCCESSFUL)
        _bring(store, RUNNING)
        assert done.finished is not None
        assert _ids(store, finished_before=done.finished) == []
        assert _ids(store, finished_before=done.finished + timedelta(microseconds=1)) == [done.id]

    def test_by_duration_inclusive(self, store: SqlStore, database: Database) -> None:
        lengths = {2.0: SUCCESSFUL, 3.5: FAILED}
        ids = {}
        for seconds, status in lengths.items():
            ids[seconds] = _bring(store, status).id
            database.execute(
                f"UPDATE dragoman_jobs SET started = 1000000, finished = {1_000_000 + int(seconds * 1e6)} "
                f"WHERE id = '{ids[seconds]}'"
            )
        runs_long = _bring(store, RUNNING).id
        database.execute(f"UPDATE dragoman_jobs SET started = 1000000 WHERE id = '{runs_long}'")
        _bring(store, ACCEPTED)
        assert _ids(store, min_duration=2.0, max_duration=3.5) == [ids[3.5], ids[2.0]]
        assert _ids(store, min_duration=2.1) == [runs_long, ids[3.5]]
        assert _ids(store, max_duration=2.0) == [ids[2.0]]
        assert _ids(store, min_duration=1e300) == []
        assert _ids(store, max_duration=float("inf")) == [runs_long, ids[3.5], ids[2.0]]


class TestCreated:
    """A job that is being put together."""

    def test_it_waits_for_nothing_until_it_is_accepted(self, store: SqlStore) -> None:
        job = _bring(store, CREATED, mode="sync")
        assert (store.waiting(), store.waiting_ids()) == ([], [])
        store.add(make_job(), queue_limit=1)
        request = JobRequest(inputs={"a": (InputValue(value=1),)})
        accepted = store.transition(job.id, ACCEPTED, request=request, message="")
        assert accepted.request == request
        assert store.waiting()[0] == store.get(job.id) == accepted
        assert [event.kind for event in store.events(job.id)] == [EventKind.CREATED, EventKind.ACCEPTED]

    def test_what_is_known_of_it_so_far_may_be_reported(self, store: SqlStore) -> None:
        job = _bring(store, CREATED)
        assert store.report(job.id, "", message="2 of 5 files are here")
        assert store.get(job.id).message == "2 of 5 files are here"

    def test_it_is_listed_and_counted_and_neither_expires_nor_is_recovered(self, store: SqlStore) -> None:
        job = _bring(store, CREATED)
        assert store.counts()[CREATED] == 1
        assert _ids(store) == _ids(store, statuses=(CREATED,)) == [job.id]
        waiting = _bring(store, ACCEPTED)
        assert _ids(store, drafts=False) == [waiting.id]
        assert _ids(store, drafts=False, statuses=(CREATED, ACCEPTED), owner=waiting.principal.id) == [
            waiting.id
        ]
        assert store.find(JobQuery(drafts=False, min_duration=0)).matched == 0
        later = datetime.now(UTC) + timedelta(days=1000)
        assert (store.finished_ids(later, 10), store.expired(later)) == ([], [])


class TestEvents:
    def test_each_change_of_state_is_one_with_its_time_and_who_ran_it(self, store: SqlStore) -> None:
        job = store.add(make_job())
        first = store.claim(job.id, WORKER, 30)
        store.report(job.id, first.token if first else "", progress=10)
        again = store.transition(job.id, ACCEPTED, message="waits to run again: its worker died")
        second = store.claim(job.id, OTHER_WORKER, 30)
        done = store.transition(job.id, SUCCESSFUL, message="")
        assert first is not None
        assert second is not None
        told = [(event.kind, event.attempt, event.moment, event.worker) for event in store.events(job.id)]
        assert told == [
            (EventKind.ACCEPTED, 0, job.created, None),
            (EventKind.RUNNING, 1, first.started, WORKER),
            (EventKind.REQUEUED, 1, again.updated, WORKER),
            (EventKind.RUNNING, 2, second.started, OTHER_WORKER),
            (EventKind.SUCCESSFUL, 2, done.finished, OTHER_WORKER),
        ]
        assert [event.why for event in store.events(job.id)][1:4] == ["", again.message, ""]

    def test_one_that_is_put_in_as_running_was_accepted_first(self, store: SqlStore) -> None:
        job = store.add(make_job().claimed_by(WORKER, datetime.now(UTC), 30))
        told = [(event.kind, event.attempt, event.moment, event.worker) for event in store.events(job.id)]
        assert told == [
            (EventKind.ACCEPTED, 0, job.created, None),
            (EventKind.RUNNING, 1, job.started, WORKER),
        ]

    @pytest.mark.parametrize("end", [FAILED, DISMISSED])
    @pytest.mark.parametrize("start", [CREATED, ACCEPTED, RUNNING])
    def test_an_end_is_one(self, store: SqlStore, start: JobStatus, end: JobStatus) -> None:
        job = _bring(store, start)
        ended = store.transition(job.id, end)
        last = store.events(job.id)[-1]
        assert (last.kind, last.attempt, last.moment) == (EventKind(str(end)), job.attempts, ended.finished)

    def test_they_go_with_the_job_and_do_not_come_back_with_the_next(
        self, store: SqlStore, database: Database
    ) -> None:
        gone = [_bring(store, SUCCESSFUL) for _ in range(3)]
        store.remove(gone[0].id)
        store.remove_all([job.id for job in gone[1:]])
        with database.engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM dragoman_events")).scalar_one() == 0
        assert [event.kind for event in store.events(store.add(make_job()).id)] == [EventKind.ACCEPTED]

    def test_a_write_that_is_refused_is_none(self, store: SqlStore) -> None:
        job = _bring(store, RUNNING)
        before = store.events(job.id)
        with pytest.raises(IllegalTransition):
            store.transition(job.id, SUCCESSFUL, token="another")
        with pytest.raises(ValueError, match="taken"):
            store.add(job)
        assert store.events(job.id) == before


class TestDamage:
    """Rows that cannot be read: of a bug, of a stranger with a shell, of another dragoman."""

    @pytest.fixture(
        params=["runtime = '{}'", "principal = 'x'", "outputs = '[{}]'", "created = -1e17", "failure = '[]'"]
    )
    def damage(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def test_it_costs_nothing_but_itself(
        self, store: SqlStore, database: Database, damage: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        for status in (ACCEPTED, RUNNING, SUCCESSFUL):
            whole = _bring(store, status)
            broken = _bring(store, status)
            database.execute(f"UPDATE dragoman_jobs SET {damage} WHERE id = '{broken.id}'")
            with pytest.raises(JobUnreadable, match=broken.id):
                store.get(broken.id)
            page = store.find(JobQuery(statuses=(status,)))
            assert (page.matched, [job.id for job in page.jobs]) == (2, [whole.id])
            assert store.counts()[status] == 2
            if status is ACCEPTED:
                assert [job.id for job in store.waiting()] == [whole.id]
            if status is RUNNING:
                assert [job.id for job in store.expired(datetime.now(UTC) + timedelta(days=1))] == [whole.id]
            if status is SUCCESSFUL:
                both = store.finished_ids(datetime.now(UTC) + timedelta(days=1), 10)
                assert sorted(both) == sorted([whole.id, broken.id])
                assert store.remove_all(both) == 2
            logged = [record for record in caplog.records if getattr(record, "job_id", "") == broken.id]
            assert len(logged) == 1

    def test_a_state_that_is_not_known_is_not_counted(self, store: SqlStore, database: Database) -> None:
        whole, broken = _bring(store, RUNNING), _bring(store, RUNNING)
        database.execute(f"UPDATE dragoman_jobs SET status = 'paused' WHERE id = '{broken.id}'")
        assert store.counts()[RUNNING] == 1
        assert sum(store.counts().values()) == 1
        assert _ids(store) == [whole.id]
        assert [event.kind for event in store.events(broken.id)] == [EventKind.ACCEPTED, EventKind.RUNNING]


class TestRemoving:
    @pytest.mark.parametrize("status", list(JobStatus))
    def test_only_a_finished_job_is_removed(self, store: SqlStore, status: JobStatus) -> None:
        job = _bring(store, status)
        if not status.finished:
            with pytest.raises(IllegalTransition):
                store.remove(job.id)
            assert store.get(job.id) == job
            return
        store.remove(job.id)
        for action in (store.get, store.remove):
            with pytest.raises(NoSuchJob):
                action(job.id)

    def test_of_many_those_that_have_finished_are_removed_at_once(self, store: SqlStore) -> None:
        jobs = {status: _bring(store, status) for status in JobStatus}
        left = _bring(store, SUCCESSFUL)
        assert store.remove_all([*(job.id for job in jobs.values()), NOBODY]) == 3
        assert set(_ids(store)) == {jobs[CREATED].id, jobs[ACCEPTED].id, jobs[RUNNING].id, left.id}
        assert store.counts()[SUCCESSFUL] == 1
        assert store.remove_all([jobs[FAILED].id]) == 0
        assert store.remove_all([]) == 0

    def test_so_are_hundreds(self, store: SqlStore) -> None:
        ids = [store.transition(store.add(make_job()).id, DISMISSED).id for _ in range(600)]
        assert store.remove_all(ids) == 600
        assert sum(store.counts().values()) == 0

    def test_the_order_of_what_follows_stays(self, store: SqlStore) -> None:
        first = store.add(make_job()).id
        last = _bring(store, SUCCESSFUL)
        store.remove(last.id)
        following = store.add(make_job()).id
        assert _ids(store) == [following, first]


class TestTrouble:
    def test_why_is_logged_once_per_outage(
        self, store: SqlStore, database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        job = _bring(store, RUNNING)
        with database.away():
            for _ in range(3):
                with pytest.raises(Unavailable):
                    store.get(job.id)
        lines = [record for record in caplog.records if record.name == "dragoman.jobs.stores.outage_log"]
        assert len(lines) == 1
        assert lines[0].levelname == "ERROR"
        assert "dragoman_jobs" in lines[0].getMessage()
        assert "\n" not in lines[0].getMessage()

    def test_a_store_that_cannot_be_used_is_unavailable(self, store: SqlStore, database: Database) -> None:
        job = _bring(store, RUNNING)
        actions: list[Callable[[], object]] = [
            lambda: store.add(make_job()),
            lambda: store.get(job.id),
            lambda: store.remove_all([job.id]),
            lambda: store.find(JobQuery()),
            store.waiting,
            store.waiting_ids,
            lambda: store.claim(job.id, WORKER, 1),
            lambda: store.transition(job.id, SUCCESSFUL),
            lambda: store.report(job.id, job.token, progress=1),
            lambda: store.finished_ids(datetime.now(UTC), 1),
            lambda: store.events(job.id),
            lambda: store.expired(datetime.now(UTC)),
            lambda: store.remove(job.id),
            store.counts,
            store.check_writable,
        ]
        with database.away():
            for action in actions:
                with pytest.raises(Unavailable) as caught:
                    action()
                assert "SELECT" not in caught.value.detail
        assert store.get(job.id) == job
        store.check_writable()

    def test_a_store_of_a_newer_schema_is_refused(self, store: SqlStore, database: Database) -> None:
        store.close()
        database.execute("UPDATE dragoman_meta SET value = '99' WHERE key = 'version'")
        with pytest.raises(SettingsError, match="99"):
            open_store(database.url)

    def test_many_may_open_an_empty_database_at_once(self, database: Database) -> None:
        database.drop()
        with ThreadPoolExecutor(6) as pool:
            stores = list(pool.map(lambda _n: open_store(database.url), range(6)))
        try:
            job = stores[0].add(make_job())
            assert all(each.get(job.id) == job for each in stores)
        finally:
            for each in stores:
                each.close()

    def test_one_engine_holds_the_database(self, store: SqlStore, database: Database) -> None:
        assert store.lock_engine()
        other = open_store(database.url)
        try:
            if database.url.startswith("postgresql"):
                assert not other.lock_engine()
                store.close()
            wait_for(other.lock_engine, "the server has noticed that the first one has gone")
        finally:
            other.close()
