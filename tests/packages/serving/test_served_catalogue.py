"""What is served of packages whose files change, become broken, and are whole again."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from harness import REPOSITORY, wait_for

from dragoman.packages.catalogue import Declaration
from dragoman.packages.forms import BUILT_IN
from dragoman.packages.serving import served_catalogue as module
from dragoman.packages.serving.served_catalogue import ServedCatalogue
from dragoman.packages.serving.snapshots import Snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragoman.model.process import Process

PROJECTS = REPOSITORY / "tests" / "e2e" / "projects"

type Serve = Callable[..., ServedCatalogue]


@pytest.fixture
def folder(make_package: Any) -> Path:
    folder: Path = make_package(name="demo")
    return folder


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Makes the catalogue of one more server process; all have one HOME."""
    monkeypatch.setattr(module, "PAUSE", 0.02)
    catalogues = []

    def catalogue(
        *folders: Path, probe: Callable[[Process], str] | None = None, retry: bool = False
    ) -> ServedCatalogue:
        declarations = [Declaration(id=each.name, folder=each) for each in folders]
        served = ServedCatalogue(declarations, forms=BUILT_IN, home=tmp_path / "home")
        served.start(retry=retry)
        if probe is not None:
            served.watch(probe)
        catalogues.append(served)
        return served

    yield catalogue
    for each in catalogues:
        each.stop()


def _fine(_process: Process) -> str:
    return ""


def _title(folder: Path, title: str) -> None:
    """Change the package: its title."""
    file = folder / "process.yml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("title:")]
    file.write_text("\n".join([*lines, f"title: {title}"]))


def _titled(catalogue: ServedCatalogue, title: str) -> Process:
    wait_for(lambda: catalogue.get("demo").title == title, title)
    return catalogue.get("demo")


def test_a_process_is_a_copy_of_its_files(serve: Serve, folder: Path) -> None:
    runtime = serve(folder).get("demo").runtime
    assert runtime.folder != runtime.source == str(folder)
    assert Path(runtime.folder).name == "demo"
    assert BUILT_IN.load_again("demo", runtime).runtime == runtime
    shutil.rmtree(Path(runtime.folder).parent)  # then, as where another host takes over, the folder itself
    assert BUILT_IN.load_again("demo", runtime).runtime.digest == runtime.digest


def test_what_one_process_finds_all_serve_at_once(serve: Serve, folder: Path) -> None:
    follower = serve(folder)
    watcher = serve(folder, probe=_fine)
    before = follower.get("demo")
    assert before == watcher.get("demo")
    listed = follower.current
    _title(folder, "Later")
    after = _titled(watcher, "Later")
    assert follower.get("demo") == after != before
    assert follower.get("demo") is follower.get("demo")
    assert listed.get("demo") is before  # whoever has begun with it ends with it


def test_two_that_watch_try_a_change_once(serve: Serve, folder: Path) -> None:
    tried = []

    def probe(process: Process) -> str:
        tried.append(process.title)
        return "it is broken"

    catalogues = [serve(folder, probe=probe) for _ in range(3)]
    _title(folder, "Broken")
    for catalogue in catalogues:
        wait_for(lambda c=catalogue: c.current.kept, "it is told")  # type: ignore[misc]  # bound now
    _title(folder, "Broken again")
    wait_for(lambda: "Broken again" in tried, "it is tried")
    wait_for(lambda: all(_all_known(each) for each in catalogues), "all know")
    assert tried == ["Broken", "Broken again"]
    assert [each.get("demo").title for each in catalogues] == [catalogues[0].get("demo").title] * 3


def _all_known(catalogue: ServedCatalogue) -> bool:
    return all(package.looked == catalogue._fingerprint(package) for package in catalogue._packages)


