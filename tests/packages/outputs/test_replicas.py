"""A program that runs several times within one job."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.model.job import Output, Replicas
from dragoman.model.resolved import ResolvedValue
from dragoman.packages.outputs.replicas import Replicated
from dragoman.sources.resolve import Resolve, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.packages.conftest import FakeContext

    from dragoman.model.process import Process


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A program whose run is a function."""

    process: Process
    body: Callable[[Mapping[str, Sequence[ResolvedValue]], Any, Path], Mapping[str, Output]]
    resolve: Resolve = resolve

    def run(self, values: Any, *, context: Any, folder: Path, wanted: Any) -> Mapping[str, Output]:
        return self.body(values, context, folder)


@pytest.fixture
def run(make_process: Any, context: FakeContext, tmp_path: Path) -> Callable[..., Mapping[str, Output]]:
    """Runs a function so often; files lie in ``tmp_path / run / outputs``."""

    def call(body: Any, count: int, **values: Any) -> Mapping[str, Output]:
        replicas = Replicas(count=count, variables=("RUN", "RUN_OF"))
        program = Replicated(program=Inner(process=make_process(), body=body), replicas=replicas)
        resolved = {name: [ResolvedValue(value=value)] for name, value in values.items()}
        folder = tmp_path / "run" / "outputs"
        folder.parent.mkdir(exist_ok=True)
        return program.run(resolved, context=context, folder=folder, wanted=None)

    return call


def written(folder: Path, name: str, text: str) -> Output:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return Output(id="file", media_type="text/csv", file=name, size=len(text))


def test_values_and_files_become_files_of_each_runs_folder(run: Any, tmp_path: Path) -> None:
    def body(values: Any, context: Any, folder: Path) -> dict[str, Output]:
        number = os.environ["RUN"]
        return {
            "file": written(folder, "file.csv", number),
            "a b": Output(id="a b", media_type="application/json", value={"é": number}),
            "a_b": Output(id="a_b", media_type="application/json", value=None),
            "text": Output(id="text", media_type="text/plain", value="grüß"),
        }

    outputs = run(body, 2)
    files = {name: [item.file for item in output.items] for name, output in outputs.items()}
    assert files == {
        "file": ["0/file.csv", "1/file.csv"],
        "a b": ["0/a_b.json", "1/a_b.json"],
        "a_b": ["0/a_b_.json", "1/a_b_.json"],
        "text": ["0/text.txt", "1/text.txt"],
    }
    root = tmp_path / "run" / "outputs"
    assert (root / "1/a_b.json").read_text() == '{"é":"1"}'
    assert (root / "1/a_b_.json").read_text() == "null"
    for output in outputs.values():
        for item in output.items:
            assert (item.id, item.size, item.value) == (output.id, (root / item.file).stat().st_size, None)
    assert sorted(path.name for path in root.parent.iterdir()) == ["outputs"]


def test_lists_of_all_runs_are_one_list(run: Any) -> None:
    def body(values: Any, context: Any, folder: Path) -> dict[str, Output]:
        if os.environ["RUN"] == "1":
            return {"file": Output(id="file", media_type="application/json", value=[])}
        items = tuple(written(folder, f"file/{place}.csv", "x") for place in range(2))
        return {"file": Output(id="file", media_type="application/json", items=items)}

    assert [item.file for item in run(body, 3)["file"].items] == [
        "0/file/0.csv",
        "0/file/1.csv",
        "1/file.json",
        "2/file/0.csv",
        "2/file/1.csv",
    ]


def test_every_run_meets_what_the_first_one_met(
    run: Any, context: FakeContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RUN_OF", "mine")
    monkeypatch.chdir(context.scratch)
    seen: list[Any] = []

    def body(values: Any, part: Any, folder: Path) -> dict[str, Output]:
        value = values["list"][0].value
        seen.append((list(value), list(part.scratch.iterdir()), os.getcwd(), os.environ["RUN_OF"]))
        value.append(9)
        (part.scratch / "folder" / "deep").mkdir(parents=True)
        (part.scratch / "link").symlink_to(tmp_path)
        os.chdir("/")
        return {}

    run(body, 2, list=[1])
    assert seen == [([1], [], str(context.scratch), "0"), ([1], [], str(context.scratch), "1")]
    assert (os.getcwd(), os.environ["RUN_OF"], "RUN" in os.environ) == (str(context.scratch), "mine", False)
    assert tmp_path.is_dir()


def test_progress_is_a_part_of_the_jobs(run: Any, context: FakeContext) -> None:
    def body(values: Any, part: Any, folder: Path) -> dict[str, Output]:
        part.progress(50, "half")
        part.progress(1000)
        part.progress(math.nan, "?")
        return {}

    run(body, 2)
    told = [(percent, message) for percent, message in context.told if not math.isnan(percent)]
    assert told == [
        (0, "run 1 of 2"),
        (25, "run 1 of 2: half"),
        (50, "run 1 of 2"),
        (50, "run 2 of 2"),
        (75, "run 2 of 2: half"),
        (100, "run 2 of 2"),
    ]


def test_what_fails_in_one_run_fails_the_job_and_leaves_the_environment(run: Any) -> None:
    def body(values: Any, part: Any, folder: Path) -> dict[str, Output]:
        if os.environ["RUN"] == "1":
            raise RuntimeError("the second")
        return {}

    with pytest.raises(RuntimeError, match="the second"):
        run(body, 3)
    assert "RUN" not in os.environ
