"""Any other pygeoapi BaseProcessor as a process of ours: described from its metadata, run in a worker."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pygeoapi.plugin import InvalidPluginError, load_plugin

from dragoman.composition import plain
from dragoman.errors import OutputError, PackageError
from dragoman.model.job import Output
from dragoman.model.process import InputSpec, Mode, OutputSpec, Process, Runtime
from dragoman.packages.forms import Form, Trial
from dragoman.sources.resolve import Resolve, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.model.context import Context
    from dragoman.model.resolved import ResolvedValue

FORM: Final = "processor"
MODES: Mapping[str, Mode] = {"sync-execute": "sync", "async-execute": "async"}


def foreign_process(process_id: str, definition: Mapping[str, Any]) -> Process:
    """The process that a processor's metadata describes; raises PackageError."""
    processor = _load(definition)
    try:
        return _describe(process_id, processor.metadata, definition)
    except (KeyError, TypeError, AttributeError) as error:
        raise PackageError(
            f"processor {definition.get('name')}: its metadata lacks or misshapes {error}"
        ) from error


def load_processor(process_id: str, runtime: Runtime) -> ForeignProgram:
    """The program of a processor; a public name of ``dragoman.plugin``."""
    process = foreign_process(process_id, runtime.options)
    return ForeignProgram(process=process, processor=_load(runtime.options))


def _no_trials(_process: Process) -> Sequence[Trial]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignProgram:
    """A BaseProcessor, loaded."""

    process: Process
    processor: Any
    resolve: Resolve = resolve

    def run(
        self,
        values: Mapping[str, Sequence[ResolvedValue]],
        *,
        context: Context,
        folder: Path,
        wanted: Collection[str] | None,
    ) -> Mapping[str, Output]:
        """Execute as pygeoapi's own manager would, and take the answer apart by the declared outputs."""
        data = {name: self._argument(name, items) for name, items in values.items()}
        self.processor.set_job_id(context.job_id)
        more: dict[str, Any] = (
            {"outputs": {key: {} for key in wanted} if wanted else None}
            if self.processor.supports_outputs
            else {}
        )
        mimetype, payload = self.processor.execute(data, **more)
        return {
            name: _output(name, mimetype, value, folder)
            for name, value in self._split(payload).items()
            if not wanted or name in wanted
        }

    def _argument(self, input_id: str, items: Sequence[ResolvedValue]) -> Any:
        plain_values = [item.value if item.path is None else _content(item.path) for item in items]
        spec = self.process.inputs.get(input_id)
        return plain_values if spec is not None and spec.repeatable else plain_values[0]

    def _split(self, payload: Any) -> Mapping[str, Any]:
        declared = list(self.process.outputs)
        if isinstance(payload, Mapping) and declared and set(declared) <= payload.keys():
            return {name: payload[name] for name in declared}
        if len(declared) > 1 and isinstance(payload, Mapping) and payload.get("id") in declared:
            return {payload["id"]: payload.get("value")}
        return {declared[0] if declared else "result": payload}


def _load(definition: Mapping[str, Any]) -> Any:
    try:
        return load_plugin("process", dict(definition))
    except (InvalidPluginError, ImportError, AttributeError) as error:
        raise PackageError(f"processor {definition.get('name')}: {error}") from error


def _describe(process_id: str, metadata: Mapping[str, Any], definition: Mapping[str, Any]) -> Process:
    modes = tuple(
        MODES[option] for option in metadata.get("jobControlOptions", ["sync-execute"]) if option in MODES
    )
    example = metadata.get("example")
    return Process(
        id=process_id,
        version=str(metadata["version"]),
        title=plain(metadata.get("title")),
        description=plain(metadata.get("description")),
        keywords=tuple(map(str, _keywords(metadata.get("keywords")))),
        links=tuple(metadata.get("links", ())),
        metadata=tuple(metadata.get("metadata", ())),
        inputs={name: _input(name, spec) for name, spec in metadata["inputs"].items()},
        outputs={name: _output_spec(name, spec) for name, spec in metadata["outputs"].items()},
        modes=modes or ("sync",),
        example={"inputs": example["inputs"]}
        if isinstance(example, Mapping) and "inputs" in example
        else None,
        takes_undeclared=True,
        more={} if example is None else {"example": json.loads(json.dumps(example, default=str))},
        outputs_checked=False,
        runtime=Runtime(form=FORM, options=json.loads(json.dumps(definition))),
    )


def _input(name: str, spec: Mapping[str, Any]) -> InputSpec:
    schema = spec.get("schema", {})
    most = spec.get("maxOccurs", 1)
    return InputSpec(
        id=name,
        title=plain(spec.get("title")),
        description=plain(spec.get("description")),
        keywords=tuple(map(str, _keywords(spec.get("keywords")))),
        schema=schema,
        min_occurs=0 if "default" in schema else int(spec.get("minOccurs", 1)),
        max_occurs=None if most == "unbounded" else int(most),
    )


def _output_spec(name: str, spec: Mapping[str, Any]) -> OutputSpec:
    return OutputSpec(
        id=name,
        title=plain(spec.get("title")),
        description=plain(spec.get("description")),
        schema=spec.get("schema", {}),
    )


def _keywords(words: Any) -> Sequence[Any]:
    if isinstance(words, Mapping):
        words = words.get("en") or next(iter(words.values()), ())
    return words if isinstance(words, list | tuple) else ()


def _content(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode()
    except UnicodeDecodeError:
        import base64

        return base64.b64encode(data).decode("ascii")


def _output(name: str, mimetype: str, value: Any, folder: Path) -> Output:
    if isinstance(value, bytes):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.bin").write_bytes(value)
        return Output(id=name, media_type=mimetype, file=f"{name}.bin", size=len(value))
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise OutputError(
            f"output '{name}': the processor returned what JSON cannot hold: {error}"
        ) from error
    return Output(id=name, media_type=mimetype or "application/json", value=value)


PROCESSOR: Final = Form(
    name=FORM,
    recognises=lambda _folder: False,  # it is a class that the configuration names, in no folder of its own
    load=lambda _folder, id, definition: foreign_process(id or str(definition.get("name")), definition),
    program=lambda process, _limits, _context: load_processor(process.id, process.runtime),
    trials=_no_trials,
)
