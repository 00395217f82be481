"""One output, written: small JSON stays with the job, the rest becomes a file, held to the output's schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

from dragoman.errors import OutputError
from dragoman.model.job import Output
from dragoman.packages.class_names import class_name
from dragoman.packages.outputs.file_check import WrongFile, check_closed, check_file
from dragoman.packages.outputs.file_handover import place_file
from dragoman.packages.outputs.refusals import instead_of, names_file, names_own_path
from dragoman.schemas.forms import GEOTIFF, NETCDF, always_binary, media_types
from dragoman.schemas.json_values import NotJSON, not_finite, to_json
from dragoman.schemas.media_types import essence, extension, is_json, is_text, of_file
from dragoman.schemas.value_check import check_of

if TYPE_CHECKING:
    from dragoman.model.process import JSON, OutputSpec

_PLAIN: Final = frozenset({str, int, float, bool, list, dict})
"""Classes of values that can be nothing but JSON, which most are."""
_RETURN_PATH: Final = "to return a file, return pathlib.Path(...), not str"
INLINE_BYTES: Final = 16 * 2**10
"""Of a JSON value that is kept with the job; a larger one becomes a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputWriter:
    """Writes outputs into one folder, which is made when the first file is.

    Raises OutputError that names the output.
    """

    folder: Path
    own: Sequence[Path]
    """Folders from which files may be moved."""
    lent: Sequence[Path]
    """Folders and files from which may be copied."""
    scratch: Path | None = None
    """The working directory of the run."""
    secret: Sequence[Path] = ()
    """Folders whose paths may stand in no output."""
    echoed: Collection[str] = ()
    """Texts that came from the client."""
    stem: str = ""
    """Name of the file, without its ending; empty: the output's id."""
    inline_bytes: int = INLINE_BYTES
    """Of a JSON value that stays one; -1: every value becomes a file."""

    def write(self, spec: OutputSpec, value: object) -> Output:
        """The value as the output that is declared."""
        if value is None and spec.schema.get("nullable") is True:
            return Output(id=spec.id, media_type="application/json")
        if type(value) in _PLAIN:
            return self._json(spec, value)
        if isinstance(value, Path):
            return self._path(spec, value)
        if isinstance(value, bytes | bytearray | memoryview):
            return self._bytes(spec, bytes(value))
        if (write := _object_writer(value)) is not None:
            return write(self, spec, value)
        if (words := instead_of(value, file=check_of(spec.schema).binary)) is not None:
            raise OutputError(f"output '{spec.id}': the algorithm returned {words}")
        return self._json(spec, value)

    def _raster(self, spec: OutputSpec, raster: Any) -> Output:
        from dragoman.rasters.writing import write_raster

        return self._object(spec, GEOTIFF, lambda path: write_raster(path, raster))

    def _dataset(self, spec: OutputSpec, dataset: Any) -> Output:
        from dragoman.rasters.writing import write_netcdf

        return self._object(spec, NETCDF, lambda path: write_netcdf(path, dataset))

    def _data_array(self, spec: OutputSpec, array: Any) -> Output:
        return self._dataset(spec, _as_dataset(spec, array))

    def _open_dataset(self, spec: OutputSpec, _dataset: Any) -> Output:
        raise OutputError(
            f"output '{spec.id}': the algorithm returned an open rasterio dataset; "
            "close it, and return its path"
        )

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
            content = to_json(value)
        except NotJSON as error:
            raise OutputError(f"output '{spec.id}': {error}") from error
        if isinstance(content, str):
            self._refuse_path(spec, content)
        check = check_of(spec.schema)
        stated = check.media_types
        if check.binary:
            if not isinstance(content, str) or not all(is_text(name) for name in stated):
                raise _wrong_kind(spec, _kind(content), stated)
            return self._checked(spec, stated[0] if stated else "text/plain", content.encode())
        findings = check.findings(content)
        if findings:
            raise OutputError(f"output '{spec.id}': {'; '.join(_naming_nan(findings, value))}")
        media_type = _media_type(content, stated)
        text = content if isinstance(content, str) and not is_json(media_type) else _dumped(content)
        if names_own_path(text, self.secret):
            raise OutputError(f"output '{spec.id}': holds the path of a folder of the server; {_RETURN_PATH}")
        if len(text) <= self.inline_bytes and len(text.encode()) <= self.inline_bytes:
            return Output(id=spec.id, media_type=media_type, value=content)
        return self._content(spec, media_type, text.encode())

    def _refuse_path(self, spec: OutputSpec, text: str) -> None:
        """Raise OutputError for the path of a file that stands for the file."""
        if names_own_path(text, self.secret) or names_file(text, self.scratch, self.echoed):
            name = PurePath(text).name
            raise OutputError(
                f"output '{spec.id}': the algorithm returned the path of {name!r} as text; {_RETURN_PATH}"
            )

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
        return self.folder / ((self.stem or file_stem(spec.id)) + extension(media_type))


type _WriteObject = Callable[[OutputWriter, OutputSpec, Any], Output]

_OBJECTS: Final[Mapping[tuple[str, str], _WriteObject]] = {
    ("dragoman", "Raster"): OutputWriter._raster,
    ("xarray", "Dataset"): OutputWriter._dataset,
    ("xarray", "DataArray"): OutputWriter._data_array,
    ("rasterio", "DatasetBase"): OutputWriter._open_dataset,
}
"""How an object is written that is neither JSON nor a file, by the name of its class or of one above it.

For the other direction see ``native.coercion.FILE_FORMS``.
"""


def file_stem(id: str) -> str:
    """The name of an output's file, or of the folder of its files."""
    return re.sub(r"[^\w-]", "_", id, flags=re.ASCII)


def _object_writer(value: object) -> _WriteObject | None:
    if type(value) in _PLAIN:
        return None
    names = map(class_name, type(value).__mro__)
    return next((_OBJECTS[name] for name in names if name in _OBJECTS), None)


def is_object(value: object) -> bool:
    """Whether the value is written as a whole, though it may be a mapping: a raster or a dataset."""
    return _object_writer(value) is not None


def _as_dataset(spec: OutputSpec, array: Any) -> object:
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


def _wrong_kind(spec: OutputSpec, returned: str, stated: tuple[str, ...]) -> OutputError:
    allowed = ", ".join(stated) or str(spec.schema.get("type", "what its schema says"))
    return OutputError(f"output '{spec.id}': the algorithm returned {returned}; allowed: {allowed}")
