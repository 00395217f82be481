"""The one door to jobs: what it lets in, to whom it shows what, and how it words an end."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from harness import TEST_PROCESSES
from hypothesis import given
from hypothesis import strategies as st
from jobmaking import ALICE, BOB, WORKER, make_job
from memoryresults import MemoryResults
from resultkit import anything_of, append_log, publish

from dragoman import errors
from dragoman.config.settings import FetchSettings
from dragoman.errors import (
    DiskFull,
    IdempotencyConflict,
    IllegalTransition,
    InvalidInputs,
    InvalidRequest,
    NoSuchJob,
    NoSuchOutput,
    NoSuchProcess,
    NotFound,
    QueueFull,
    ResultNotAvailable,
    ResultNotReady,
    Unavailable,
)
from dragoman.jobs.failures import failure_of
from dragoman.jobs.json_codec import load_inputs
from dragoman.jobs.service import JobService
from dragoman.jobs.stores import open_store
from dragoman.jobs.submission import INLINE_REQUEST, Submission, fingerprint
from dragoman.maps.renderers import MIN_MAX
from dragoman.model.job import (
    InputValue,
    Job,
    JobFailure,
    JobQuery,
    JobRequest,
    Output,
    OutputRequest,
)
from dragoman.model.job_event import EventKind
from dragoman.model.principal import Principal
from dragoman.model.roi import Roi
from dragoman.model.status import JobStatus
from dragoman.packages.catalogue import Catalogue
from dragoman.packages.native.loader import load_package
from dragoman.sources.policy import SourcePolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dragoman.jobs.engine_figures import EngineFigures
    from dragoman.jobs.stores.sql import SqlStore

ADMIN = Principal(id="root", admin=True)
NOBODY = "00000000-0000-4000-8000-000000000000"


class DirectExecutor:
    """Writes to the store itself, and runs nothing."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.submitted: list[Job] = []
        self.trouble: Exception | None = None
        self.up = True
        self.spool = b""
        self.before_printed: Callable[[], None] = lambda: None

    def submit(
        self, job: Job, wait: float | None = 0.0, abandoned: Callable[[], bool] = lambda: False
    ) -> Job:
        self.submitted.append(job)
        if self.trouble is not None:
            raise self.trouble
        try:
            return self.store.add(job)
        except ValueError as error:
            raise InvalidRequest(str(error)) from error

    def wait(self, job_id: str, timeout: float | None) -> Job:
        return self.store.get(job_id)

    def dismiss(self, job_id: str) -> Job:
        return self.store.transition(job_id, JobStatus.DISMISSED)

    def remove(self, job_id: str) -> None:
        self.store.remove(job_id)

    def remove_output(self, job_id: str, output_id: str, item: int | None = None) -> None:
        self.store.report(job_id, self.store.get(job_id).token, outputs={})

    def keep_sha256(self, job_id: str, output_id: str, sha256: str, item: int | None = None) -> None:
        job = self.store.get(job_id)
        self.store.report(job_id, job.token, outputs=job.outputs_with_sha256(output_id, item, sha256))

    def printed(self, job: Job, offset: int, limit: int) -> bytes:
        self.before_printed()
        return self.spool[offset : offset + limit]

    def figures(self) -> EngineFigures:
        raise NotImplementedError

    def alive(self) -> bool:
        return self.up

    def close(self) -> None:
        self.up = False


class Rig:
    def __init__(self, home: Path) -> None:
        self.store = open_store(f"sqlite:///{home}/jobs.db")
        self.results = MemoryResults()
        self.executor = DirectExecutor(self.store)
        processes = {name: load_package(TEST_PROCESSES / name) for name in ("number", "hasty", "writer")}
        self.service = JobService(
            catalogue=Catalogue(processes=processes),
            store=self.store,
            executor=self.executor,
            results=self.results,
            policy=SourcePolicy(fetch=FetchSettings()),
            min_free_bytes=1000,
        )

    def submit(
        self, process: str = "number", who: Principal = ALICE, how: Submission | None = None, **values: Any
    ) -> Job:
        inputs = {name: (InputValue(value=value),) for name, value in (values or {"number": 1}).items()}
        return self.service.submit(process, JobRequest(inputs=inputs), who, how or Submission())

    def end(self, job: Job, status: JobStatus, **changes: Any) -> Job:
        self.store.claim(job.id, WORKER, 30)
        return self.store.transition(job.id, status, **changes)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.store.close()


