"""The contract of the Executor port, run on every engine; what it says of processes, where jobs run in processes."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import pytest
from enginekit import EngineKit, ExecutorKit, MemoryKit, engine, process_job
from harness import gone, wait_for
from resultkit import has_file, log_of

from dragoman.errors import IdempotencyConflict, IllegalTransition, InvalidRequest, NoSuchJob
from dragoman.model.status import JobStatus
from dragoman.workers.output_capture import LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragoman.model.job import Job

pytestmark = pytest.mark.slow

type NewKit = Callable[[Path], AbstractContextManager[ExecutorKit]]
ENGINES: dict[str, NewKit] = {
    "local": engine,
    "memory": lambda home: nullcontext(MemoryKit(home)),
}
"""Each engine that the suite is run on, and how a kit of it is made; add another here."""
PROCESSES = ["local"]
"""Those that run jobs in processes, with an EngineKit."""
in_processes = pytest.mark.parametrize("kit", PROCESSES, indirect=True, scope="module")
NOTICING = """
def run(*, context):
    context.progress(1, "reading")
    for text in ("two rows were left out", "so was a column", "two rows were left out"):
        context.notice(text)
    context.progress(99, "writing")
    return {"ok": True}
"""
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module", params=ENGINES)
def kit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExecutorKit]:
    with ENGINES[request.param](tmp_path_factory.mktemp("engine") / "home") as started:
        yield started


class TestSuccess:
    def test_a_job_is_accepted_and_ends_with_its_outputs(self, kit: ExecutorKit) -> None:
        job = kit.submit("number", number=21)
        assert job.status is JobStatus.ACCEPTED
        assert kit.store.get(job.id).created == job.created
        done = kit.finished(job)
        assert (done.status, done.progress, done.attempts) == (JobStatus.SUCCESSFUL, 100, 1)
        assert done.outputs["double"].value == 42
        assert done == kit.store.get(job.id)

    def test_files_lie_where_they_are_looked_for_and_scratch_is_gone(self, kit: ExecutorKit) -> None:
        done = kit.run("writer", size=5000)
        output = done.outputs["file"]
        assert output.file is not None
        assert kit.results.content(done.id, output.file).size == output.size == 5000
        assert [path.name for path in kit.files(done) if path.is_file() and path.name != "log.txt"] == [
            output.file
        ]

    @in_processes
    def test_the_log_keeps_what_was_said_by_anybody(self, kit: EngineKit) -> None:
        log = log_of(kit.results, kit.run("writer").id)
        for line in ("to standard output", "to standard error", "from a child", "to the log"):
            assert line in log

    def test_waiting_jobs_all_get_their_turn(self, kit: ExecutorKit) -> None:
        with ThreadPoolExecutor(8) as pool:
            jobs = list(pool.map(lambda number: kit.run("number", number=number), range(40)))
        assert [job.outputs["double"].value for job in jobs] == [2 * number for number in range(40)]
        assert {job.attempts for job in jobs} == {1}

    @in_processes
    def test_a_notice_outlives_progress(self, kit: EngineKit, tmp_path: Path) -> None:
        folder = tmp_path / "noticing"
        folder.mkdir()
        (folder / "process.yml").write_text(
            "id: noticing\nversion: '1'\ninputs: {}\noutputs: {ok: {schema: {}}}\n"
        )
        (folder / "algorithm.py").write_text(NOTICING)
        done = kit.run(folder)
        assert (done.status, done.message) == (
            JobStatus.SUCCESSFUL,
            "two rows were left out; so was a column",
        )
        assert log_of(kit.results, done.id).count("two rows were left out") == 1
        assert kit.run("number", number=1).message == ""

    @in_processes
    def test_progress_never_falls(self, kit: EngineKit, tmp_path: Path) -> None:
        job = kit.submit("loop", seconds=100, until=str(tmp_path / "gate"))
        seen = [0]

        def look() -> Job:
            now = kit.store.get(job.id)
            seen.append(now.progress)
            return now

        wait_for(lambda: look() and len({*seen}) > 2, "two steps")
        (tmp_path / "gate").touch()
        wait_for(lambda: look().status.finished, "it ends")
        assert seen == sorted(seen)
        assert seen[-1] == 100


class TestProcessesOfAnAlgorithm:
    @in_processes
    @pytest.mark.parametrize("pool", ["fresh", "executor", "spawn", "forkserver", "joblib", "ended"])
    def test_those_it_ends_itself_cost_it_nothing(self, kit: EngineKit, pool: str) -> None:
        """Those of joblib are kept for its next call, and are ended for it."""
        if pool == "joblib":
            pytest.importorskip("joblib")
        runs = [kit.run("parallel", pool=pool) for _ in range(3)]
        assert [run.outputs["total"].value for run in runs] == [14, 14, 14], runs
        assert len({run.outputs["worker"].value for run in runs}) == 1, "the worker stays warm"

    @in_processes
    def test_those_it_leaves_are_ended_and_it_starts_afresh(self, kit: EngineKit) -> None:
        runs = [kit.run("parallel", pool="kept") for _ in range(3)]
        assert [run.outputs["total"].value for run in runs] == [14, 14, 14], runs
        assert len({run.outputs["worker"].value for run in runs}) == 3


class TestWhatAJobDoesToItsProcess:
    @in_processes
    @pytest.mark.parametrize("how", ["close", "none", "descriptors", "folder", "gone", "umask"])
    def test_the_next_one_does_not_meet(self, kit: EngineKit, how: str) -> None:
        job = kit.run("untidy", how=how)
        assert (job.status, job.attempts) == (JobStatus.SUCCESSFUL, 1), job.message
        after = kit.run("untidy", how="nothing")
        assert after.outputs["worker"].value == job.outputs["worker"].value, "the same worker"
        assert after.outputs["folder"].value == job.outputs["folder"].value == "."
        assert after.outputs["umask"].value == job.outputs["umask"].value
        assert log_of(kit.results, after.id) == "nothing to standard output\nand to standard error\n"

    @in_processes
    def test_what_it_prints_is_held_to_a_limit(self, kit: EngineKit) -> None:
        done = kit.run("chatty", mebibytes=100)
        assert "no more words" in done.message
        text = log_of(kit.results, done.id)
        assert len(text.encode()) <= LIMIT + 100_000
        assert text.startswith("blah")
        assert "Traceback" in text, "how it ended is not what is cut"
        assert text.count("--- more was printed than is kept ---\n") == 1

    @in_processes
    def test_files_without_number_hold_up_nobody(self, kit: EngineKit) -> None:
        job = kit.submit("untidy", how="files")
        wait_for(lambda: kit.store.get(job.id).progress == 50, what="it has made its files")
        assert kit.executor.dismiss(job.id).status is JobStatus.DISMISSED
        assert kit.files(job) == []
        wait_for(lambda: not any((kit.settings.home / "trash").iterdir()), what="they are gone")


class TestTheFolderOfARun:
    @in_processes
    def test_two_at_once_write_one_name_and_read_their_own(self, kit: EngineKit, tmp_path: Path) -> None:
        (tmp_path / "meeting").mkdir()
        jobs = [kit.submit("litter", number=number, meeting=str(tmp_path / "meeting")) for number in (1, 2)]
        assert [kit.finished(job).outputs["number"].value for job in jobs] == [1, 2]

    @in_processes
    def test_it_is_empty_and_holds_temporary_files_of_all_kinds(self, kit: EngineKit) -> None:
        runs = [kit.run("litter", number=number) for number in range(3)]
        assert [run.outputs["found"].value for run in runs] == [[], [], []], runs
        assert [run.outputs["places"].value for run in runs] == [[True] * 4] * 3
        assert len({run.outputs["worker"].value for run in runs}) == 1, "the worker stays warm"
        assert list((kit.home / "workers" / str(runs[0].outputs["worker"].value) / "run").iterdir()) == []

    @in_processes
    def test_it_goes_with_a_worker_that_is_killed(self, kit: EngineKit) -> None:
        job = kit.submit("untidy", how="files")
        wait_for(lambda: kit.store.get(job.id).progress == 50, what="it has made its files")
        folder = kit.run_files.worker_folder(kit.worker(job))
        assert list((folder / "run").iterdir())
        kit.executor.dismiss(job.id)
        assert not folder.exists()


class TestFailure:
    @in_processes
    def test_what_it_raises_is_told_without_paths_and_kept_in_full(self, kit: EngineKit) -> None:
        done = kit.run("writer", fail="cannot open /home/me/secret.tif")
        assert done.status is JobStatus.FAILED
        assert done.failure is not None
        assert done.failure.detail == done.message == "RuntimeError: cannot open secret.tif"
        log = log_of(kit.results, done.id)
        assert "Traceback" in log
        assert "/home/me/secret.tif" in log
        assert not kit.run_files.folder(done.id).exists()

    @in_processes
    def test_the_callers_fault_is_told_as_such(self, kit: EngineKit) -> None:
        failure = kit.run("writer", fail="is too large", blame="size").failure
        assert failure is not None
        assert failure.problems == (("size", "is too large"),)

    @in_processes
    def test_a_message_longer_than_any_buffer_is_told_in_short_and_kept_in_full(self, kit: EngineKit) -> None:
        done = kit.run("writer", fail="x" * 400_000)
        assert len(done.message) < 5000
        assert done.message.endswith("x…")
        assert "x" * 400_000 in log_of(kit.results, done.id)

    @in_processes
    @pytest.mark.parametrize("text", ["caf\udce9.tif", "nul \x00 byte", "\U0001f6f0"])
    def test_a_message_of_any_characters_harms_nobody(self, kit: EngineKit, text: str) -> None:
        supervisor = kit.supervisor
        done = kit.run("writer", fail=text)
        assert (done.status, done.attempts) == (JobStatus.FAILED, 1)
        assert kit.supervisor == supervisor

    @in_processes
    def test_a_timeout_ends_it_and_says_so(self, kit: EngineKit) -> None:
        done = kit.run("loop", job={"timeout": 0.5})
        assert done.message == "the job ran longer than its timeout of 0.5 s"
        assert done.failure is not None
        assert done.failure.code == "timed-out"
        log = log_of(kit.results, done.id)
        assert "most recent call first" in log, "what it was doing is told"
        assert 'loop/algorithm.py", line' in log
        assert done.worker is not None
        assert gone(done.worker.pid)

    @in_processes
    def test_a_killed_worker_s_job_is_run_again(self, kit: EngineKit, tmp_path: Path) -> None:
        job = kit.submit("loop", until=str(tmp_path / "gate"))
        os.kill(kit.worker(job), signal.SIGKILL)
        (tmp_path / "gate").touch()
        done = kit.finished(job)
        assert (done.status, done.attempts, done.restarts) == (JobStatus.SUCCESSFUL, 2, 0)
        assert "--- attempt 2 ---" in log_of(kit.results, job.id)

    @in_processes
    def test_what_a_run_prints_can_be_seen_while_it_runs(self, kit: EngineKit, tmp_path: Path) -> None:
        job = kit.submit("loop", until=str(tmp_path / "gate"))
        os.kill(kit.worker(job), signal.SIGKILL)

        def printed() -> bytes:
            return kit.executor.printed(kit.store.get(job.id), 4, 9)

        wait_for(lambda: printed() == b"attempt 2", "its second run has begun, and its spool says so")
        (tmp_path / "gate").touch()
        done = kit.finished(job)
        assert kit.executor.printed(done, 0, 100) == b"", "it is in the log now"
        assert log_of(kit.results, job.id).count("attempt 2") == 1

    @in_processes
    def test_but_only_up_to_the_cap(self, kit: EngineKit, tmp_path: Path) -> None:
        done = kit.run("mortal", tally=str(tmp_path / "tally"))
        assert (done.status, done.attempts) == (JobStatus.FAILED, 3)
        assert "signal 9" in done.message
        assert done.failure is not None
        assert done.failure.code == "worker-lost"


class TestDismissing:
    @in_processes
    def test_nothing_of_it_is_left_when_it_returns(self, kit: EngineKit, tmp_path: Path) -> None:
        pids = tmp_path / "pids"
        job = kit.submit("spawner", pids=str(pids))
        worker = kit.worker(job)
        started = [int(pid) for pid in wait_for(lambda: pids.exists() and pids.read_text().split()) or []]
        dismissed = kit.executor.dismiss(job.id)
        alive = [pid for pid in [worker, *started] if not gone(pid)]
        assert alive == []
        assert kit.files(job) == []
        assert dismissed.status is JobStatus.DISMISSED
        assert kit.store.get(job.id) == dismissed

    @in_processes
    def test_whoever_waits_for_it_is_told(self, kit: EngineKit) -> None:
        job = kit.submit("loop")
        kit.worker(job)
        with ThreadPoolExecutor(2) as pool:
            waiting = pool.submit(kit.executor.wait, job.id, 120)
            kit.executor.dismiss(job.id)
            assert waiting.result(120).status is JobStatus.DISMISSED

    @in_processes
    def test_one_that_waits_never_runs(self, kit: EngineKit) -> None:
        blockers = [kit.submit("loop") for _ in range(kit.settings.slots)]
        job = kit.submit("number", number=1)
        assert kit.executor.dismiss(job.id).attempts == 0
        for blocker in blockers:
            kit.executor.dismiss(blocker.id)
        assert kit.store.get(job.id).attempts == 0
        assert kit.run("number", number=2).status is JobStatus.SUCCESSFUL

    @in_processes
    def test_of_many_at_once_none_is_left_without_an_answer(self, kit: EngineKit) -> None:
        job = kit.submit("loop")
        kit.worker(job)

        def dismiss(_number: int) -> JobStatus | None:
            try:
                return kit.executor.dismiss(job.id).status
            except IllegalTransition:
                return None

        with ThreadPoolExecutor(6) as pool:
            answers = set(pool.map(dismiss, range(6)))
        assert JobStatus.DISMISSED in answers

    def test_dismissing_as_it_is_submitted_leaves_no_job_stuck(self, kit: ExecutorKit) -> None:
        def submit_and_dismiss(number: int) -> Job:
            job = kit.submit("number", number=number)
            if number % 2:
                try:
                    return kit.executor.dismiss(job.id)
                except IllegalTransition:
                    pass
            return kit.finished(job)

        with ThreadPoolExecutor(6) as pool:
            jobs = list(pool.map(submit_and_dismiss, range(48)))
        assert {job.status for job in jobs} <= {JobStatus.SUCCESSFUL, JobStatus.DISMISSED}
        assert all(jobs[number].status is JobStatus.SUCCESSFUL for number in range(0, 48, 2))
        assert {job.attempts for job in jobs} <= {0, 1}

    def test_what_has_finished_cannot_be_dismissed_and_what_is_unknown_is_not_there(
        self, kit: ExecutorKit
    ) -> None:
        done = kit.run("number", number=1)
        with pytest.raises(IllegalTransition):
            kit.executor.dismiss(done.id)
        for action in (kit.executor.dismiss, kit.executor.remove):
            with pytest.raises(NoSuchJob):
                action(NOBODY)


class TestWaiting:
    def test_it_gives_the_job_as_it_is_when_the_time_is_up(self, kit: ExecutorKit) -> None:
        job = kit.submit("loop")
        assert kit.executor.wait(job.id, 0).status in {JobStatus.ACCEPTED, JobStatus.RUNNING}
        assert not kit.executor.wait(job.id, 0.1).status.finished
        kit.executor.dismiss(job.id)
        assert kit.executor.wait(job.id, None).status is JobStatus.DISMISSED

    def test_many_may_wait_for_one(self, kit: ExecutorKit) -> None:
        job = kit.submit("number", number=4, seconds=0.5)
        with ThreadPoolExecutor(8) as pool:
            assert {
                done.outputs["double"].value for done in pool.map(lambda _n: kit.finished(job), range(8))
            } == {8}

    def test_a_submission_may_wait_for_its_end(self, kit: ExecutorKit) -> None:
        for _ in range(2):  # by a new worker, and by one that waits for it
            done = kit.executor.submit(process_job("number", number=4), None)
            assert (done.status, done.outputs["double"].value) == (JobStatus.SUCCESSFUL, 8)
            assert kit.store.get(done.id) == done

    def test_it_waits_no_longer_than_asked(self, kit: ExecutorKit) -> None:
        job = kit.executor.submit(process_job("loop"), 0.1)
        assert not job.status.finished
        assert kit.executor.dismiss(job.id).status is JobStatus.DISMISSED

    def test_a_repetition_waits_for_the_first_job(self, kit: ExecutorKit) -> None:
        key = {"idempotency_key": str(uuid.uuid4()), "fingerprint": "f"}
        first = kit.submit("number", job=key, number=4, seconds=0.5)
        for _ in range(2):  # while it runs, and when it has ended
            again = kit.executor.submit(process_job("number", job=key, number=4, seconds=0.5), None)
            assert (again.id, again.status) == (first.id, JobStatus.SUCCESSFUL)

    def test_what_is_unknown_is_not_waited_for(self, kit: ExecutorKit) -> None:
        with pytest.raises(NoSuchJob):
            kit.executor.wait(NOBODY, 5)


class TestSubmitting:
    def test_the_same_key_gives_the_first_job(self, kit: ExecutorKit) -> None:
        key = {"idempotency_key": str(uuid.uuid4()), "fingerprint": "f"}
        first = kit.run("number", job=key, number=1)
        assert kit.submit("number", job=key, number=1) == first
        with pytest.raises(IdempotencyConflict):
            kit.submit("number", job={**key, "fingerprint": "g"}, number=2)

    def test_a_taken_id_is_refused(self, kit: ExecutorKit) -> None:
        job = kit.run("number", number=1)
        with pytest.raises(InvalidRequest, match=job.id):
            kit.submit("number", job={"id": job.id}, number=1)

    @in_processes
    def test_a_sync_job_goes_first(self, kit: EngineKit) -> None:
        blockers = [kit.submit("loop") for _ in range(kit.settings.slots)]
        last = [kit.submit("number", number=n, seconds=0.05) for n in range(4)]
        first = kit.submit("number", job={"mode": "sync"}, number=9)
        for blocker in blockers[1:]:
            kit.worker(blocker)
        kit.executor.dismiss(blockers[0].id)
        done = kit.finished(first)
        assert done.started is not None
        for job in last:
            ended = kit.finished(job)
            assert ended.started is not None
            assert done.started < ended.started
        for blocker in blockers[1:]:
            kit.executor.dismiss(blocker.id)


class TestRemoving:
    def test_a_finished_job_is_forgotten_with_its_files(self, kit: ExecutorKit) -> None:
        done = kit.run("writer")
        assert kit.files(done)
        kit.executor.remove(done.id)
        assert kit.files(done) == []
        with pytest.raises(NoSuchJob):
            kit.store.get(done.id)

    @in_processes
    def test_one_that_runs_is_not(self, kit: EngineKit) -> None:
        job = kit.submit("loop")
        kit.worker(job)
        with pytest.raises(IllegalTransition):
            kit.executor.remove(job.id)
        kit.executor.dismiss(job.id)
        kit.executor.remove(job.id)

    def test_one_output_can_be_taken_away(self, kit: ExecutorKit) -> None:
        done = kit.run("writer")
        name = done.outputs["file"].file or ""
        assert has_file(kit.results, done.id, name)
        for output in ("file", "file", "nothing"):
            kit.executor.remove_output(done.id, output)
        assert list(kit.store.get(done.id).outputs) == ["note"]
        assert not has_file(kit.results, done.id, name)

    def test_the_sha256_of_an_output_is_kept_with_it(self, kit: ExecutorKit) -> None:
        done = kit.run("writer")
        for output in ("file", "note", "nothing"):  # a file, a value, none
            kit.executor.keep_sha256(done.id, output, "ab" * 32)
        kept = kit.store.get(done.id).outputs
        assert {name: output.sha256 for name, output in kept.items()} == {"file": "ab" * 32, "note": None}
        kit.executor.remove_output(done.id, "file")
        kit.executor.keep_sha256(done.id, "file", "ab" * 32)
        assert list(kit.store.get(done.id).outputs) == ["note"]


def test_it_is_alive(kit: ExecutorKit) -> None:
    assert kit.executor.alive()


def test_it_tells_its_figures(kit: ExecutorKit) -> None:
    figures = kit.executor.figures()
    assert (figures.queued, figures.oldest) == (0, 0)
    assert figures.busy >= 0
    ran = sum(sum(each.counts) for each in figures.running.values())
    # a job that was dismissed while it waited has finished, and never ran
    assert sum(figures.finished.values()) >= ran
