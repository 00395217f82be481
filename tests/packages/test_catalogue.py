from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.errors import NoSuchProcess
from dragoman.model.process import OutputSpec, Process, Runtime
from dragoman.packages.catalogue import build_catalogue, bundled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Declaration:
    id: str
    package: Path | None = None
    processor: Mapping[str, Any] | None = None
    profiles: tuple[str, ...] = ()


def foreign(id: str, definition: Mapping[str, Any]) -> Process:
    if definition["name"] == "Broken":
        raise ImportError("no module\nnamed Broken")
    runtime = Runtime(kind="processor", location="{}")
    return Process(
        id=id, version="1", inputs={}, outputs={"out": OutputSpec(id="out", schema={})}, runtime=runtime
    )


def test_what_is_broken_does_not_take_the_rest_along(
    make_package: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    catalogue = build_catalogue(
        [
            Declaration("z", package=make_package()),
            Declaration("gone", package=tmp_path / "gone"),
            Declaration("wrong", package=make_package("version: 1", name="wrong")),
            Declaration("broken", processor={"name": "Broken"}),
            Declaration("hello", processor={"name": "HelloWorld"}),
        ],
        foreign,
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
