"""The embedded engine's life: one supervisor for all server processes, elected, replaced, ended; nothing leaks."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from enginekit import COMMAND, EngineKit, engine, engine_settings, process_job
from harness import TEST_PROCESSES, gone, wait_for
from jobmaking import WORKER

from dragoman.errors import QueueFull, Unavailable
from dragoman.jobs.executors import supervisor_start
from dragoman.jobs.executors.local import LocalExecutor
from dragoman.jobs.rendezvous import NOTE, home_hash
from dragoman.model.job import JobQuery
from dragoman.model.status import JobStatus
from dragoman.workers import process_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

LINUX = sys.platform == "linux"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Jobs run until this file is there."""
    return tmp_path / "gate"


@pytest.fixture
def kit(home: Path) -> Iterator[EngineKit]:
    with engine(home) as started:
        yield started


def _package(folder: Path, name: str, code: str) -> Path:
    package = folder / name
    package.mkdir()
    (package / "process.yml").write_text(
        f"id: {name}\nversion: '1'\ninputs: {{}}\noutputs: {{ok: {{schema: {{}}}}}}\n"
    )
    (package / "algorithm.py").write_text(textwrap.dedent(code))
    return package


class TestLife:
    def test_two_server_processes_share_one(self, kit: EngineKit) -> None:
        other = LocalExecutor(kit.settings, COMMAND)
        try:
            other.start()
            job = kit.submit("loop")
            kit.worker(job)
            assert other.dismiss(job.id).status is JobStatus.DISMISSED
            done = other.submit(process_job("number", number=4))
            assert kit.executor.wait(done.id, 120).outputs["double"].value == 8
            holders = {process.pid for process in psutil.process_iter() if _supervises(process, kit)}
            assert holders == {kit.supervisor, psutil.Process(kit.supervisor).ppid()}
        finally:
            other.close()
        assert kit.run("number", number=1).status is JobStatus.SUCCESSFUL, "one of them still holds it"

    def test_many_that_start_at_once_agree_on_one(self, home: Path) -> None:
        settings = engine_settings(home)
        executors = [LocalExecutor(settings, COMMAND) for _ in range(4)]
        kit = EngineKit(settings)
        try:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(LocalExecutor.start, executors))
            job = executors[0].submit(process_job("number", number=1))
            assert {each.wait(job.id, 120).id for each in executors} == {job.id}
            family = kit.family()
        finally:
            for each in executors:
                each.close()
            kit.close()
        wait_for(lambda: all(map(gone, family)), "all have ended")

    def test_it_ends_with_its_workers_soon_after_the_last_connection(self, home: Path) -> None:
        with engine(home) as kit:
            other = LocalExecutor(kit.settings, COMMAND)
            other.start()
            job = kit.submit("loop")
            kit.worker(job)
            family = kit.family()
            other.close()
            assert not gone(kit.supervisor)
            kit.executor.close()
            wait_for(lambda: all(map(gone, family)), "it ends by itself")
            after = kit.store.get(job.id)
            assert (after.status, after.restarts) == (JobStatus.ACCEPTED, 1)

    def test_what_was_left_goes_on_with_the_next_one(self, home: Path, gate: Path) -> None:
        with engine(home) as kit:
            job = kit.submit("loop", until=str(gate))
            kit.worker(job)
        gate.touch()
        with engine(home) as kit:
            done = kit.finished(job)
            assert (done.status, done.attempts, done.restarts) == (JobStatus.SUCCESSFUL, 2, 1)

    @pytest.mark.parametrize("ending", ["closed", "killed"])
    @pytest.mark.parametrize("name", ["home", "a-home-with-a-name-that-is-too-long-for-a-socket" * 2])
    def test_its_life_leaves_nothing_among_temporary_files(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, name: str
    ) -> None:
        temporary = tmp_path / "t"
        temporary.mkdir()
        monkeypatch.setenv("TMPDIR", str(temporary))
        monkeypatch.setattr("tempfile.tempdir", None)
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        for _ in range(2):
            with engine(tmp_path / name) as kit:
                kit.run("litter", number=1)
                if ending == "killed":
                    killed = kit.supervisor
                    os.kill(killed, signal.SIGKILL)
                    wait_for(lambda pid=killed, kit=kit: kit.supervisor != pid, "the next life")  # type: ignore[misc]
        left = {path.name for path in temporary.iterdir()}
        assert left <= {f"dragoman-{os.getuid()}"}
        left = {path.name for path in temporary.glob("*/*")}
        there = (
            {f"{home_hash(tmp_path / name)}{end}" for end in ("", ".sock")} if ending == "killed" else set()
        )
        assert left <= there, "the next life deletes what is left there"

    def test_after_closing_it_may_be_used_again(self, kit: EngineKit) -> None:
        for number in range(2):
            assert kit.run("number", number=number).status is JobStatus.SUCCESSFUL
            kit.executor.close()
            kit.executor.close()

    def test_starting_twice_holds_one_connection(self, kit: EngineKit) -> None:
        kit.executor.start()
        supervisor = kit.supervisor
        kit.executor.start()
        assert kit.supervisor == supervisor
        kit.executor.close()
        wait_for(lambda: gone(supervisor), "nobody holds it any more")

    def test_a_killed_one_is_replaced_without_a_request(self, kit: EngineKit, gate: Path) -> None:
        running, waiting = (
            kit.submit("loop", until=str(gate)),
            kit.submit("number", number=5, until=str(gate)),
        )
        kit.worker(running)
        first = kit.supervisor
        os.kill(first, signal.SIGKILL)
        gate.touch()
        for job in (running, waiting):
            wait_for(lambda job=job: kit.store.get(job.id).status.finished, kit.log())  # type: ignore[misc]
        assert kit.store.get(running.id).status is JobStatus.SUCCESSFUL
        assert kit.store.get(waiting.id).outputs["double"].value == 10
        assert kit.supervisor != first

    def test_a_submission_that_waits_outlives_it(self, kit: EngineKit, gate: Path) -> None:
        job = process_job("loop", until=str(gate))
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(kit.executor.submit, job, None)
            wait_for(lambda: kit.store.find(JobQuery(statuses=(JobStatus.RUNNING,))).jobs, "it runs")
            os.kill(kit.supervisor, signal.SIGKILL)
            gate.touch()
            done = waiting.result(120)
        assert (done.id, done.status, done.restarts) == (job.id, JobStatus.SUCCESSFUL, 1)

    def test_a_newcomer_of_other_settings_replaces_it_and_its_job_is_run_again(
        self, kit: EngineKit, gate: Path
    ) -> None:
        job = kit.submit("loop", until=str(gate))
        kit.worker(job)
        first = kit.family()
        newcomer = LocalExecutor(replace(kit.settings, digest="settings-2"), COMMAND)
        try:
            newcomer.start()
            assert kit.supervisor != first[0]
            wait_for(lambda: all(map(gone, first)), "nothing of the old one is left")
            gate.touch()
            done = newcomer.wait(job.id, 120)
            assert (done.status, done.attempts, done.restarts) == (JobStatus.SUCCESSFUL, 2, 1)
            second = kit.supervisor
            assert kit.run("number", number=1).status is JobStatus.SUCCESSFUL
            assert kit.supervisor == second, "those of before do not replace it again"
        finally:
            newcomer.close()

    def test_one_that_cannot_come_up_is_unavailable(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(supervisor_start, "PATIENCE", 1.0)
        executor = LocalExecutor(engine_settings(home), [sys.executable, "-c", "raise SystemExit(5)"])
        try:
            with pytest.raises(Unavailable):
                executor.start()
            assert not executor.alive()
        finally:
            executor.close()

    def test_one_that_hangs_is_not_waited_for(self, kit: EngineKit) -> None:
        assert kit.executor.alive()
        supervisor = kit.supervisor
        os.kill(supervisor, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            assert not kit.executor.alive()
            assert time.monotonic() - begun < 60, "not for ever"
        finally:
            os.kill(supervisor, signal.SIGCONT)
        wait_for(kit.executor.alive, "it is well again")

    @pytest.mark.parametrize("which", ["socket", "note"])
    def test_one_whose_socket_is_deleted_is_reached_again(self, kit: EngineKit, which: str) -> None:
        first, note = kit.supervisor, kit.home / NOTE
        (note if which == "note" else Path(json.loads(note.read_text())["socket"])).unlink()
        newcomer = LocalExecutor(kit.settings, COMMAND)
        try:
            newcomer.start()
            assert kit.supervisor == first, "it listens anew"
            done = newcomer.submit(process_job("number", number=1), None)
            assert done.status is JobStatus.SUCCESSFUL
        finally:
            newcomer.close()

    def test_another_home_in_its_place_takes_no_job_and_a_second_server_comes_up(
        self, kit: EngineKit
    ) -> None:
        away = kit.home.with_name("away")
        kit.home.rename(away)
        kit.home.mkdir()
        newcomer = EngineKit(engine_settings(kit.home))
        try:
            newcomer.executor.start()
            family = newcomer.family()
            assert newcomer.run("number", number=1).status is JobStatus.SUCCESSFUL
            for _ in range(3):
                with pytest.raises(Unavailable):
                    kit.submit("number", number=2)
            with pytest.raises(Unavailable):
                kit.executor.alive()
            assert len(newcomer.store.find(JobQuery()).jobs) == 1
        finally:
            newcomer.close()
        wait_for(lambda: all(map(gone, family)), "it has ended")
        kit.home.rename(kit.home.with_name("second"))
        away.rename(kit.home)
        assert kit.run("number", number=3).status is JobStatus.SUCCESSFUL

    def test_one_whose_home_is_gone_says_so(self, kit: EngineKit) -> None:
        away = kit.settings.home.with_name("away")
        kit.settings.home.rename(away)
        try:
            with pytest.raises(Unavailable, match="HOME is gone"):
                kit.executor.alive()
        finally:
            away.rename(kit.settings.home)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
    def test_a_forked_server_process_has_connections_of_its_own(self, kit: EngineKit) -> None:
        code = textwrap.dedent("""
            import os, pickle, sys
            from enginekit import COMMAND, process_job
            from dragoman.jobs.executors.local import LocalExecutor
            executor = LocalExecutor(pickle.load(sys.stdin.buffer), COMMAND)
            executor.start()
            def run(number):
                job = executor.submit(process_job("number", number=number))
                return executor.wait(job.id, 120).outputs["double"].value
            assert run(1) == 2
            child = os.fork()
            if child == 0:
                os._exit(run(2))
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4
            assert run(3) == 6
            executor.close()
        """)
        paths = [str(TEST_PROCESSES.parents[1] / "support"), os.environ.get("PYTHONPATH")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        done = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code],
            input=pickle.dumps(kit.settings),
            capture_output=True,
            env=environment,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()


def _supervises(process: psutil.Process, kit: EngineKit) -> bool:
    try:
        return "supervise" in process.cmdline() and any(
            file.path == str(kit.settings.home / "supervisor.lock") for file in process.open_files()
        )
    except psutil.Error:
        return False


class TestLimits:
    def test_a_full_queue_takes_no_more(self, home: Path) -> None:
        with engine(home, slots=1, queue_limit=2) as kit:
            running = kit.submit("loop")
            kit.worker(running)
            key = {"idempotency_key": "k", "fingerprint": "f"}
            waiting = [kit.submit("number", number=1, job=key), kit.submit("number", number=2)]
            with pytest.raises(QueueFull) as refused:
                kit.submit("number", number=3)
            assert refused.value.retry_after > 0
            assert kit.submit("number", number=1, job=key).id == waiting[0].id
            kit.executor.dismiss(running.id)
            for job in waiting:
                assert kit.finished(job).status is JobStatus.SUCCESSFUL
            assert kit.run("number", number=3).status is JobStatus.SUCCESSFUL

    def test_idle_workers_are_few(self, home: Path, tmp_path: Path) -> None:
        with engine(home, slots=1, warm_workers=1) as kit:
            for number in range(3):
                package = _package(tmp_path, f"p{number}", "def run():\n    return {'ok': True}\n")
                assert kit.run(package).status is JobStatus.SUCCESSFUL
            wait_for(lambda: len(_workers(kit)) <= 1, "the others have left")

    def test_setup_runs_once_for_each_worker(self, kit: EngineKit, tmp_path: Path) -> None:
        code = """
            import os
            class Algorithm:
                def setup(self):
                    self.count = 0
                def run(self):
                    self.count += 1
                    return {"ok": [os.getpid(), self.count]}
        """
        package = _package(tmp_path, "counter", code)
        seen = [kit.run(package).outputs["ok"].value for _ in range(3)]
        assert seen == [[seen[0][0], number] for number in (1, 2, 3)]

    def test_a_lease_that_nobody_renews_is_taken_back(self, kit: EngineKit) -> None:
        job = kit.store.add(process_job("number", number=3))
        assert kit.store.claim(job.id, WORKER, -1.0)
        wait_for(lambda: kit.store.get(job.id).status.finished, "it is run by whoever is here")
        done = kit.store.get(job.id)
        assert (done.status, done.attempts, done.restarts) == (JobStatus.SUCCESSFUL, 2, 1)


def _workers(kit: EngineKit) -> list[int]:
    """The children of the forkserver."""
    below = process_tree.descendants(kit.supervisor)
    mine = {child.pid for child in psutil.Process(kit.supervisor).children()}
    return [process.pid for process in below if process.pid not in mine and not gone(process.pid)]


class TestHardship:
    def test_the_request_of_a_job_that_failed_goes_at_once(self, kit: EngineKit) -> None:
        job = process_job("number", number=1)
        kit.results.save_request(job.id, "{}")  # an input is missing
        spooled = replace(job, request=replace(job.request, inputs={}, spooled=True))
        kit.executor.submit(spooled)
        assert kit.finished(spooled).status is JobStatus.FAILED
        assert [path.name for path in kit.files(job) if path.name == "request.json"] == []

    def test_a_package_that_cannot_be_loaded_fails_every_job_with_the_reason(
        self, home: Path, tmp_path: Path
    ) -> None:
        package = _package(tmp_path, "broken", "def run():\n    return {'ok': True}\n")
        jobs = [process_job(package) for _ in range(4)]
        (package / "algorithm.py").write_text("raise ImportError('no such library')\ndef run(): ...\n")
        with engine(home, slots=1, max_attempts=1) as kit:
            for job in jobs:
                kit.executor.submit(job)
            for job in jobs:
                done = kit.finished(job)
                assert (done.status, done.attempts) == (JobStatus.FAILED, 1)
                assert "no such library" in done.message

    def test_an_algorithm_that_closes_every_file_does_not_hold_its_slot(
        self, home: Path, tmp_path: Path
    ) -> None:
        package = _package(
            tmp_path, "closer", "import os\ndef run():\n    os.closerange(3, 500)\n    return 1\n"
        )
        with engine(home, slots=1, max_attempts=1) as kit:
            done = kit.run(package)
            assert done.failure is not None
            assert done.failure.code == "worker-lost"
            assert kit.run("number", number=1).status is JobStatus.SUCCESSFUL

    @pytest.mark.skipif(not LINUX, reason="only Linux tells what a dead process has not read")
    def test_an_idle_worker_that_dies_before_it_takes_the_job_costs_no_run(self, home: Path) -> None:
        with engine(home, slots=1, max_attempts=1) as kit:
            idle = kit.run("number", number=1).worker
            assert idle is not None
            os.kill(idle.pid, signal.SIGSTOP)  # so that it is given the job, and does not take it
            job = kit.submit("number", number=2)
            assert kit.worker(job) == idle.pid
            os.kill(idle.pid, signal.SIGKILL)
            done = kit.finished(job)
            assert (done.status, done.attempts, done.restarts) == (JobStatus.SUCCESSFUL, 2, 1), done.message

    @pytest.mark.parametrize(
        "code",
        [
            "    kept.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(10_000))",
            "    kept.append(bytearray(os.urandom(1)) * (1200 * 1024**2))",
            "    raise MemoryError",
        ],
    )
    def test_a_worker_that_is_worn_out_takes_no_other_job(
        self, home: Path, tmp_path: Path, code: str
    ) -> None:
        body = f"import os\nkept = []\ndef run(harm: bool = False):\n    if harm:\n    {code}\n"
        package = _package(tmp_path, "worn", body + "    return {'ok': os.getpid()}\n")
        described = (package / "process.yml").read_text()
        harm = "inputs: {harm: {schema: {type: boolean, default: false}}}"
        (package / "process.yml").write_text(described.replace("inputs: {}", harm))
        with engine(home, slots=1) as kit:
            first = kit.run(package).outputs["ok"].value
            assert kit.run(package).outputs["ok"].value == first
            kit.run(package, harm=True)
            assert kit.run(package).outputs["ok"].value != first

    def test_an_algorithm_that_exits_fails_its_job(self, kit: EngineKit, tmp_path: Path) -> None:
        package = _package(tmp_path, "quitter", "import sys\ndef run():\n    sys.exit(7)\n")
        done = kit.run(package)
        assert (done.status, done.message) == (JobStatus.FAILED, "SystemExit: 7")

    def test_a_killed_forkserver_is_started_again(self, kit: EngineKit, gate: Path) -> None:
        job = kit.submit("loop", until=str(gate))
        kit.worker(job)
        for child in psutil.Process(kit.supervisor).children():
            child.kill()
        gate.touch()
        assert kit.finished(job).status is JobStatus.SUCCESSFUL
        assert kit.run("number", number=1).status is JobStatus.SUCCESSFUL
        assert not gone(kit.supervisor)

    @pytest.mark.skipif(not LINUX, reason="counts open files in /proc")
    def test_neither_files_nor_processes_leak(self, kit: EngineKit) -> None:
        def once(number: int) -> None:
            job = kit.submit("loop")
            pid = kit.worker(job)
            if number % 2:
                kit.executor.dismiss(job.id)
            else:
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda: kit.store.get(job.id).attempts == 2, "it runs again")
                kit.executor.dismiss(job.id)
            assert kit.run("number", number=number).status is JobStatus.SUCCESSFUL

        supervisor = psutil.Process(kit.supervisor)
        once(0)
        once(1)
        before = supervisor.num_fds()
        for number in range(6):
            once(number)
        wait_for(lambda: supervisor.num_fds() < before + 3, f"not many more files are open than {before}")
        wait_for(lambda: not any(gone(p.pid) for p in process_tree.descendants(supervisor.pid)), "no zombie")

    @pytest.mark.skipif(not LINUX, reason="only Linux has PR_SET_PDEATHSIG")
    def test_workers_and_forkserver_die_with_the_supervisor(self, kit: EngineKit) -> None:
        job = kit.submit("loop")
        worker = process_tree.identity(kit.worker(job))
        family = [process_tree.identity(pid) for pid in kit.family()]
        kit.store.close()
        os.kill(kit.supervisor, signal.SIGKILL)
        wait_for(lambda: not any(map(process_tree.lives, family)), "all of them are gone")
        assert not process_tree.lives(worker)
