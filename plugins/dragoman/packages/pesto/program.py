"""One run of a PESTO algorithm: images as arrays in, a mapping out, images as PNG or GeoTIFF.

absent                                  None
Image, Images                           array of shape (bands, rows, cols) in its own type; a list of such;
                                        within an object or a list of lists as well
object with properties of its own       only the declared members
anything else                           the JSON value
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dragoman.errors import InputError, OutputError, RequestError
from dragoman.model.job import Output
from dragoman.model.resolved import ResolvedValue
from dragoman.packages.outputs.writing import write_value
from dragoman.packages.pesto.algorithm import ProjectInstance, load_class
from dragoman.packages.pesto.environment import set_environment
from dragoman.packages.pesto.inner_images import resolve_with_images
from dragoman.packages.pesto.schemas import PNG
from dragoman.schemas.file_values import FileContentError, expects_json, read_value
from dragoman.schemas.forms import GEOTIFF, always_binary, always_binary_items, may_be_binary
from dragoman.schemas.messages import shown

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dragoman.model.process import JSON, InputSpec, OutputSpec, Process
    from dragoman.packages.program import WatchedContext
    from dragoman.sources.resolve import Resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class PestoProgram:
    """A PESTO algorithm, loaded and started."""

    process: Process
    algorithm: ProjectInstance
    max_pixels: int | None
    resolve: Resolve = resolve_with_images

    def run(
        self,
        values: Mapping[str, Sequence[ResolvedValue]],
        *,
        context: WatchedContext,
        folder: Path,
        wanted: Collection[str] | None,
    ) -> Mapping[str, Output]:
        """See ``dragoman.packages.program.Program``; the outputs that were returned, in declared order."""
        arguments = {
            name: self._argument(spec, values.get(name), context)
            for name, spec in self.process.inputs.items()
        }
        returned = self.algorithm.run(arguments)
        if not isinstance(returned, Mapping):
            raise OutputError(
                f"the algorithm returned a {type(returned).__name__}; allowed: a mapping of outputs"
            )
        stateless = self._stateless()
        if stateless:
            _refuse_unknown(returned, self.process)
        return {
            name: _output(
                spec, returned[name], folder, stateless=stateless, secret=(context.scratch, folder.parent)
            )
            for name, spec in self.process.outputs.items()
            if name in returned and (wanted is None or name in wanted)
        }

    def _stateless(self) -> bool:
        """Whether the project says that its answer is one JSON document, which cannot hold all that results can."""
        return self.process.dialects.get("pesto", {}).get("asynchronous") is False

    def _argument(
        self, spec: InputSpec, values: Sequence[ResolvedValue] | None, context: WatchedContext
    ) -> object:
        if values is None:
            return None
        if spec.repeatable:
            return [self._value(spec, value, context, f"[{index}]: ") for index, value in enumerate(values)]
        return self._value(spec, values[0], context) if values else None

    def _value(
        self, spec: InputSpec, value: ResolvedValue, context: WatchedContext, place: str = ""
    ) -> object:
        """One value; ``place`` is where it stands among several."""
        try:
            if may_be_binary(spec.schema):
                return self._image(value, context.opening(spec.id))
            content = read_value(value, expects_json(spec.schema))
        except FileContentError as error:
            raise InputError(spec.id, f"{place}{error}") from error
        except RequestError as error:
            raise InputError(spec.id, f"{place}{error.detail}") from error
        return self._with_images(pruned(content, self._written(spec)), spec.id, context)

    def _image(self, value: ResolvedValue, opening: AbstractContextManager[object]) -> object:
        from dragoman.rasters.images import read_image

        if value.path is None:
            raise FileContentError(f"got {shown(value.value)}; allowed: an image")
        return read_image(value.path, max_pixels=self.max_pixels, opening=opening)

    def _with_images(self, value: Any, place: str, context: WatchedContext) -> object:
        """The value with the array in place of each image within; ``place`` says where it stands."""
        if isinstance(value, dict):
            return {
                name: self._with_images(member, f"{place}.{name}", context) for name, member in value.items()
            }
        if isinstance(value, list):
            return [self._with_images(item, f"{place}[{index}]", context) for index, item in enumerate(value)]
        if not isinstance(value, Path):
            return value
        try:
            return self._image(ResolvedValue(path=value), context.opening(place))
        except RequestError as error:
            raise InputError(place, error.detail) from error

    def _written(self, spec: InputSpec) -> Mapping[str, JSON]:
        """The schema as its author wrote it, where that is known: what a ``$ref`` stands for is not pruned."""
        material = self.process.dialects.get("pesto", {}).get("input", {}).get("properties", {})
        written = material.get(spec.id)
        return written if isinstance(written, dict) else spec.schema


def load_pesto(process: Process, max_pixels: int | None) -> PestoProgram:
    """Import and start the class of a process of this form, in its environment; raises PackageError."""
    set_environment(process.dialects.get("pesto", {}).get("environments") or {})
    algorithm = load_class(Path(process.runtime.folder), process.runtime.entry)
    return PestoProgram(process=process, algorithm=algorithm, max_pixels=max_pixels)


def pruned(value: JSON, schema: Mapping[str, JSON]) -> JSON:
    """The value without the members of objects that the schema's own ``properties`` do not name."""
    if "$ref" in schema:
        return value
    properties, items = schema.get("properties"), schema.get("items")
    if isinstance(value, dict) and isinstance(properties, dict):
        return {
            name: pruned(member, properties[name]) if isinstance(properties[name], dict) else member
            for name, member in value.items()
            if name in properties
        }
    if isinstance(value, list) and isinstance(items, dict):
        return [pruned(item, items) for item in value]
    return value


