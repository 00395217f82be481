"""The supervisor's part in tasks by itself: whatever dies, and whenever, tasks go on where they were."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from jobmaking import make_job
from storekit import Database

from dragoman.errors import DiskFull, InvalidRequest, NoSuchJob, QueueFull, TaskConflict, Unavailable
from dragoman.jobs.engine.asset_tasks import AssetTasks
from dragoman.jobs.engine.guests import House, JobDesk
from dragoman.jobs.engine.run_files import RunFiles
from dragoman.jobs.job_record import dump_whole
from dragoman.jobs.result_folder import FolderResults
from dragoman.jobs.stores import open_store
from dragoman.jobs.submission import INLINE_REQUEST
from dragoman.jobs.task_settings import TaskSettings
from dragoman.model.job import InputValue, Job, JobRequest
from dragoman.model.principal import ANONYMOUS, Principal
from dragoman.model.status import JobStatus
from dragoman.model.task import TaskPlan
from dragoman.sources.fetching.messages import Fetched, FetchFailed, FetchTask
from dragoman.sources.fetching.partial import PartialFile
from dragoman.sources.fetching.resuming import Note
from dragoman.workers.process_tree import boot_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

type OnDone = Callable[[Fetched | FetchFailed], None]


class Fetcher:
    """Fetches when the test says so; a file is there before anybody is told, as of the real one."""

    def __init__(self) -> None:
        self.errands: dict[str, tuple[FetchTask, OnDone]] = {}
        self.asked: list[str] = []

    def fetch(self, task: FetchTask, on_done: OnDone) -> None:
        assert task.id not in self.errands
        assert task.target.parent.is_dir()
        self.errands[task.id] = task, on_done
        self.asked.append(task.url)

    def cancel(self, task_id: str) -> None:
        self.errands.pop(task_id, None)

    def tick(self) -> None: ...

    def close(self) -> None: ...

    def write(self, url: str) -> FetchTask:
        """The file is there, and nobody is told."""
        task = next(task for task, _ in self.errands.values() if task.url == url)
        fetched(task)
        return task

    def end(self, url: str, reason: str = "") -> None:
        """A file has come, or cannot."""
        task = next(task for task, _ in self.errands.values() if task.url == url)
        _, on_done = self.errands.pop(task.id)
        if reason:
            on_done(FetchFailed(id=task.id, reason=reason))
            return
        fetched(task)
        on_done(Fetched(id=task.id, size=5, media_type="image/png", sha256="a" * 64))


def fetched(task: FetchTask) -> None:
    """What the fetching process leaves of a file."""
    with PartialFile(task.target, task.url, lambda: None) as file:
        file.begin(Note(url=task.url))
        file.write(b"whole")
        file.finish()


class Supervisor:
    """What the guest is lent, and what a web process would ask; ``die`` is a SIGKILL and a new supervisor."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = f"sqlite:///{home}/jobs.db"
        self.store = open_store(self.url)
        self.files = RunFiles(home, FolderResults(home))
        self.queue: list[Job] = []
        self.changed: list[Job] = []
        self.limits: dict[str, Any] = {"queue_limit": 3, "min_free_disk": 1}
        self.begin()

    def begin(self) -> None:
        self.fetcher = Fetcher()
        desk = JobDesk(
            store=self.store, files=self.files, enqueue=self.queue.append, changed=self.changed.append
        )
        nobody: Any = None
        house = House(
            home=self.home, database_url=self.url, forkserver=nobody, watch=nobody, mark="", jobs=desk
        )
        settings = TaskSettings(policy=nobody, downloads=2, **self.limits)
        self.tasks = AssetTasks(house, settings, lambda _house, _settings: self.fetcher)

    def die(self) -> None:
        self.tasks._tasks.close()
        self.begin()

    def ask(self, what: str, **members: Any) -> Any:
        answers: list[Any] = []
        self.tasks.ask({"what": what, **members}, answers.append, lambda: False)
        (answer,) = answers
        return answer

    def create(
        self,
        inputs: Mapping[str, tuple[InputValue, ...]] | None = None,
        owner: Principal = ANONYMOUS,
        **plan: Any,
    ) -> str:
        job = make_job(
            status=JobStatus.CREATED,
            request=JobRequest(inputs=inputs or {}),
            created=datetime.now(UTC),
            principal=owner,
        )
        own = {"application": "a", "assets_input": "files", "quiet_period": 0.0, **plan}
        self.ask("create", job=dump_whole(job), plan={**vars_of(TaskPlan(**own))})
        return job.id

    def add(self, task_id: str, *names: str, **attributes: Any) -> None:
        batch = [
            {"file_name": name, "safe_name": name, "url": f"http://a/{name}", "attributes": attributes}
            for name in names
        ]
        self.ask("add", task=task_id, assets=batch)

    def status(self, task_id: str) -> JobStatus:
        return self.store.get(task_id).status

    def left(self, task_id: str) -> list[str]:
        return sorted(path.name for path in self.files.gathered(task_id).glob("*"))


