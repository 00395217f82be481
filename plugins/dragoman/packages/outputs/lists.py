"""An output that is a list: files, one for each item, where an item is one; else one JSON value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dragoman.errors import OutputError
from dragoman.model.job import Output
from dragoman.packages.outputs.output_writer import OutputWriter, file_stem, is_object
from dragoman.schemas.forms import always_binary, media_types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.model.process import OutputSpec


def write_list(writer: OutputWriter, spec: OutputSpec, value: object) -> Output:
    """The value of a repeatable output, written.

    Its items are files where their schema states a media type or bytes, or where one of them is a file or a raster;
    then each is held to its schema by itself. Raises OutputError that names the output, and the item.
    """
    several = isinstance(value, list | tuple)
    values: Sequence[object] = value if several else (value,)  # type: ignore[assignment]  # a list or tuple
    typed = bool(media_types(spec.item.schema)) or always_binary(spec.item.schema)
    if not typed and not any(map(_is_file, values)):
        return writer.write(replace(spec, repeatable=False), value)
    if not several:
        kind = type(value).__name__
        raise OutputError(
            f"output '{spec.id}': the algorithm returned a {kind}; allowed: a list, one item a file"
        )
    _check_length(spec, len(values))
    items = tuple(_item(writer, spec, index, each) for index, each in enumerate(values))
    return Output(id=spec.id, media_type="application/json", items=items, value=None if items else [])


def paths_in(value: object) -> list[Path]:
    """The paths that a returned value is, or has as items."""
    values = value if isinstance(value, list | tuple) else (value,)
    return [each for each in values if isinstance(each, Path)]


def _is_file(value: object) -> bool:
    return isinstance(value, Path | bytes | bytearray | memoryview) or is_object(value)


def _check_length(spec: OutputSpec, count: int) -> None:
    """Raise OutputError for more or fewer items than are declared."""
    least, most = spec.schema.get("minItems", 0), spec.schema.get("maxItems")
    if count < least or (most is not None and count > most):
        allowed = f"at least {least}" + (f", at most {most}" if most is not None else "")
        raise OutputError(f"output '{spec.id}': the algorithm returned {count} items; allowed: {allowed}")


def _item(writer: OutputWriter, spec: OutputSpec, index: int, value: object) -> Output:
    stem = file_stem(spec.id)
    one = replace(writer, folder=writer.folder / stem, stem=str(index), inline_bytes=-1)
    output = one.write(replace(spec.item, id=f"{spec.id}[{index}]"), value)
    if output.file is None:
        raise OutputError(f"output '{spec.id}[{index}]': is null; allowed: a file")
    return replace(output, id=spec.id, file=f"{stem}/{output.file}")