def _refuse_unknown(returned: Mapping[str, object], process: Process) -> None:
    for name in returned:
        if name not in process.outputs:
            known = ", ".join(process.outputs) or "none"
            raise OutputError(f"'{name}': the algorithm returned it, but the outputs declared are {known}")


def _output(
    spec: OutputSpec, value: Any, folder: Path, *, stateless: bool, secret: Sequence[Path] = ()
) -> Output:
    if value is None:
        return Output(id=spec.id, media_type="application/json")
    try:
        if always_binary(spec.schema):
            several = isinstance(value, list | tuple)
            return _images(spec, value, folder) if several else _image(spec, value, folder, _file_name(spec))
        if always_binary_items(spec.schema):
            single = getattr(value, "ndim", 0) in (2, 3)
            return _images(spec, [value] if single else value, folder)
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        raise OutputError(f"output '{spec.id}': cannot be written as an image ({error})") from error
    if spec.schema.get("type") == "number":
        value = _number(spec, value, stateless=stateless)
    return write_value(spec.id, value, folder, secret)


def _number(spec: OutputSpec, value: Any, *, stateless: bool) -> object:
    """The number as PESTO shows it: 0.1 for that float32, and ``nan``, which no JSON document can hold, as text."""
    single = type(value).__name__ in ("float16", "float32")
    if not single and not isinstance(value, float):
        return value
    number = float(value)
    if math.isfinite(number):
        return float(str(value)) if single else value
    if stateless:
        raise OutputError(f"output '{spec.id}': is {number}, for which JSON has no number")
    return str(number)


def _images(spec: OutputSpec, values: Sequence[object], folder: Path) -> Output:
    name = _file_name(spec)
    items = tuple(_image(spec, value, folder, f"{name}/{index}") for index, value in enumerate(values))
    return Output(id=spec.id, media_type="application/json", items=items, value=None if items else [])


def _image(spec: OutputSpec, value: object, folder: Path, name: str) -> Output:
    from dragoman.rasters.images import write_image

    stem = folder / name
    stem.parent.mkdir(parents=True, exist_ok=True)
    path = write_image(value, stem)
    media_type = PNG if path.suffix == ".png" else GEOTIFF
    file = path.relative_to(folder).as_posix()
    return Output(id=spec.id, media_type=media_type, file=file, size=path.stat().st_size)


def _file_name(spec: OutputSpec) -> str:
    return re.sub(r"[^\w-]", "_", spec.id, flags=re.ASCII)