class TestSubmitting:
    def test_the_job_carries_what_was_asked_and_by_whom(self, rig: Rig) -> None:
        how = Submission(mode="sync", dialect="pesto", idempotency_key="k", priority=3)
        job = rig.submit(how=how, number=5)
        stored = rig.store.get(job.id)
        assert (stored.principal, stored.mode, stored.dialect, stored.priority) == (ALICE, "sync", "pesto", 3)
        assert (stored.process_id, stored.process_version) == ("number", "1.0.0")
        assert stored.runtime.digest == rig.service.catalogue.get("number").runtime.digest != ""
        assert stored.request.inputs["number"][0].value == 5
        assert uuid.UUID(job.id).version == 4
        assert stored.status is JobStatus.ACCEPTED

    def test_a_dialect_may_give_the_id(self, rig: Rig) -> None:
        job_id = str(uuid.uuid4())
        assert rig.submit(how=Submission(job_id=job_id)).id == job_id
        with pytest.raises(InvalidRequest, match=job_id):
            rig.submit(how=Submission(job_id=job_id))

    @pytest.mark.parametrize(
        ("process", "asked", "expected"),
        [
            ("hasty", None, 1.0),
            ("hasty", 0.5, 0.5),
            ("hasty", 5.0, 1.0),
            ("number", 5.0, 5.0),
            ("number", None, None),
        ],
    )
    def test_the_shorter_timeout_holds(
        self, rig: Rig, process: str, asked: float | None, expected: float | None
    ) -> None:
        values = {"number": 1} if process == "number" else {"seconds": 0}
        assert rig.submit(process, how=Submission(timeout=asked), **values).timeout == expected  # type: ignore[arg-type]  # a dict of values

    def test_wrong_inputs_are_named_and_nothing_is_kept(self, rig: Rig) -> None:
        with pytest.raises(InvalidInputs) as caught:
            rig.submit(number="many", colour="red")
        assert {problem.input_id for problem in caught.value.problems} == {"number", "colour"}
        with pytest.raises(InvalidInputs):
            rig.service.submit("number", JobRequest(), ALICE, Submission())
        assert rig.executor.submitted == []

    @pytest.mark.parametrize(
        "href", ["ftp://x.example/y", "file:///etc/passwd", "http://127.0.0.1/x", "nothing", ""]
    )
    def test_a_reference_that_would_not_be_fetched_is_refused(self, rig: Rig, href: str) -> None:
        request = JobRequest(inputs={"number": (InputValue(href=href),)})
        with pytest.raises(InvalidInputs, match="number"):
            rig.service.submit("number", request, ALICE, Submission())
        assert rig.executor.submitted == []

    def test_an_unknown_process_and_output_are_refused(self, rig: Rig) -> None:
        with pytest.raises(NoSuchProcess):
            rig.submit("nothing")
        request = JobRequest(inputs={"number": (InputValue(value=1),)}, outputs={"triple": OutputRequest()})
        with pytest.raises(InvalidRequest, match="'triple'; allowed: double"):
            rig.service.submit("number", request, ALICE, Submission())

    def test_without_map_services_nothing_is_published_or_read_of_them(self, rig: Rig) -> None:
        number = {"number": (InputValue(value=1),)}
        with pytest.raises(InvalidRequest, match="no map services"):
            rig.service.submit(
                "number", JobRequest(inputs=number, publish={"double": MIN_MAX}), ALICE, Submission()
            )
        request = JobRequest(inputs={"number": (InputValue(href="service://a"),)})
        with pytest.raises(InvalidInputs, match="'number': there are no map services"):
            rig.service.submit("number", request, ALICE, Submission())
        assert rig.executor.submitted == []

    def test_a_repetition_gives_the_first_job(self, rig: Rig) -> None:
        how = Submission(idempotency_key="k")
        first = rig.submit(how=how, number=1)
        assert rig.submit(how=how, number=1).id == first.id
        assert rig.submit(who=BOB, how=how, number=1).id != first.id
        with pytest.raises(IdempotencyConflict):
            rig.submit(how=how, number=2)

    def test_the_order_of_members_makes_no_other_request(self) -> None:
        one, other = (
            JobRequest(inputs={name: (InputValue(value={"x": 1, "y": [2]}),) for name in names})
            for names in ("ab", "ba")
        )
        assert fingerprint("p", one) == fingerprint("p", other)
        assert fingerprint("p", one) != fingerprint("q", one)