def vars_of(plan: TaskPlan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in TaskPlan.__slots__}


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path)
    yield supervisor
    supervisor.tasks.close()
    supervisor.store.close()


def test_a_task_starts_with_its_files_and_what_was_said_of_them(supervisor: Supervisor) -> None:
    given = {"crs": (InputValue(value="EPSG:4326"),)}
    task_id = supervisor.create(given, attributes_input="about", total=3)
    supervisor.add(task_id, "b.png", "a.TIF", n=1)
    supervisor.fetcher.end("http://a/a.TIF")
    supervisor.fetcher.end("http://a/b.png")
    assert (supervisor.status(task_id), supervisor.queue) == (JobStatus.CREATED, [])
    supervisor.add(task_id, "c", n=2)
    supervisor.fetcher.end("http://a/c", "is gone")
    (job,) = supervisor.queue
    assert (job.id, job.status, supervisor.status(task_id)) == (
        task_id,
        JobStatus.ACCEPTED,
        JobStatus.ACCEPTED,
    )
    files = (
        InputValue(kept="000000.png", media_type="image/png"),
        InputValue(kept="000001.tif", media_type="image/png"),
    )
    about = tuple(InputValue(value={"n": 1, "file_name": name}) for name in ("b.png", "a.TIF"))
    assert job.request.inputs == {**given, "files": files, "about": about}
    assert [name for name in supervisor.left(task_id) if ".part" not in name] == ["000000.png", "000001.tif"]
    with pytest.raises(TaskConflict, match="being processed"):
        supervisor.add(task_id, "d")


def test_attributes_may_be_one_list_and_long_requests_lie_beside_the_row(supervisor: Supervisor) -> None:
    task_id = supervisor.create(attributes_input="about", attributes_listed=True)
    supervisor.add(task_id, "a", text="x" * INLINE_REQUEST)
    supervisor.fetcher.end("http://a/a")
    (job,) = supervisor.queue
    assert (job.request.spooled, job.request.inputs) == (True, {})
    assert '[{"value": [{"text": "xxx' in supervisor.files.results.load_request(task_id)


def test_who_fetches_is_told_whose_a_file_is_after_a_death_too(supervisor: Supervisor) -> None:
    tasks = {supervisor.create(owner=Principal(id=owner), total=2): owner for owner in ("alice", "bob")}
    for task_id in tasks:
        supervisor.add(task_id, "a")
    for _ in range(2):
        errands = [task for task, _ in supervisor.fetcher.errands.values()]
        assert {task.group: task.owner for task in errands} == tasks
        supervisor.die()


