"""One value in the form that an annotation asks for.

pathlib.Path               a readable file; never to be written, it may lie under a data root
rasterio.DatasetReader     open, closed after the run
xarray.Dataset             open, closed after the run
dragoman.Raster            the whole raster in memory
dict, str, int, float, bool, list[...] of these, X | Y, none    the JSON value, its kind checked
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp
from typing import Any, Final, Literal, get_args, get_origin

from dragoman.errors import InputError, PackageError, RequestError
from dragoman.packages.class_names import class_name
from dragoman.packages.native.signature import parameter_name
from dragoman.schemas.file_values import FileContentError, expects_json, read_value
from dragoman.schemas.forms import may_be_binary, media_types
from dragoman.schemas.json_formats import is_integer, is_number
from dragoman.schemas.media_types import extension
from dragoman.schemas.messages import shown

if typing.TYPE_CHECKING:
    from contextlib import ExitStack

    from dragoman.model.process import JSON, InputSpec
    from dragoman.model.resolved import ResolvedValue
    from dragoman.packages.program import WatchedContext

LISTS: Final = (list, Sequence)
"""What a list of values may be asked for as."""
FORMS: Final = (
    "pathlib.Path, rasterio.DatasetReader, xarray.Dataset, dragoman.Raster, dict, str, int, float, bool, "
    "list[...]"
)
"""The forms in words."""


class _Mismatch(ValueError):
    """The JSON value is not of this kind; the text says what would be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coercion:
    """What giving a form needs: where to close, where to write, how much to open."""

    stack: ExitStack
    """Closes what is opened here."""
    context: WatchedContext
    max_pixels: int | None
    """Width times height times bands of a raster, or values of a NetCDF variable; None is no cap."""

    def value(self, spec: InputSpec, annotation: Any, value: ResolvedValue) -> object:
        """The value in that form; raises InputError or, for an unknown form, PackageError."""
        annotation = without_none(annotation) if value.path or value.value is not None else annotation
        as_file = file_form(annotation)
        try:
            if as_file is not None:
                return as_file(self, spec, value)
            if value.path is not None and annotation in (Any, object) and may_be_binary(spec.schema):
                return self._path(spec, value)
            return _as_json(annotation, self._json(spec, annotation, value))
        except (FileContentError, _Mismatch) as error:
            raise InputError(spec.id, str(error)) from error
        except InputError:  # a read that failed has named the input already
            raise
        except RequestError as error:
            raise InputError(spec.id, error.detail) from error

    def _json(self, spec: InputSpec, annotation: Any, value: ResolvedValue) -> JSON:
        text = annotation is str or (annotation in (Any, object) and not expects_json(spec.schema))
        return read_value(value, as_json=not text)

    def _path(self, spec: InputSpec, value: ResolvedValue) -> Path:
        """The file, looked at before the algorithm opens it; a JSON value is written to one, a string as it is."""
        from dragoman.rasters.file_guard import check_file

        path = value.path if value.path is not None else self._written(spec, value)
        with self.context.opening(spec.id):
            check_file(path, max_pixels=self.max_pixels)
        return path

    def _written(self, spec: InputSpec, value: ResolvedValue) -> Path:
        text = isinstance(value.value, str)
        kinds = media_types(spec.schema) or (("text/plain",) if text else ("application/json",))
        name = f"{parameter_name(spec.id)}-"
        handle, path = mkstemp(prefix=name, suffix=extension(kinds[0]), dir=self.context.scratch)
        with open(handle, "w", encoding="utf-8") as stream:
            stream.write(value.value if text else json.dumps(value.value))
        return Path(path)

    def _dataset_reader(self, spec: InputSpec, value: ResolvedValue) -> Any:
        from dragoman.rasters.opening import open_raster, pages_of

        with self.context.opening(spec.id):
            dataset = _open(
                lambda path: open_raster(path, max_pixels=self.max_pixels, input_id=spec.id), value, "raster"
            )
        self.stack.callback(dataset.close)
        if (pages := pages_of(dataset)) > 1:
            self.context.notice(f"'{spec.id}' has {pages} pages; the first is used")
        return dataset

    def _raster(self, spec: InputSpec, value: ResolvedValue) -> Any:
        from dragoman.rasters.raster import Raster

        dataset = self._dataset_reader(spec, value)
        return _open(lambda _: Raster.from_dataset(dataset), value, "raster")

    def _xarray(self, spec: InputSpec, value: ResolvedValue) -> Any:
        from dragoman.rasters.netcdf_opening import open_dataset

        with self.context.opening(spec.id):
            dataset = _open(
                lambda path: open_dataset(path, max_values=self.max_pixels, input_id=spec.id), value, "NetCDF"
            )
        self.stack.callback(dataset.close)
        return dataset