class TestDisk:
    def test_below_the_floor_no_job_is_taken_and_nothing_kept(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rig.results, "free_bytes", lambda: 999)
        with pytest.raises(DiskFull, match="not enough free disk"):
            rig.submit("writer", fail=TestSpooling.LONG)
        assert not rig.executor.submitted
        monkeypatch.setattr(rig.results, "free_bytes", lambda: 1000)
        assert rig.submit("writer", fail=TestSpooling.LONG)


class TestSpooling:
    LONG = "x" * (INLINE_REQUEST + 1)

    def test_large_inputs_lie_beside_the_store(self, rig: Rig) -> None:
        job = rig.submit("writer", fail=self.LONG)
        stored = rig.store.get(job.id)
        assert stored.request.spooled
        assert stored.request.inputs == {}
        kept = load_inputs(json.loads(rig.results.load_request(job.id)))
        assert kept == {"fail": (InputValue(value=self.LONG),)}

    def test_small_ones_stay_in_the_row(self, rig: Rig) -> None:
        job = rig.submit("writer", fail="x" * 1000)
        assert not rig.store.get(job.id).request.spooled
        assert not anything_of(rig.results, job.id)

    def test_what_is_refused_leaves_nothing(self, rig: Rig) -> None:
        for trouble in (QueueFull(), IdempotencyConflict()):
            rig.executor.trouble = trouble
            with pytest.raises(type(trouble)):
                rig.submit("writer", fail=self.LONG)
            assert not anything_of(rig.results, rig.executor.submitted[-1].id)

    def test_what_may_have_been_accepted_keeps_its_request(self, rig: Rig) -> None:
        rig.executor.trouble = Unavailable("the supervisor died while the job was being accepted")
        with pytest.raises(Unavailable):
            rig.submit("writer", fail=self.LONG)
        assert rig.results.load_request(rig.executor.submitted[-1].id)

    def test_a_repetition_leaves_one_copy(self, rig: Rig) -> None:
        how = Submission(idempotency_key="k")
        first = rig.submit("writer", how=how, fail=self.LONG)
        assert rig.submit("writer", how=how, fail=self.LONG).id == first.id
        assert rig.results.load_request(first.id)
        assert not anything_of(rig.results, rig.executor.submitted[-1].id)

    def test_an_id_that_is_none_is_refused(self, rig: Rig) -> None:
        with pytest.raises(InvalidRequest, match=r"'\.\./x' is no job id; allowed: a UUID in lower case"):
            rig.submit("writer", how=Submission(job_id="../x"), fail="x")

    def test_another_job_of_the_same_id_keeps_its_files(self, rig: Rig) -> None:
        job_id = str(uuid.uuid4())
        how = Submission(job_id=job_id)
        rig.submit("writer", how=how, fail=self.LONG)
        with pytest.raises(InvalidRequest, match="taken"):
            rig.submit("writer", how=how, fail=self.LONG + "another")
        assert "another" not in rig.results.load_request(job_id)


