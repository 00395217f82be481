from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dragoman.errors import NoSuchProcess
from dragoman.model.process import OutputSpec, Process, Runtime
from dragoman.packages.catalogue import Declaration, build_catalogue, bundled
from dragoman.packages.forms import BUILT_IN, Form

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.packages.forms import Options


def load_foreign(_folder: Path, id: str | None, definition: Options) -> Process:
    """As a pygeoapi processor is loaded, whose code may raise anything."""
    if definition["name"] == "Broken":
        raise ImportError("no module\nnamed Broken")
    outputs = {"out": OutputSpec(id="out", schema={})}
    runtime = Runtime(form="processor", options=definition)
    return Process(id=id or "", version="1", inputs={}, outputs=outputs, runtime=runtime)


def _unused(*_: Any) -> Any:
    raise AssertionError


FOREIGN = Form(
    name="processor", recognises=lambda _: False, load=load_foreign, program=_unused, trials=_unused
)


def test_what_is_broken_does_not_take_the_rest_along(
    make_package: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    catalogue = build_catalogue(
        [
            Declaration(id="z", folder=make_package()),
            Declaration(id="gone", folder=tmp_path / "gone"),
            Declaration(id="wrong", folder=make_package("version: 1", name="wrong")),
            Declaration(id="broken", form="processor", options={"name": "Broken"}),
            Declaration(id="hello", form="processor", options={"name": "HelloWorld"}),
        ],
        BUILT_IN.plus(processor=f"{__name__}:FOREIGN"),
    )
    assert [process.id for process in catalogue] == ["z", "hello"]
    assert (len(catalogue), "z" in catalogue, "gone" in catalogue) == (2, True, False)
    assert [(problem.id, problem.detail[:31]) for problem in catalogue.problems] == [
        ("gone", "gone: has no process.yml"),
        ("wrong", 'wrong/process.yml:1: got {"versi'[:31]),
        ("broken", "ImportError: no module named Br"),
    ]
    assert [record.getMessage().count("\n") for record in caplog.records] == [0, 0, 0]
    assert catalogue.get("z").id == "z"
    with pytest.raises(NoSuchProcess, match="there is no process 'gone'"):
        catalogue.get("gone")


def test_the_bundled_processes_are_found() -> None:
    assert (bundled() / "echo" / "process.yml").is_file()
