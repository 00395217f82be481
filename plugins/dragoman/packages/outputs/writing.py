"""From what run returned to the outputs of the job: small JSON stays with the job, the rest becomes files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import OutputError
from dragoman.model.job import Output
from dragoman.model.process import OutputSpec
from dragoman.packages.outputs.file_check import WrongFile, check_closed, check_file
from dragoman.packages.outputs.file_handover import place_file
from dragoman.schemas.forms import GEOTIFF, NETCDF, always_binary, media_types
from dragoman.schemas.json_values import NotJSON, not_finite, to_json
from dragoman.schemas.media_types import essence, extension, is_json, is_text, of_file
from dragoman.schemas.value_check import check_of

if TYPE_CHECKING:
    from dragoman.model.context import Context
    from dragoman.model.process import JSON, Process

INLINE_BYTES: Final = 16 * 2**10
"""Of a JSON value that is kept with the job; a larger one becomes a file."""

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
) -> dict[str, Output]:
    """The outputs in declared order, those in ``wanted`` (None: all); files are written to ``folder``.

    A returned file is moved if it lies in the context's scratch folder, copied if it is, or lies in, one of
    ``lent`` (the package's folder and the files of inputs), else refused. Raises OutputError that names the output.
    """
    members = _members(process, returned)
    for name, spec in process.outputs.items():
        if members.get(name) is None and spec.schema.get("nullable") is not True:
            raise OutputError(f"the algorithm returned no output '{name}'")
    paths = [value for value in members.values() if isinstance(value, Path)]
    own = [folder, context.scratch] if context and paths else [folder]  # asking for scratch makes it
    repeated = [path for path in paths if paths.count(path) > 1]
    writer = _Writer(folder=folder, own=own, lent=[*lent, *repeated])
    chosen = [spec for name, spec in process.outputs.items() if wanted is None or name in wanted]
    return {spec.id: writer.write(spec, members.get(spec.id)) for spec in chosen}


def write_value(id: str, value: object, folder: Path) -> Output:
    """Any value that is no raster, held to no schema: small JSON is kept, the rest becomes a file in ``folder``.

    Raises OutputError that names the output.
    """
    return _Writer(folder=folder, own=[folder], lent=()).write(OutputSpec(id=id, schema=_ANYTHING), value)


def _members(process: Process, returned: object) -> Mapping[str, object]:
    """By output id; the value itself where there is one output and it is no mapping that has it."""
    mapping = isinstance(returned, Mapping) and not _is_instance(returned, "xarray", "Dataset")
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


def _is_instance(value: object, package: str, name: str) -> bool:
    """Told by name, so that nothing heavy is imported for a process that returns a number."""
    return any(t.__name__ == name and t.__module__.partition(".")[0] == package for t in type(value).__mro__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writer:
    """Writes outputs into one folder, which is made when the first file is."""

    folder: Path
    own: Sequence[Path]
    """Folders from which files may be moved."""
    lent: Sequence[Path]
    """Folders and files from which may be copied."""

    def write(self, spec: OutputSpec, value: object) -> Output:
        if isinstance(value, Path):
            return self._path(spec, value)
        if _is_instance(value, "dragoman", "Raster"):
            from dragoman.rasters.writing import write_raster

            return self._object(spec, GEOTIFF, lambda path: write_raster(path, value))  # type: ignore[arg-type]
        if _is_instance(value, "xarray", "Dataset"):
            from dragoman.rasters.writing import write_netcdf

            return self._object(spec, NETCDF, lambda path: write_netcdf(path, value))  # type: ignore[arg-type]
        if _is_instance(value, "xarray", "DataArray"):
            return self.write(spec, _dataset(spec, value))
        if _is_instance(value, "rasterio", "DatasetBase"):
            raise OutputError(
                f"output '{spec.id}': the algorithm returned an open rasterio dataset; "
                "close it, and return its path"
            )
        if isinstance(value, bytes | bytearray | memoryview):
            return self._bytes(spec, bytes(value))
        return self._json(spec, value)

    def _path(self, spec: OutputSpec, source: Path) -> Output:
        stated = media_types(spec.schema)
        named = of_file(source)
        likely = next((name for name in stated if essence(name) == essence(named)), None)
        media_type = likely or (stated[0] if stated else named)
        if not stated and not _may_be_file(spec) and not is_json(media_type):
            raise _wrong_kind(spec, f"the file {source.name!r}", stated)
        target = self._target(spec, media_type)
        try:
            if source.is_file():
                check_closed(source, media_type)
            place_file(source, target, own=self.own, lent=self.lent)
            check_file(target, media_type, spec.schema)
        except (OSError, ValueError) as error:
            text = (error.strerror or "cannot be read") if isinstance(error, OSError) else str(error)
            allowed = f"; allowed: {', '.join(stated)}" if isinstance(error, WrongFile) and stated else ""
            raise OutputError(f"output '{spec.id}': the file {source.name!r} {text}{allowed}") from error
        return _of_file(spec, target, media_type)

    def _object(self, spec: OutputSpec, media_type: str, write: Callable[[Path], None]) -> Output:
        """A raster or dataset, where the schema speaks of that format or of none."""
        stated = media_types(spec.schema)
        fitting = [name for name in stated if essence(name) == essence(media_type)]
        if (stated and not fitting) or not _may_be_file(spec):
            raise _wrong_kind(spec, essence(media_type), stated)
        media_type = fitting[0] if fitting else media_type
        target = self._target(spec, media_type)
        try:
            write(target)
        except (ValueError, TypeError, RuntimeError, OSError) as error:
            raise OutputError(f"output '{spec.id}': cannot be written ({error})") from error
        return _of_file(spec, target, media_type)

    def _bytes(self, spec: OutputSpec, content: bytes) -> Output:
        stated = media_types(spec.schema)
        if not stated and not _may_be_file(spec):
            raise _wrong_kind(spec, "bytes", stated)
        return self._checked(spec, stated[0] if stated else "application/octet-stream", content)

    def _json(self, spec: OutputSpec, value: object) -> Output:
        try:
            made = to_json(value)
        except NotJSON as error:
            raise OutputError(f"output '{spec.id}': {error}") from error
        stated = media_types(spec.schema)
        if always_binary(spec.schema):
            if not isinstance(made, str) or not all(is_text(name) for name in stated):
                raise _wrong_kind(spec, _kind(made), stated)
            return self._checked(spec, stated[0] if stated else "text/plain", made.encode())
        findings = check_of(spec.schema).findings(made)
        if findings:
            raise OutputError(f"output '{spec.id}': {'; '.join(_naming_nan(findings, value))}")
        media_type = _media_type(made, stated)
        text = made if isinstance(made, str) and not is_json(media_type) else _dumped(made)
        if len(text) <= INLINE_BYTES and len(text.encode()) <= INLINE_BYTES:
            return Output(id=spec.id, media_type=media_type, value=made)
        return self._content(spec, media_type, text.encode())

    def _checked(self, spec: OutputSpec, media_type: str, content: bytes) -> Output:
        """Content that was given as such, held to its media type."""
        output = self._content(spec, media_type, content)
        try:
            check_file(self._target(spec, media_type), media_type, spec.schema)
        except WrongFile as error:
            raise OutputError(f"output '{spec.id}': what the algorithm returned {error}") from error
        return output

    def _content(self, spec: OutputSpec, media_type: str, content: bytes) -> Output:
        target = self._target(spec, media_type)
        target.write_bytes(content)
        return _of_file(spec, target, media_type)

    def _target(self, spec: OutputSpec, media_type: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / (re.sub(r"[^\w-]", "_", spec.id, flags=re.ASCII) + extension(media_type))


def _dataset(spec: OutputSpec, array: Any) -> object:
    """A DataArray as the dataset that NetCDF is."""
    stated = media_types(spec.schema)
    if not _may_be_file(spec) or (stated and NETCDF not in map(essence, stated)):
        raise _wrong_kind(spec, "an xarray.DataArray", stated)
    if array.name is None:
        raise OutputError(
            f"output '{spec.id}': the DataArray has no name; return a Dataset, such as .to_dataset(name=...)"
        )
    try:
        return array.to_dataset()
    except ValueError as error:  # it is named like one of its coordinates
        raise OutputError(f"output '{spec.id}': the DataArray cannot be a Dataset ({error})") from error


def _naming_nan(findings: Sequence[str], value: object) -> list[str]:
    """The findings, where a null was NaN or infinite before it became JSON with that word."""
    heads = {f"{place}: got null" if place else "got null" for place in not_finite(value)}
    return [
        finding.replace("got null", "got NaN or an infinite number", 1)
        if finding.partition(";")[0] in heads
        else finding
        for finding in findings
    ]


def _dumped(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _may_be_file(spec: OutputSpec) -> bool:
    """Whether a file of bytes can be a value: the schema is binary, or a string, or says nothing."""
    return always_binary(spec.schema) or spec.schema.get("type") in (None, "string")


def _media_type(value: JSON, stated: tuple[str, ...]) -> str:
    """The schema's that suits the value; text/plain for a string, application/json for the rest."""
    if isinstance(value, str):
        return next((name for name in stated if is_text(name)), "text/plain")
    return next((name for name in stated if is_json(name)), "application/json")


def _of_file(spec: OutputSpec, path: Path, media_type: str) -> Output:
    return Output(id=spec.id, media_type=media_type, file=path.name, size=path.stat().st_size)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", type(None): "null"}
    return names.get(type(value), f"a {type(value).__name__}")


def _wrong_kind(spec: OutputSpec, given: str, stated: tuple[str, ...]) -> OutputError:
    wanted = ", ".join(stated) or str(spec.schema.get("type", "what its schema says"))
    return OutputError(f"output '{spec.id}': the algorithm returned {given}; allowed: {wanted}")
