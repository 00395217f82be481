"""From an input as it was sent to a JSON value or a local file: what binding starts from."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dragoman.errors import InputError, InvalidRequest
from dragoman.model.resolved import ResolvedValue
from dragoman.schemas import file_values
from dragoman.schemas.alternatives import narrowed
from dragoman.schemas.file_values import (
    FileContentError,
    NotJsonText,
    read_text,
    stated_charset,
    text_types,
    value_of,
)
from dragoman.schemas.forms import may_be_binary
from dragoman.schemas.media_types import known_extension
from dragoman.sources.fingerprints import hash_now, note_file
from dragoman.sources.inline import data_header, decode_base64, decode_data_url
from dragoman.sources.pinned_files import pin
from dragoman.sources.precheck import OBJECTS, check_href, local_file, scheme_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dragoman.model.job import InputValue
    from dragoman.model.process import JSON, InputSpec
    from dragoman.model.service_step import ServiceStep
    from dragoman.sources.policy import SourcePolicy

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}", re.ASCII)


type Resolve = Callable[[InputSpec, InputValue, Path, SourcePolicy], ResolvedValue]
"""Reads one value of an input, as ``resolve`` does."""


def resolve(spec: InputSpec, value: InputValue, folder: Path, policy: SourcePolicy) -> ResolvedValue:
    """Decode or fetch one value; new files go into ``folder``. InputError names the input and the reason.

    Where a value may be binary it becomes a file; any other becomes its JSON value or its text. A ``file:``
    reference to a binary input is the file itself, opened where it lies: it is not ours to write.
    """
    try:
        if value.href is not None:
            return _by_reference(spec, value, folder, policy)
        if isinstance(value.value, str) and _stands_for_bytes(spec.schema, value):
            return _decoded(spec, value, folder, policy)
    except InvalidRequest as error:
        raise InputError(spec.id, error.detail) from error
    return ResolvedValue(value=value.value, media_type=value.media_type)


def _stands_for_bytes(schema: Mapping[str, JSON], value: InputValue) -> bool:
    """Whether an inline text is base64: it is said to be, or only that branch of the schema fits it."""
    schema = narrowed(schema, value.media_type)
    if value.encoding is not None:
        return value.encoding.lower() == "base64" or (value.encoding == "binary" and may_be_binary(schema))
    as_text = value.media_type is not None and value.media_type in text_types(schema)
    return may_be_binary(schema) and not as_text


def _decoded(spec: InputSpec, value: InputValue, folder: Path, policy: SourcePolicy) -> ResolvedValue:
    target = _new_file(spec, folder, known_extension(value.media_type))
    try:
        decode_base64(str(value.value), target, policy.fetch.max_bytes)
    except InvalidRequest:
        if value.encoding is None and text_types(spec.schema):
            return ResolvedValue(value=value.value, media_type=value.media_type)
        raise
    return _deliver(spec, target, value.media_type, charset=stated_charset(value.media_type), ours=True)


def _by_reference(spec: InputSpec, sent: InputValue, folder: Path, policy: SourcePolicy) -> ResolvedValue:
    href, media_type = str(sent.href), sent.media_type
    if sent.service is not None:
        return _of_service(spec, sent.service, folder)
    check_href(href, policy)
    scheme = scheme_of(href)
    if scheme == "file":
        charset = stated_charset(media_type)
        path, pinned = pin(local_file(href, policy), policy.roots, folder)
        note_file(path)
        value = _deliver(spec, path, media_type, charset=charset, ours=False)
        return replace(value, held=(pinned,))
    if scheme in OBJECTS:
        return _object(spec, href, folder, policy)
    limit = policy.fetch.max_bytes
    if not may_be_binary(spec.schema):
        limit = min(limit, file_values.VALUE_BYTES)
    target = _new_file(spec, folder, _suffix(href, media_type))
    if scheme == "data":
        declared = decode_data_url(href, target, limit)
        hash_now(target)
        header = data_header(href)
    else:
        from dragoman.sources.http import download  # here, since most runs never fetch

        fetched = download(href, target, replace(policy, fetch=replace(policy.fetch, max_bytes=limit)))
        declared, header = fetched.media_type, fetched.content_type
    charset = stated_charset(media_type, header)
    return _deliver(spec, target, media_type or declared, charset=charset, ours=True)


def _of_service(spec: InputSpec, step: ServiceStep, folder: Path) -> ResolvedValue:
    """A step of a map service, which the job service has looked up."""
    from dragoman.sources.service_steps import resolve_step

    place = _new_file(spec, folder, "")
    place.unlink()
    return resolve_step(spec, step, place)


def _object(spec: InputSpec, href: str, folder: Path, policy: SourcePolicy) -> ResolvedValue:
    """A raster of an object store, as GeoTIFF."""
    if not may_be_binary(spec.schema):
        raise InvalidRequest("only rasters are read from object stores; allowed: a raster input, or https")
    from dragoman.sources.object_store import copy_object

    target = _new_file(spec, folder, ".tif")
    copy_object(href, target, policy)
    note_file(target)
    return ResolvedValue(path=target, media_type="image/tiff")


def _suffix(href: str, media_type: str | None) -> str:
    """A file name's ending that tells people, and some readers, what is in it."""
    path = "" if scheme_of(href) == "data" else urlsplit(href).path
    named = os.path.splitext(path)[1]
    return known_extension(media_type) or (named if _SUFFIX.fullmatch(named) else "")


def _new_file(spec: InputSpec, folder: Path, suffix: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    prefix = re.sub(r"[^A-Za-z0-9_]", "_", spec.id)[:40] + "-"
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=suffix, dir=folder)
    os.close(handle)
    return Path(name)


def _deliver(
    spec: InputSpec, path: Path, media_type: str | None, *, charset: str | None, ours: bool
) -> ResolvedValue:
    """Return the file where it may be binary; else the value in it, and delete it if it is ours, a temporary one."""
    schema = narrowed(spec.schema, media_type)
    if may_be_binary(schema):
        return ResolvedValue(path=path, media_type=media_type)
    try:
        text = read_text(path, file_values.VALUE_BYTES, charset)
        return ResolvedValue(value=value_of(text, schema, media_type), media_type=media_type)
    except NotJsonText as error:
        raise InvalidRequest("the content is not JSON, which this input asks for") from error
    except FileContentError as error:
        raise InvalidRequest(str(error)) from error
    finally:
        if ours:
            path.unlink()