def test_killed_at_any_moment_a_task_goes_on_and_nothing_whole_is_announced_anew(
    supervisor: Supervisor,
) -> None:
    task_id = supervisor.create(total=3)
    supervisor.die()
    supervisor.add(task_id, "a", "b")
    supervisor.fetcher.end("http://a/a")
    supervisor.die()
    assert supervisor.fetcher.asked == ["http://a/b"], "a is whole"
    supervisor.fetcher.write("http://a/b")
    supervisor.die()
    supervisor.fetcher.end("http://a/b")
    supervisor.add(task_id, "a", "b")
    supervisor.add(task_id, "c")
    supervisor.fetcher.end("http://a/c")
    assert [job.id for job in supervisor.queue] == [task_id]
    supervisor.die()
    assert (supervisor.fetcher.asked, len(supervisor.queue)) == ([], 1), (
        "the store has it; the queue reads it there"
    )
    assert [job.id for job in supervisor.store.waiting()] == [task_id]


def test_a_start_whose_answer_was_lost_keeps_the_files(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = supervisor.create(total=1)
    supervisor.add(task_id, "a")
    transition = supervisor.store.transition

    def lost(*args: Any, **changes: Any) -> Any:
        monkeypatch.setattr(supervisor.store, "transition", transition)
        transition(*args, **changes)
        raise Unavailable("the connection was cut")

    monkeypatch.setattr(supervisor.store, "transition", lost)
    supervisor.fetcher.end("http://a/a")
    supervisor.tasks.tick()
    assert supervisor.status(task_id) is JobStatus.ACCEPTED
    assert supervisor.left(task_id)


def test_a_fault_at_the_start_fails_the_task(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("no such codec")

    monkeypatch.setattr("dragoman.jobs.engine.asset_tasks.request_of", broken)
    task_id = supervisor.create(total=1)
    supervisor.add(task_id, "a")
    supervisor.fetcher.end("http://a/a")
    assert supervisor.status(task_id) is JobStatus.FAILED
    assert supervisor.left(task_id) == []


def test_what_is_said_of_all_assets_of_a_task_has_a_limit(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman.jobs.engine.live_task.MOST_SAID", 100)
    task_id = supervisor.create()
    supervisor.add(task_id, "a", "b")
    supervisor.die()
    with pytest.raises(InvalidRequest, match="allowed: at most 100 of one task"):
        supervisor.add(task_id, *(f"more-{number}" for number in range(8)))


def test_what_was_whole_and_is_gone_is_fetched_again(supervisor: Supervisor) -> None:
    task_id = supervisor.create(total=2)
    supervisor.add(task_id, "a", "b")
    supervisor.fetcher.end("http://a/a")
    supervisor.files.drop_gathered(task_id)  # or another host goes on with it
    supervisor.die()
    assert supervisor.fetcher.asked == ["http://a/a", "http://a/b"]
    supervisor.fetcher.end("http://a/a", "is gone")
    supervisor.fetcher.end("http://a/b")
    (job,) = supervisor.queue
    assert job.request.inputs["files"] == (InputValue(kept="000001", media_type="image/png"),)


def test_what_was_whole_before_the_machine_was_started_is_fetched_again(supervisor: Supervisor) -> None:
    task_id = supervisor.create(total=2)
    supervisor.add(task_id, "a")
    supervisor.fetcher.end("http://a/a")
    (note,) = supervisor.files.gathered(task_id).glob("*.json")
    note.write_text(note.read_text().replace(boot_id(), "an earlier one"))  # the power was cut, say
    supervisor.die()
    assert supervisor.fetcher.asked == ["http://a/a"]


def test_what_is_due_while_nobody_lived_is_done_at_the_start(supervisor: Supervisor) -> None:
    quiet, forgotten = supervisor.create(quiet_period=0.2), supervisor.create(abandoned_after=0.2)
    supervisor.add(quiet, "a")
    supervisor.fetcher.end("http://a/a")
    assert supervisor.queue == []
    time.sleep(0.3)  # nobody is there to wait for anything
    supervisor.die()
    assert [job.id for job in supervisor.queue] == [quiet]
    assert supervisor.status(forgotten) is JobStatus.FAILED
    assert [job.id for job in supervisor.changed] == [forgotten]


def test_the_quiet_period_ends_by_itself(supervisor: Supervisor) -> None:
    task_id = supervisor.create(quiet_period=0.1)
    supervisor.add(task_id, "a")
    supervisor.fetcher.end("http://a/a")
    deadline = time.monotonic() + 30
    while not supervisor.queue and time.monotonic() < deadline:
        supervisor.tasks.tick()
        time.sleep(0.01)
    assert [job.id for job in supervisor.queue] == [task_id]


def test_a_task_none_of_whose_files_could_be_had_fails_and_names_some(supervisor: Supervisor) -> None:
    task_id = supervisor.create(total=7)
    names = [f"{n}.png" for n in range(7)]
    supervisor.add(task_id, *names)
    for name in names:
        supervisor.fetcher.end(f"http://a/{name}", "is gone")
    job = supervisor.store.get(task_id)
    assert job.failure is not None
    assert job.failure.detail.startswith("none of its 7 assets could be had (0.png: is gone; 1.png: is gone")
    assert "5.png" not in job.failure.detail
    assert supervisor.left(task_id) == []


def test_a_removed_task_leaves_nothing_and_its_fetching_ends(supervisor: Supervisor) -> None:
    task_id = supervisor.create(total=3)
    supervisor.add(task_id, "a", "b")
    supervisor.fetcher.end("http://a/a")
    assert supervisor.ask("remove", task=task_id) == {"removed": True}
    assert (supervisor.fetcher.errands, supervisor.left(task_id)) == ({}, [])
    with pytest.raises(NoSuchJob):
        supervisor.status(task_id)
    assert supervisor.ask("remove", task=task_id) == {"removed": False}
    with pytest.raises(NoSuchJob):
        supervisor.add(task_id, "c")


def test_one_that_the_operator_dismisses_is_left(supervisor: Supervisor) -> None:
    task_id = supervisor.create()
    supervisor.add(task_id, "a", "b")
    supervisor.store.transition(task_id, JobStatus.DISMISSED)
    supervisor.fetcher.end("http://a/a")
    supervisor.fetcher.end("http://a/b")
    assert (supervisor.queue, supervisor.left(task_id)) == ([], [])
    assert supervisor.ask("remove", task=task_id) == {"removed": False}


def test_more_than_may_be_is_refused_and_nothing_kept(supervisor: Supervisor) -> None:
    task_id = supervisor.create(most=2)
    with pytest.raises(InvalidRequest, match="at most 2"):
        supervisor.add(task_id, "a", "b", "c")
    assert supervisor.fetcher.asked == []
    supervisor.create()
    supervisor.create()
    with pytest.raises(QueueFull, match="3 tasks are unfinished") as caught:
        supervisor.create()
    assert caught.value.retry_after > 0


def test_with_a_full_disk_nothing_is_taken_and_what_is_there_stays(supervisor: Supervisor) -> None:
    task_id = supervisor.create(total=2)
    supervisor.add(task_id, "a")
    supervisor.limits["min_free_disk"] = 2**62
    supervisor.die()
    with pytest.raises(DiskFull):
        supervisor.add(task_id, "b")
    with pytest.raises(DiskFull):
        supervisor.create()
    assert supervisor.fetcher.asked == ["http://a/a"]


def test_a_store_that_is_away_loses_nothing(supervisor: Supervisor) -> None:
    task_id = supervisor.create()
    supervisor.add(task_id, "a")
    database = Database(url=supervisor.url)
    with database.away():
        supervisor.fetcher.end("http://a/a")
        with pytest.raises(Unavailable):
            supervisor.add(task_id, "b")
        assert supervisor.queue == []
    supervisor.tasks.tick()
    assert [job.id for job in supervisor.queue] == [task_id]