class TestTheRequest:
    """What a client sent can be had back with the job, however it ended and however large it was."""

    SENT = '{"inputs": {"number": 1.0, "ccpnote": "grüß"},  "outputs": {}, "more": [null]}'

    def test_it_comes_back_as_it_was_sent(self, rig: Rig) -> None:
        job = rig.submit(how=Submission(request_as_sent=self.SENT))
        assert rig.service.request(job.id, ALICE) == json.loads(self.SENT)
        assert not anything_of(rig.results, job.id), "a small one makes no file"

    def test_a_large_one_lies_beside_the_store_and_outlasts_a_failure(self, rig: Rig) -> None:
        sent = json.dumps({"inputs": {"fail": TestSpooling.LONG, "ccpnote": "kept"}})
        job = rig.submit("writer", how=Submission(request_as_sent=sent), fail=TestSpooling.LONG)
        assert rig.store.get(job.id).request_as_sent is None
        rig.end(job, JobStatus.FAILED)
        rig.results.remove_request(job.id)
        assert rig.service.request(job.id, ALICE) == json.loads(sent)

    def test_one_that_is_large_but_for_its_inputs_leaves_those_in_the_row(self, rig: Rig) -> None:
        sent = json.dumps({"inputs": {"number": 1}, "comment": TestSpooling.LONG})
        job = rig.submit(how=Submission(request_as_sent=sent))
        stored = rig.store.get(job.id)
        assert (stored.request.spooled, stored.request_as_sent) == (False, None)
        assert rig.service.request(job.id, ALICE) == json.loads(sent)

    def test_of_a_job_without_one_it_is_the_same_in_the_form_of_ogc(self, rig: Rig) -> None:
        assert rig.service.request(rig.submit(number=7).id, ALICE) == {"inputs": {"number": 7}}
        large = rig.submit("writer", fail=TestSpooling.LONG)
        assert rig.service.request(large.id, ALICE) == {"inputs": {"fail": TestSpooling.LONG}}

    def test_one_that_was_not_kept_is_said_not_to_be_there(self, rig: Rig) -> None:
        job = rig.submit("writer", fail=TestSpooling.LONG)
        rig.end(job, JobStatus.FAILED)
        rig.results.remove_request(job.id)
        with pytest.raises(NotFound, match=f"the request of job '{job.id}' is not there any more") as refused:
            rig.service.request(job.id, ALICE)
        assert refused.value.code == "not-found"

    def test_one_that_the_form_of_ogc_cannot_say_is_not_said_wrongly(self, rig: Rig) -> None:
        job = rig.store.add(make_job(principal=ALICE, request=JobRequest(roi=Roi(targets_in=()))))
        with pytest.raises(NotFound, match="crops its images"):
            rig.service.request(job.id, ALICE)

    def test_it_is_shown_to_its_owner_and_to_an_admin_alone(self, rig: Rig) -> None:
        job = rig.submit(how=Submission(request_as_sent=self.SENT))
        assert rig.service.request(job.id, ADMIN) == json.loads(self.SENT)
        for who, job_id in ((BOB, job.id), (ALICE, NOBODY), (ALICE, "..")):
            with pytest.raises(NoSuchJob, match="there is no job"):
                rig.service.request(job_id, who)