def test_what_is_broken_keeps_what_was(serve: Serve, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    catalogue = serve(folder, probe=_fine)
    before = catalogue.get("demo")
    good = (folder / "process.yml").read_text()
    (folder / "process.yml").write_text(good.replace("version:", "versoin:"))
    wait_for(lambda: catalogue.current.kept, "it is told")
    (problem,) = catalogue.current.kept
    assert problem.detail.startswith("demo/process.yml:")
    assert catalogue.get("demo") is before
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["process demo"]
    again = serve(folder)  # a server process that is started now
    assert again.get("demo") == before
    assert again.current.kept == catalogue.current.kept
    shutil.rmtree(folder)
    wait_for(lambda: "has no process.yml" in catalogue.current.kept[0].detail, "it is gone")
    assert catalogue.get("demo") is before
    folder.mkdir()
    (folder / "process.yml").write_text(good)
    for file in Path(before.runtime.folder).iterdir():
        if file.name != "process.yml" and file.is_file():
            shutil.copy(file, folder)
    wait_for(lambda: not catalogue.current.kept, "it is whole again")
    assert catalogue.get("demo").runtime == before.runtime


def test_what_was_never_good_is_served_when_it_is(serve: Serve, folder: Path) -> None:
    good = (folder / "process.yml").read_text()
    (folder / "process.yml").write_text("title: [")
    catalogue = serve(folder, probe=_fine)
    assert ("demo" in catalogue.current, len(catalogue.current.problems)) == (False, 1)
    (folder / "process.yml").write_text(good)
    wait_for(lambda: "demo" in catalogue.current, "it is served")
    assert (catalogue.current.problems, catalogue.current.kept) == ((), ())


def test_without_watching_a_start_takes_what_is_there(serve: Serve, folder: Path) -> None:
    first = serve(folder)
    _title(folder, "Later")
    assert first.get("demo").title != "Later"
    assert serve(folder, retry=True).get("demo").title == "Later"
    assert first.get("demo").title == "Later"  # no two processes differ


def test_what_cannot_be_copied_is_served_from_its_folder(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Snapshots, "draft", full)
    catalogue = serve(folder, probe=_fine)
    assert catalogue.get("demo").runtime.folder == str(folder)
    assert "is not copied (No space left on device)" in caplog.text


def test_it_goes_on_in_a_forked_server_process(serve: Serve, folder: Path) -> None:
    catalogue = serve(folder, probe=_fine)
    child = os.fork()
    if child == 0:  # what follows runs in the child alone, which has no other thread
        catalogue._publisher._records.folder.joinpath("forked").touch()
        try:
            _titled(catalogue, "Of the child")
        finally:
            os._exit(0)
    catalogue.stop()
    wait_for(lambda: (catalogue._publisher._records.folder / "forked").exists(), "it is there")
    _title(folder, "Of the child")
    _titled(catalogue, "Of the child")
    os.waitpid(child, 0)


def test_installed_code_that_the_entry_names_is_watched(
    serve: Serve, make_package: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = tmp_path / "site" / "installedpkg" / "core.py"
    code.parent.mkdir(parents=True)
    code.parent.joinpath("__init__.py").touch()
    code.write_text("def run(): return 1")
    monkeypatch.syspath_prepend(code.parents[1])
    yml = "version: '1'\nentry: installedpkg.core:run\noutputs: {out: {schema: {}}}\n"
    catalogue = serve(make_package(yml), probe=_fine)
    before = catalogue.get("demo").runtime.digest
    code.write_text("def run(): return 2")
    wait_for(lambda: catalogue.get("demo").runtime.digest != before, "it is another version")


def test_a_pesto_project_is_followed_too(serve: Serve, tmp_path: Path) -> None:
    project = shutil.copytree(PROJECTS / "mirror", tmp_path / "mirror")
    catalogue = serve(project, probe=_fine)
    before = catalogue.get("mirror")
    description = project / "pesto" / "api" / "description.json"
    description.write_text(json.dumps({**json.loads(description.read_text()), "title": "Later"}))
    wait_for(lambda: catalogue.get("mirror").title == "Later", "it is another version")
    assert before.title != "Later"
    assert Path(catalogue.get("mirror").runtime.folder, "algorithm", "process.py").is_file()


def test_home_may_lie_in_the_folder_of_a_package(folder: Path) -> None:
    catalogue = ServedCatalogue(
        [Declaration(id="demo", folder=folder)], forms=BUILT_IN, home=folder / "var" / "home"
    )
    catalogue.start(retry=False)
    runtime = catalogue.get("demo").runtime
    assert Path(runtime.folder).is_relative_to(folder / "var" / "home")
    assert not any(Path(runtime.folder, "var").rglob("*.yml"))
    assert BUILT_IN.load_again("demo", replace(runtime, folder=str(folder))).runtime.digest == runtime.digest
