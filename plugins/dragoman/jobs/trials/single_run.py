"""One run of a package in this process, without a server, for `dragoman run`: a debugger can be used on it."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from dragoman.config.settings import FetchSettings
from dragoman.errors import InvalidRequest
from dragoman.jobs.runner import OUTPUTS, load_program, run_locally
from dragoman.model.job import InputValue, Job, JobRequest
from dragoman.packages.program import RunLimits
from dragoman.packages.validation import validate_inputs
from dragoman.schemas.file_values import expects_json
from dragoman.schemas.ogc_values import input_values
from dragoman.sources.policy import SourcePolicy
from dragoman.workers.surroundings import Surroundings

if TYPE_CHECKING:
    from dragoman.jobs.run_context import Report
    from dragoman.model.job import Output
    from dragoman.model.process import InputSpec, Process
    from dragoman.packages.forms import Forms

type Inputs = Mapping[str, tuple[InputValue, ...]]

_FILE: Final = "@"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a run has given; the files are there as long as the block that ran it."""

    outputs: Mapping[str, Output]
    folder: Path
    """Of the files of its outputs."""


def inputs_of(process: Process, words: Sequence[str]) -> Inputs:
    """The inputs that ``name=value`` and ``name=@file`` stand for; a name that comes again is another value.

    A value is read as JSON where the input may be something else than a text; raises InvalidRequest and InputError.
    """
    values: dict[str, tuple[InputValue, ...]] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise InvalidRequest(f"got {word!r}; allowed: name=value, or name=@file")
        spec = process.inputs.get(name)
        if spec is None:
            raise InvalidRequest(f"'{name}' is no input; allowed: {', '.join(process.inputs) or 'none'}")
        values[name] = values.get(name, ()) + _values(spec, text)
    return values


def _values(spec: InputSpec, text: str) -> tuple[InputValue, ...]:
    if text.startswith(_FILE):
        path = Path(text.removeprefix(_FILE)).absolute()
        if not path.is_file():
            raise InvalidRequest(f"input '{spec.id}': there is no file {text.removeprefix(_FILE)!r}")
        return (InputValue(href=path.as_uri()),)
    wire: Any = text
    if expects_json(spec.schema):
        with contextlib.suppress(
            ValueError
        ):  # a word is a text; what may not be one is refused by the schema
            wire = json.loads(text)
    return input_values(spec.id, wire, spec)


@contextlib.contextmanager
def single_run(process: Process, inputs: Inputs, *, forms: Forms, report: Report) -> Iterator[Finished]:
    """Run a process in this process, in a folder of its own that vanishes; its timeout and memory are not held to.

    Raises whatever the inputs, the algorithm or the outputs are at fault for.
    """
    validate_inputs(process, inputs)
    files = [each.href for values in inputs.values() for each in values if each.href is not None]
    roots = [Path(unquote(urlsplit(href).path)).parent for href in files if href.startswith("file:")]
    now = datetime.now(UTC)
    job = Job(
        id=str(uuid.uuid4()),
        process_id=process.id,
        process_version=process.version,
        runtime=process.runtime,
        request=JobRequest(inputs=inputs),
        created=now,
        updated=now,
    )
    with tempfile.TemporaryDirectory(prefix="dragoman-run-", ignore_cleanup_errors=True) as name:
        here = Surroundings(Path(name, "worker"), partial(shutil.rmtree, ignore_errors=True))
        program = load_program(
            process.id, process.runtime, forms=forms, limits=RunLimits(), scratch=here.folder / "setup"
        )
        here.restore()
        folder = Path(name, "run")
        policy = SourcePolicy(fetch=FetchSettings(), extra_roots=tuple(roots))
        outputs = run_locally(
            job, inputs, program, folder=folder, policy=policy, report=report, scratch=here.run
        )
        yield Finished(outputs=outputs, folder=folder / OUTPUTS)


def keep_outputs(finished: Finished, folder: Path) -> list[Path]:
    """Copy the files of a run into a folder, which is made, and write its values to ``outputs.json`` there."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {name: output.value for name, output in finished.outputs.items() if not _files(output)}
    kept: list[Path] = []
    if values:
        kept.append(folder / "outputs.json")
        kept[0].write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for output in finished.outputs.values():
        for file in _files(output):
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(finished.folder / file, target)
            kept.append(target)
    return kept


def lines_of(finished: Finished) -> Iterator[str]:
    """A line for each output: its value as JSON, or what its files are."""
    for name, output in finished.outputs.items():
        files = _files(output)
        size = sum((finished.folder / file).stat().st_size for file in files)
        shown = f"{len(files)} file{'s'[: len(files) != 1]}, {(*output.items, output)[0].media_type}, {size:,} bytes"
        yield f"{name}: {shown if files else json.dumps(output.value, ensure_ascii=False)}"


def _files(output: Output) -> list[str]:
    return [each.file for each in (output, *output.items) if each.file is not None]