class TestOwnership:
    def test_another_principal_sees_nothing(self, rig: Rig) -> None:
        job, service = rig.submit(), rig.service
        actions: list[Callable[[Principal], object]] = [
            lambda who: service.status(job.id, who),
            lambda who: service.wait(job.id, who, 0),
            lambda who: service.results(job.id, who),
            lambda who: service.dismiss(job.id, who),
            lambda who: service.remove(job.id, who),
            lambda who: service.remove_output(job.id, "double", who),
            lambda who: service.log(job.id, who),
        ]
        for action in actions:
            with pytest.raises(NoSuchJob, match=job.id) as refused:
                action(BOB)
            assert refused.value.detail == f"there is no job '{job.id}'", "as if there were none"
        assert service.find(JobQuery(), BOB).matched == 0
        assert service.find(JobQuery(owner="alice"), BOB).matched == 0, "nobody chooses whose jobs he sees"
        assert rig.store.get(job.id) == job

    @pytest.mark.parametrize(
        "text", ["", "..", "a\0b", "%2e", "x" * 5000, "0931225B-1D88-4D7E-B062-BD74AFF9393E"]
    )
    def test_what_cannot_be_an_id_is_no_job_and_the_store_is_not_asked(
        self, rig: Rig, text: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rig.store, "get", lambda _id: pytest.fail("it was asked"))
        for action in (rig.service.status, rig.service.results, rig.service.dismiss, rig.service.log):
            with pytest.raises(NoSuchJob) as refused:
                action(text, ADMIN)
            assert refused.value.detail == f"there is no job '{text[:100]}'"

    def test_its_owner_and_an_admin_see_it(self, rig: Rig) -> None:
        job = rig.submit()
        rig.submit(who=BOB)
        for who in (ALICE, ADMIN):
            assert rig.service.status(job.id, who) == job
        assert rig.service.find(JobQuery(), ALICE).matched == 1
        assert rig.service.find(JobQuery(), ADMIN).matched == 2
        assert rig.service.find(JobQuery(owner="bob"), ADMIN).matched == 1

    def test_dismissing_and_removing_are_two_verbs(self, rig: Rig) -> None:
        job = rig.submit()
        with pytest.raises(IllegalTransition):
            rig.service.remove(job.id, ALICE)
        assert rig.service.dismiss(job.id, ALICE).status is JobStatus.DISMISSED
        with pytest.raises(IllegalTransition):
            rig.service.dismiss(job.id, ALICE)
        assert rig.service.remove(job.id, ALICE).id == job.id
        with pytest.raises(NoSuchJob):
            rig.service.status(job.id, ALICE)


class TestResults:
    def test_only_of_a_successful_job(self, rig: Rig) -> None:
        job = rig.submit()
        with pytest.raises(ResultNotReady, match="accepted"):
            rig.service.results(job.id, ALICE)
        rig.store.claim(job.id, WORKER, 30)
        with pytest.raises(ResultNotReady, match="running"):
            rig.service.results(job.id, ALICE)
        rig.store.transition(job.id, JobStatus.SUCCESSFUL)
        assert rig.service.results(job.id, ALICE).id == job.id

    def test_a_dismissed_one_says_so(self, rig: Rig) -> None:
        job = rig.end(rig.submit(), JobStatus.DISMISSED)
        with pytest.raises(ResultNotReady, match="dismissed"):
            rig.service.results(job.id, ALICE)

    def test_a_failed_one_raises_what_it_failed_of(self, rig: Rig) -> None:
        failure = JobFailure(code="invalid-inputs", detail="", problems=(("number", "is too odd"),))
        job = rig.end(rig.submit(), JobStatus.FAILED, failure=failure)
        with pytest.raises(InvalidInputs, match="input 'number': is too odd"):
            rig.service.results(job.id, ALICE)

    def test_outputs_are_found_told_gone_or_unknown(self, rig: Rig) -> None:
        outputs = {"double": Output(id="double", media_type="application/json", value=2)}
        job = rig.end(rig.submit(), JobStatus.SUCCESSFUL, outputs=outputs)
        assert rig.service.output(job, "double").value == 2
        with pytest.raises(NoSuchOutput, match="triple"):
            rig.service.output(job, "triple")
        rig.service.remove_output(job.id, "double", ALICE)
        with pytest.raises(ResultNotAvailable):
            rig.service.output(rig.service.status(job.id, ALICE), "double")

    def test_a_job_whose_process_is_no_longer_served_keeps_its_outputs(self, rig: Rig) -> None:
        outputs = {"a": Output(id="a", media_type="application/json", value=2)}
        job = make_job(process_id="bygone", outputs=outputs)
        assert rig.service.output(job, "a").value == 2
        with pytest.raises(NoSuchOutput):
            rig.service.output(job, "b")

    def test_the_content_of_a_file_can_be_had_while_it_is_there(self, rig: Rig) -> None:
        job = rig.submit()
        output = Output(id="a", media_type="image/tiff", file="a.tif", size=1)
        with pytest.raises(ResultNotAvailable, match="the file of output 'a' is gone"):
            rig.service.content(job, output)
        publish(rig.results, job.id, {"a.tif": "x"})
        assert rig.service.content(job, output).content() == b"x"
        with pytest.raises(NoSuchOutput):
            rig.service.content(job, Output(id="v", media_type="application/json", value=1))


