"""A file that was gathered for a job before it ran: as the process takes it, whatever its server called it."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Final

from dragoman.errors import InputError
from dragoman.model.resolved import ResolvedValue
from dragoman.schemas import file_values
from dragoman.schemas.alternatives import narrowed, taken_types
from dragoman.schemas.file_values import (
    FileContentError,
    expects_json,
    parse_json,
    stated_charset,
    takes_text,
)
from dragoman.schemas.forms import may_be_binary
from dragoman.schemas.media_types import accepted, essence, is_text, of_file
from dragoman.sources.fingerprints import note_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragoman.model.process import JSON, InputSpec

UNKNOWN: Final = "application/octet-stream"


def resolve_gathered(spec: InputSpec, path: Path, media_type: str | None, folder: Path) -> ResolvedValue:
    """The file itself where a value may be binary; else its JSON, its text, or base64 of what is no text.

    ``media_type`` is what the server said, which may be wrong: it counts where the process takes that type. ``folder``
    is the run's own, in which it gets a name for the file. Raises InputError for a file that is gone, too large to be a
    value, or not the JSON that is asked for.
    """
    known = _media_type(spec, path, media_type)
    schema = narrowed(spec.schema, known)
    note_file(path)
    if may_be_binary(schema):
        if not path.is_file():
            raise InputError(spec.id, "a file that was gathered is gone")
        return ResolvedValue(path=_own_name(path, folder), media_type=known)
    try:
        data = _content(path)
        if not expects_json(schema):
            return ResolvedValue(value=_as_text(data, media_type, known), media_type=known)
        return ResolvedValue(value=_as_json(data, media_type, known, schema), media_type=known)
    except FileContentError as error:
        raise InputError(spec.id, str(error)) from error


def _own_name(path: Path, folder: Path) -> Path:
    """Another name for the file, in the run's folder: what is removed, renamed or written beside it is the run's.

    The file is read-only, since it may be needed for another attempt. A copy would keep that from root too, and from
    whoever changes the mode first, but would cost as much disk again, and as much time as most runs take to read it.
    Where a file system has no links the run gets the file as it lies.
    """
    name = folder / "gathered" / path.name
    try:
        name.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, name)
    except FileExistsError:  # it is two of the inputs
        return name if name.samefile(path) else path
    except OSError:
        return path
    return name


def _media_type(spec: InputSpec, path: Path, media_type: str | None) -> str | None:
    """The type that the process takes and that the server, or else the file's name, states; None: nobody knows."""
    taken = taken_types(spec)
    for stated in (media_type, of_file(path)):
        if stated and essence(stated) != UNKNOWN and (not taken or accepted(stated, taken)):
            return stated
    return None


def _content(path: Path) -> bytes:
    limit = file_values.VALUE_BYTES
    try:
        if path.stat().st_size > limit:
            raise FileContentError(f"the content is larger than {limit} bytes, which is the limit here")
        return path.read_bytes()
    except OSError as error:
        raise FileContentError(f"a file that was gathered cannot be read ({error.strerror})") from error


def _as_json(data: bytes, media_type: str | None, known: str | None, schema: Mapping[str, JSON]) -> JSON:
    """The JSON in the file; where the schema takes a text too, a file that holds none is one."""
    try:
        return parse_json(file_values.decode_text(data, stated_charset(media_type)))
    except FileContentError:
        if takes_text(schema):
            return _as_text(data, media_type, known)
        raise


def _as_text(data: bytes, media_type: str | None, known: str | None) -> JSON:
    """The text, or base64 of what is none: of a picture, say, for a processor that takes pictures as base64."""
    if known is None or is_text(known):
        try:
            text = file_values.decode_text(data, stated_charset(media_type))
        except FileContentError:
            text = "\0"
        if "\0" not in text:
            return text
    return base64.b64encode(data).decode("ascii")
