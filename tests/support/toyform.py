"""A form of package that dragoman has never heard of: a folder with ``toy.json``, ``{"greeting": "Hello"}``.

Its one input is a name, its output the greeting of it; ``toy.json`` may hold ``expected``, by name, and ``broken``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import PackageError
from dragoman.model.job import InputValue, Output
from dragoman.model.process import InputSpec, OutputSpec, Process, Runtime
from dragoman.packages.digest import package_digest
from dragoman.packages.forms import BUILT_IN, Form, Trial
from dragoman.sources.resolve import Resolve, resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from dragoman.model.context import Context
    from dragoman.model.resolved import ResolvedValue
    from dragoman.packages.forms import Options
    from dragoman.packages.program import Program, RunLimits

TEXT: Final = {"type": "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeter:
    """See ``dragoman.packages.program.Program``."""

    process: Process
    resolve: Resolve = resolve

    def run(
        self,
        values: Mapping[str, Sequence[ResolvedValue]],
        *,
        context: Context,
        folder: Path,
        wanted: Collection[str] | None,
    ) -> Mapping[str, Output]:
        words = [self.process.config["greeting"], values["name"][0].value]
        if self.process.runtime.options.get("loud"):
            words = [word.upper() for word in words]
        return {"out": Output(id="out", media_type="text/plain", value=" ".join(words))}


def _load(folder: Path, id: str | None, options: Options) -> Process:
    data: dict[str, Any] = json.loads((folder / "toy.json").read_text())
    if "greeting" not in data:
        raise PackageError(f"{folder.name}/toy.json: has no greeting")
    return Process(
        id=id or folder.name,
        version="1",
        inputs={"name": InputSpec(id="name", schema=TEXT)},
        outputs={"out": OutputSpec(id="out", schema=TEXT)},
        config=data,
        runtime=Runtime(
            form="toy", folder=str(folder.absolute()), options=options, digest=package_digest(folder)
        ),
    )


def _program(process: Process, _limits: RunLimits, context: Context) -> Program:
    assert context.config == process.config
    if "broken" in process.config:
        raise RuntimeError(process.config["broken"])
    return Greeter(process=process)


def _trials(process: Process) -> Iterator[Trial]:
    for name, expected in process.config.get("expected", {}).items():
        yield Trial(
            title=f"greets {name}",
            inputs={"name": (InputValue(value=name),)},
            compare=partial(_compare, expected),
        )


def _compare(expected: str, outputs: Mapping[str, Output], _folder: Path) -> list[str]:
    value = outputs["out"].value
    return [] if value == expected else [f"is {value}, expected {expected}"]


TOY: Final = Form(
    name="toy",
    recognises=lambda folder: (folder / "toy.json").is_file(),
    load=_load,
    program=_program,
    trials=_trials,
    notes=lambda process: [f"{process.id} is a toy"],
)

FORMS: Final = BUILT_IN.plus(toy="toyform:TOY")
"""What a composition root would say."""


def write_toy(folder: Path, **data: Any) -> Path:
    folder.mkdir()
    (folder / "toy.json").write_text(json.dumps({"greeting": "Hello", **data}))
    return folder