class TestLog:
    """What the ended runs printed, then what the present one has printed so far, by offset."""

    def test_of_a_job_that_said_nothing_it_is_empty(self, rig: Rig) -> None:
        job = rig.submit()
        assert rig.service.log(job.id, ALICE) == b""
        assert rig.service.log(job.id, ALICE, 7) == b""

    @pytest.mark.parametrize("offset", [0, 3, 8, 9, 11, 14, 20])
    def test_it_goes_on_in_the_run_that_prints(self, rig: Rig, offset: int) -> None:
        job = rig.submit()
        append_log(rig.results, job.id, "ended by\n")
        rig.store.claim(job.id, WORKER, 30)
        rig.executor.spool = b"a new"
        assert rig.service.log(job.id, ALICE, offset) == b"ended by\na new"[offset:]

    def test_of_a_job_that_does_not_run_no_worker_is_asked(self, rig: Rig) -> None:
        job = rig.submit()
        append_log(rig.results, job.id, "ended by\n")
        rig.executor.spool = b"of another job"
        assert rig.service.log(job.id, ALICE) == b"ended by\n"

    def test_it_comes_in_parts_that_fit_together(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("dragoman.jobs.job_log.PART", 4)
        job = rig.submit()
        append_log(rig.results, job.id, "ended by\n")
        rig.store.claim(job.id, WORKER, 30)
        rig.executor.spool = b"a new"
        parts: list[bytes] = []
        while part := rig.service.log(job.id, ALICE, sum(map(len, parts))):
            parts.append(part)
        assert b"".join(parts) == b"ended by\na new"
        assert max(map(len, parts)) == 4

    def test_a_run_that_ends_meanwhile_does_not_show_the_next_job_of_its_worker(self, rig: Rig) -> None:
        job = rig.submit()
        rig.store.claim(job.id, WORKER, 30)

        def end() -> None:
            append_log(rig.results, job.id, "mine\n")
            rig.store.transition(job.id, JobStatus.SUCCESSFUL)
            rig.executor.spool = b"somebody else's"

        rig.executor.before_printed = end
        assert rig.service.log(job.id, ALICE) == b"mine\n"


class TestSha256:
    def test_it_is_worked_out_once_and_kept(self, rig: Rig) -> None:
        outputs = {
            "one": Output(id="one", media_type="text/plain", file="one.txt", size=3),
            "many": Output(
                id="many",
                media_type="text/plain",
                items=(
                    Output(id="many", media_type="text/plain", file="0.txt", size=3),
                    Output(id="many", media_type="text/plain"),
                ),
            ),
            "value": Output(id="value", media_type="application/json", value=1),
        }
        job = rig.end(rig.submit(), JobStatus.SUCCESSFUL, outputs=outputs)
        publish(rig.results, job.id, {"one.txt": "abc", "0.txt": "abc"})
        expected = hashlib.sha256(b"abc").hexdigest()
        for name, item in (("one", None), ("many", 0)):
            assert rig.service.output_sha256(job.id, name, ALICE, item) == expected
        kept = rig.store.get(job.id).outputs
        assert (kept["one"].sha256, [each.sha256 for each in kept["many"].items]) == (
            expected,
            [expected, None],
        )
        rig.results.remove_file(job.id, "one.txt")  # it is not read again
        assert rig.service.output_sha256(job.id, "one", ALICE) == expected
        for name in ("value", "nothing"):
            with pytest.raises(NoSuchOutput):
                rig.service.output_sha256(job.id, name, ALICE)
        with pytest.raises(NoSuchJob):
            rig.service.output_sha256(job.id, "one", BOB)

    def test_a_deleted_file_of_a_list_loses_it(self) -> None:
        item = Output(id="a", media_type="text/plain", file="0.txt", size=3, sha256="ab")
        job = make_job(outputs={"a": Output(id="a", media_type="text/plain", items=(item, item))})
        left = job.outputs_without("a", 0)["a"].items
        assert [each.sha256 for each in left] == [None, "ab"]


class TestHistory:
    def test_it_is_told_to_those_who_may_see_the_job(self, rig: Rig) -> None:
        job = rig.submit()
        rig.end(job, JobStatus.FAILED)
        kinds = [event.kind for event in rig.service.events(job.id, ALICE)]
        assert kinds == [EventKind.ACCEPTED, EventKind.RUNNING, EventKind.FAILED]
        for who, job_id in ((BOB, job.id), (ALICE, NOBODY)):
            with pytest.raises(NoSuchJob):
                rig.service.events(job_id, who)

    def test_the_request_is_kept_as_it_was_sent_where_a_dialect_wants_it(self, rig: Rig) -> None:
        text = '{"number":  1}'
        job = rig.submit(how=Submission(request_as_sent=text))
        assert rig.service.status(job.id, ALICE).request_as_sent == text
        assert rig.service.status(rig.submit().id, ALICE).request_as_sent is None

    def test_a_job_that_is_being_put_together_has_no_results_and_can_be_dismissed(self, rig: Rig) -> None:
        job = rig.store.add(make_job(principal=ALICE, status=JobStatus.CREATED))
        with pytest.raises(ResultNotReady, match="created"):
            rig.service.results(job.id, ALICE)
        assert rig.service.dismiss(job.id, ALICE).status is JobStatus.DISMISSED


class TestDrafts:
    def test_a_draft_is_validated_as_far_as_it_goes_and_nothing_is_kept(self, rig: Rig) -> None:
        inputs = {"size": (InputValue(value=10),)}
        for later in (["nothing"], []):
            draft = rig.service.draft(
                "writer", JobRequest(inputs=inputs), ALICE, Submission(dialect="x"), later=later
            )
            assert (draft.status, draft.principal, draft.dialect) == (JobStatus.CREATED, ALICE, "x")
        empty = rig.service.draft("number", JobRequest(), ALICE, Submission(), later=["number"])
        assert empty.runtime == rig.service.catalogue.get("number").runtime
        with pytest.raises(InvalidInputs, match="'number'"):
            rig.service.draft("number", JobRequest(), ALICE, Submission(), later=[])
        given = JobRequest(inputs={"number": (InputValue(value=1),)})
        with pytest.raises(InvalidInputs, match="'number': unknown input"):
            rig.service.draft("number", given, ALICE, Submission(), later=["number"])
        assert rig.store.find(JobQuery()).matched == 0

    def test_drafts_can_be_nobodys_business(self, rig: Rig, tmp_path: Path) -> None:
        discreet = JobService(
            catalogue=rig.service.catalogue, store=rig.store, executor=rig.executor, results=rig.results,
            policy=SourcePolicy(fetch=FetchSettings()), hides_drafts=True,
        )  # fmt: skip
        draft = rig.store.add(make_job(principal=ALICE, status=JobStatus.CREATED))
        waiting = rig.store.add(make_job(principal=ALICE))
        for who in (ALICE, Principal(id="root", admin=True)):
            assert [job.id for job in discreet.find(JobQuery(), who).jobs] == [waiting.id]
            assert discreet.find(JobQuery(), who).matched == 1
            with pytest.raises(NoSuchJob):
                discreet.status(draft.id, who)
        states = JobQuery(statuses=(JobStatus.CREATED, JobStatus.ACCEPTED))
        assert [job.id for job in discreet.find(states, ALICE).jobs] == [waiting.id]
        assert rig.service.find(JobQuery(), ALICE).matched == 2
        rig.store.transition(draft.id, JobStatus.ACCEPTED)
        assert discreet.find(JobQuery(), ALICE).matched == 2
        assert discreet.status(draft.id, ALICE).status is JobStatus.ACCEPTED

    def test_files_that_were_gathered_cannot_be_sent_or_run_again(self, rig: Rig) -> None:
        request = JobRequest(inputs={"number": (InputValue(kept="000000.png"),)})
        job = rig.store.add(make_job(process_id="number", principal=ALICE, request=request))
        with pytest.raises(NotFound, match="were gathered for it alone"):
            rig.service.request(job.id, ALICE)
        with pytest.raises(NotFound, match="were gathered for it alone"):
            rig.service.repeat(job.id, ALICE, Submission())


class TestFailures:
    @pytest.mark.parametrize(
        "cls",
        [errors.AlgorithmError, errors.OutputError, errors.TimedOut, errors.OutOfMemory, errors.WorkerLost],
    )
    def test_each_comes_back_as_it_was_raised(self, cls: type[errors.DragomanError]) -> None:
        error = failure_of(make_job(failure=JobFailure(code=cls.code, detail="because")))
        assert error.code == cls.code
        assert error.detail == "because"
        assert isinstance(error, errors.ExecutionError)

    @given(st.text(max_size=30), st.text(max_size=30))
    def test_any_other_code_is_the_jobs_own_failure(self, code: str, detail: str) -> None:
        error = failure_of(make_job(failure=JobFailure(code=code, detail=detail)))
        assert isinstance(error, errors.ExecutionError)

    def test_without_one_the_message_speaks(self) -> None:
        assert failure_of(make_job(message="it fell")).detail == "it fell"


def test_a_request_that_the_disk_does_not_take_leaves_nothing_behind(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = rig.results.save_request

    def save_in_part(job_id: str, text: str) -> None:
        save(job_id, text[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rig.results, "save_request", save_in_part)
    with pytest.raises(Unavailable, match="the request cannot be kept: No space left on device"):
        rig.submit("writer", fail="x" * (INLINE_REQUEST + 1))
    assert rig.executor.submitted == []
    assert rig.results.jobs == {}


class TestReadiness:
    def test_all_is_well(self, rig: Rig) -> None:
        assert rig.service.ready(1) == []

    def test_each_fault_is_named(self, rig: Rig) -> None:
        assert rig.service.ready(2**62)[0].startswith("disk:")
        rig.service.close()
        assert rig.service.ready(1) == ["engine: the supervisor does not answer"]

    def test_a_store_that_only_the_engine_cannot_write_is_named(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail() -> bool:
            raise Unavailable("full")

        monkeypatch.setattr(rig.executor, "alive", fail)
        assert rig.service.ready(1) == ["store: full"]

    def test_a_home_that_cannot_be_looked_at_is_named(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail() -> int:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(rig.results, "free_bytes", fail)
        assert rig.service.ready(1) == ["disk: Read-only file system"]

    def test_a_store_that_is_away_is_named(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> None:
            raise Unavailable("away")

        monkeypatch.setattr(rig.store, "counts", fail)
        assert rig.service.ready(1) == ["store: away"]
        assert rig.service.catalogue.get("number").id == "number"


def test_an_id_that_nobody_has_is_unknown_to_everybody(rig: Rig) -> None:
    for who in (ALICE, ADMIN):
        with pytest.raises(NoSuchJob):
            rig.service.status(NOBODY, who)