def _open(opener: Callable[[Path], Any], value: ResolvedValue, kind: str) -> Any:
    """Open the file; GDAL's and NetCDF's own words name local paths, so they do not come through."""
    if value.path is None:
        raise _Mismatch(f"got {shown(value.value)}; allowed: a {kind} file")
    try:
        return opener(value.path)
    except (OSError, ValueError, RuntimeError, LookupError) as error:
        raise _Mismatch(f"the file cannot be read as {kind}") from error


type FileForm = Callable[[Coercion, InputSpec, ResolvedValue], object]

FILE_FORMS: Final[Mapping[tuple[str, str], FileForm]] = {
    ("rasterio", "DatasetReader"): Coercion._dataset_reader,
    ("xarray", "Dataset"): Coercion._xarray,
    ("dragoman", "Raster"): Coercion._raster,
}
"""How a file becomes an object, by the name of the class that an annotation asks for.

For the other direction see ``outputs.output_writer``.
"""


def file_form(annotation: Any) -> FileForm | None:
    """How a value becomes what is not JSON; None where it stays JSON."""
    if annotation is Path:
        return Coercion._path
    return FILE_FORMS.get(class_name(annotation)) if isinstance(annotation, type) else None


def without_none(annotation: Any) -> Any:
    """``X`` of ``X | None``; any other annotation as it is."""
    if get_origin(annotation) not in (types.UnionType, typing.Union):
        return annotation
    kept = [part for part in get_args(annotation) if part is not type(None)]
    return typing.Union[tuple(kept)]  # noqa: UP007  # the parts are only known at run time


def item_annotation(annotation: Any) -> Any:
    """``X`` of ``list[X]``; Any where it is not said; None where it is no list."""
    if annotation in (Any, object) or annotation in LISTS:
        return Any
    if get_origin(annotation) in LISTS:
        return get_args(annotation)[0]
    return None


def _as_json(annotation: Any, value: JSON) -> object:
    """The JSON value as the annotation wants it; raises _Mismatch."""
    if annotation in (Any, object):
        return value
    origin = get_origin(annotation) or annotation
    if origin in (types.UnionType, typing.Union):
        return _first_fitting(get_args(annotation), value)
    if origin in LISTS:
        return _as_list(annotation, value)
    if origin is Literal:
        if value in get_args(annotation):
            return value
        raise _Mismatch(f"got {shown(value)}; allowed: {', '.join(map(str, get_args(annotation)))}")
    if isinstance(origin, type) and issubclass(origin, dict | Mapping):
        return _of_kind(value, isinstance(value, dict), "an object")
    return _as_scalar(origin, value)


_SCALARS: Final[Mapping[Any, tuple[Callable[[JSON], bool], Callable[[JSON], object], str]]] = {
    bool: (lambda value: isinstance(value, bool), bool, "true or false"),
    str: (lambda value: isinstance(value, str), str, "a string"),
    type(None): (lambda value: value is None, lambda _: None, "null"),
    int: (is_integer, int, "an integer"),
    float: (is_number, float, "a number"),
}
"""For each type of Python: which JSON values become one, how, and these values in words."""


def _as_scalar(kind: Any, value: JSON) -> object:
    if not isinstance(kind, type) or kind not in _SCALARS:
        raise PackageError(f"run asks for {kind!r}, which is no form of an input; allowed: {FORMS}")
    fits, convert, allowed = _SCALARS[kind]
    try:
        return convert(_of_kind(value, fits(value), allowed))
    except OverflowError as error:
        raise _Mismatch(f"got {shown(value)}, which is too large") from error


def _of_kind(value: JSON, holds: bool, allowed: str) -> JSON:
    if not holds:
        raise _Mismatch(f"got {shown(value)}; allowed: {allowed}")
    return value


def _as_list(annotation: Any, value: JSON) -> list[object]:
    item = item_annotation(annotation)
    members: list[JSON] = _of_kind(value, isinstance(value, list), "an array")
    if item in (int, str, bool) and set(map(type, members)) <= {item}:
        return list(members)  # one by one, a million take seconds
    if item is float and set(map(type, members)) <= {float} and all(map(math.isfinite, members)):
        return list(members)
    return [_as_json(item, member) for member in members]


def _first_fitting(choices: tuple[Any, ...], value: JSON) -> object:
    """The value in the first form that keeps its kind: an int stays one for ``float | int``."""
    exact = [choice for choice in choices if choice is type(value)]
    problems: list[str] = []
    for choice in (*exact, *choices):
        try:
            return _as_json(choice, value)
        except _Mismatch as error:
            problems.append(str(error).partition("allowed: ")[2])
    raise _Mismatch(f"got {shown(value)}; allowed: {', or '.join(dict.fromkeys(problems))}")
