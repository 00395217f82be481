"""From what run returned to the outputs of the job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from dragoman.errors import OutputError
from dragoman.model.process import OutputSpec
from dragoman.packages.outputs.lists import paths_in, write_list
from dragoman.packages.outputs.output_writer import OutputWriter, is_object

if TYPE_CHECKING:
    from pathlib import Path

    from dragoman.model.context import Context
    from dragoman.model.job import Output
    from dragoman.model.process import JSON, Process

_ANYTHING: Final[Mapping[str, JSON]] = {}
"""The schema that allows everything: one object, since a schema is compiled once for each object."""


def write_outputs(
    process: Process,
    returned: object,
    folder: Path,
    wanted: Collection[str] | None,
    *,
    context: Context | None = None,
    lent: Collection[Path] = (),
    echoed: Collection[str] = (),
) -> dict[str, Output]:
    """The outputs in declared order, those in ``wanted`` (None: all); files are written to ``folder``.

    A returned file is moved if it lies in the context's scratch folder, copied if it is, or lies in, one of
    ``lent`` (the package's folder and the files of inputs), else refused. A path that is returned as text is refused,
    unless it is one of ``echoed``, what the client sent. Raises OutputError that names the output.
    """
    members = _members(process, returned)
    for name, spec in process.outputs.items():
        asked = wanted is None or name in wanted
        if asked and members.get(name) is None and spec.schema.get("nullable") is not True:
            raise OutputError(f"the algorithm returned no output '{name}'")
    paths = [path for value in members.values() for path in paths_in(value)]
    own = [folder, context.scratch] if context and paths else [folder]  # asking for scratch makes it
    repeated = [path for path, count in Counter(paths).items() if count > 1]
    scratch = context.scratch if context else None
    writer = OutputWriter(
        folder=folder,
        own=own,
        lent=[*lent, *repeated],
        scratch=scratch,
        secret=[folder.parent, *([scratch] if scratch else [])],
        echoed=echoed,
    )
    chosen = [spec for name, spec in process.outputs.items() if wanted is None or name in wanted]
    return {spec.id: _written(writer, spec, members.get(spec.id)) for spec in chosen}


def _written(writer: OutputWriter, spec: OutputSpec, value: object) -> Output:
    return write_list(writer, spec, value) if spec.repeatable else writer.write(spec, value)


def write_value(id: str, value: object, folder: Path, secret: Sequence[Path] = ()) -> Output:
    """Any value that is no raster, held to no schema: small JSON is kept, the rest becomes a file in ``folder``.

    ``secret`` are folders whose paths may not stand in it. Raises OutputError that names the output.
    """
    return OutputWriter(folder=folder, own=[folder], lent=(), secret=secret).write(
        OutputSpec(id=id, schema=_ANYTHING), value
    )


def _members(process: Process, returned: object) -> Mapping[str, object]:
    """By output id; the value itself where there is one output and it is no mapping that has it."""
    mapping = isinstance(returned, Mapping) and not is_object(returned)
    if mapping and any(name in returned for name in process.outputs):  # type: ignore[operator]  # a mapping
        return returned  # type: ignore[return-value]  # as above
    if len(process.outputs) == 1:
        return {next(iter(process.outputs)): returned}
    if mapping:
        return returned  # type: ignore[return-value]  # as above
    raise OutputError(
        f"the algorithm returned a {type(returned).__name__}; "
        f"allowed: a mapping with {', '.join(process.outputs)}"
    )
