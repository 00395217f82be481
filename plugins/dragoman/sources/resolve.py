"""From an input as it was sent to a JSON value or a local file: what binding starts from."""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from dragoman.errors import InputError, InvalidRequest
from dragoman.model.job import InputValue
from dragoman.model.resolved import ResolvedValue
from dragoman.sources.inline import decode_base64, decode_data_url
from dragoman.sources.precheck import OBJECTS, check_href, local_file, scheme_of
from dragoman.sources.references import FORMS, href_of, may_be_base64

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dragoman.model.process import JSON, InputSpec
    from dragoman.sources.policy import SourcePolicy

VALUE_BYTES: Final = 64 * 1024**2
"""Size at most of a document that becomes a JSON value or a text in memory; inclusive."""

_SUFFIXES: Final = {
    "image/tiff": ".tif",
    "application/x-netcdf": ".nc",
    "application/netcdf": ".nc",
    "application/json": ".json",
    "application/geo+json": ".geojson",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "text/csv": ".csv",
}
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}", re.ASCII)


def resolve(spec: InputSpec, value: InputValue, folder: Path, policy: SourcePolicy) -> ResolvedValue:
    """Decode or fetch one value; new files go into ``folder``. InputError names the input and the reason.

    A binary input (``is_binary``) becomes a file; any other becomes its JSON value or its text. A ``file:``
    reference to a binary input is the file itself: it is not ours to write.
    """
    made = _resolved(spec, value, folder, policy)
    if not spec.inner_files or made.path is not None:
        return made
    return replace(made, value=_with_files(spec, made.value, folder, policy))


def _with_files(spec: InputSpec, value: JSON, folder: Path, policy: SourcePolicy) -> JSON:
    """The value with the file in place of each text that its schema calls binary; what does not fit stays."""

    def inner(place: str, schema: JSON, member: JSON) -> JSON:
        if not isinstance(schema, dict) or not isinstance(member, str | list | dict):
            return member
        if isinstance(member, str) and not is_inner_file(schema):
            return member
        return _with_files(replace(spec, id=spec.id + place, schema=schema), member, folder, policy)

    properties, items = spec.schema.get("properties"), spec.schema.get("items")
    if isinstance(value, dict) and isinstance(properties, dict):
        return {name: inner(f".{name}", properties.get(name), member) for name, member in value.items()}
    if isinstance(value, list):
        return [inner(f"[{index}]", items, member) for index, member in enumerate(value)]
    if not isinstance(value, str) or not is_inner_file(spec.schema):
        return value
    href = href_of(value)
    sent = InputValue(value=value, encoding="base64") if href is None else InputValue(href=href)
    if href is None and not may_be_base64(value):
        raise InputError(spec.id, f"is no image; allowed: {FORMS}")
    return _resolved(spec, sent, folder, policy).path


def is_inner_file(schema: Mapping[str, JSON]) -> bool:
    """Whether a text within a value stands for a file, where its input has ``inner_files``."""
    return schema.get("contentEncoding") == "binary"


def _resolved(spec: InputSpec, value: InputValue, folder: Path, policy: SourcePolicy) -> ResolvedValue:
    try:
        if value.href is not None:
            return _by_reference(spec, value, folder, policy)
        if isinstance(value.value, str) and _encoded(spec.schema, value):
            return _decoded(spec, value, folder, policy)
    except InvalidRequest as error:
        raise InputError(spec.id, error.detail) from error
    return ResolvedValue(value=value.value, media_type=value.media_type)


def is_binary(schema: Mapping[str, JSON]) -> bool:
    """Whether the schema, or one branch of it, describes content that JSON can only carry encoded."""
    return any(_is_encoded(branch) for branch in _branches(schema))


def _branches(schema: JSON) -> Iterator[Mapping[str, JSON]]:
    """The schema and, through oneOf, anyOf and allOf, those it is made of."""
    if not isinstance(schema, dict):
        return
    yield schema
    for word in ("oneOf", "anyOf", "allOf"):
        for branch in schema.get(word) or ():
            yield from _branches(branch)


def _is_encoded(schema: Mapping[str, JSON]) -> bool:
    return schema.get("contentEncoding") in ("base64", "binary") or schema.get("format") == "byte"


def _texts(schema: Mapping[str, JSON]) -> list[Mapping[str, JSON]]:
    """The branches that say they take a text as it is."""
    found = (branch for branch in _branches(schema) if not _is_encoded(branch))
    return [branch for branch in found if "string" in _types(branch)]


def _untyped(schema: Mapping[str, JSON]) -> bool:
    """Whether a branch says nothing of its type: then a text may do, and validation has the last word."""
    composed = {"type", "oneOf", "anyOf", "allOf", "properties", "items"}
    return any(composed.isdisjoint(branch) for branch in _branches(schema))


def _types(schema: Mapping[str, JSON]) -> list[str]:
    types = schema.get("type") or []
    return [types] if isinstance(types, str) else list(types)


def _encoded(schema: Mapping[str, JSON], value: InputValue) -> bool:
    """Whether an inline text stands for bytes."""
    if value.encoding is not None:
        return value.encoding.lower() == "base64" or (value.encoding == "binary" and is_binary(schema))
    media_types = [branch.get("contentMediaType") for branch in _texts(schema)]
    return is_binary(schema) and (value.media_type is None or value.media_type not in media_types)


def _decoded(spec: InputSpec, value: InputValue, folder: Path, policy: SourcePolicy) -> ResolvedValue:
    target = _new_file(spec, folder, _SUFFIXES.get(value.media_type or "", ""))
    try:
        decode_base64(str(value.value), target, policy.fetch.max_bytes)
    except InvalidRequest:
        if value.encoding is None and _texts(spec.schema):
            return ResolvedValue(value=value.value, media_type=value.media_type)
        raise
    return _deliver(spec, target, value.media_type, ours=True)


def _by_reference(spec: InputSpec, value: InputValue, folder: Path, policy: SourcePolicy) -> ResolvedValue:
    href, media_type = str(value.href), value.media_type
    check_href(href, policy)
    scheme = scheme_of(href)
    if scheme == "file":
        return _deliver(spec, local_file(href, policy), media_type, ours=False)
    if scheme in OBJECTS:
        return _object(spec, href, folder, policy)
    limit = policy.fetch.max_bytes if is_binary(spec.schema) else min(policy.fetch.max_bytes, VALUE_BYTES)
    target = _new_file(spec, folder, _suffix(href, media_type))
    if scheme == "data":
        declared = decode_data_url(href, target, limit)
    else:
        from dragoman.sources.http import download  # here, since most runs never fetch

        declared = download(
            href, target, replace(policy, fetch=replace(policy.fetch, max_bytes=limit))
        ).media_type
    return _deliver(spec, target, media_type or declared, ours=True)


def _object(spec: InputSpec, href: str, folder: Path, policy: SourcePolicy) -> ResolvedValue:
    """A raster of an object store, as GeoTIFF."""
    if not is_binary(spec.schema):
        raise InvalidRequest("only rasters are read from object stores; allowed: a raster input, or https")
    from dragoman.sources.object_store import copy_object

    target = _new_file(spec, folder, ".tif")
    copy_object(href, target, policy)
    return ResolvedValue(path=target, media_type="image/tiff")


def _suffix(href: str, media_type: str | None) -> str:
    """A file name's ending that tells people, and some readers, what is in it."""
    path = "" if scheme_of(href) == "data" else urlsplit(href).path
    named = os.path.splitext(path)[1]
    return _SUFFIXES.get(media_type or "") or (named if _SUFFIX.fullmatch(named) else "")


def _new_file(spec: InputSpec, folder: Path, suffix: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    prefix = re.sub(r"[^A-Za-z0-9_]", "_", spec.id)[:40] + "-"
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=suffix, dir=folder)
    os.close(handle)
    return Path(name)


def _deliver(spec: InputSpec, path: Path, media_type: str | None, *, ours: bool) -> ResolvedValue:
    """The file, or what it says where the input is not binary; then a file of ours is done with."""
    if is_binary(spec.schema):
        return ResolvedValue(path=path, media_type=media_type)
    try:
        if path.stat().st_size > VALUE_BYTES:
            raise InvalidRequest(f"the content is larger than {VALUE_BYTES} bytes, which is the limit here")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest("the content is not text in UTF-8") from error
    finally:
        if ours:
            path.unlink()
    return ResolvedValue(value=_parse(spec.schema, text, media_type), media_type=media_type)


def _parse(schema: Mapping[str, JSON], text: str, media_type: str | None) -> JSON:
    """JSON, unless the input takes a text and this is none, or is not declared to be JSON."""
    texts = bool(_texts(schema))
    declared = media_type is not None and media_type.partition(";")[0].strip().endswith(("/json", "+json"))
    only_text = texts and all(_types(branch) in ([], ["string"]) for branch in _branches(schema))
    if only_text and not declared:
        return text
    try:
        value: JSON = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        if texts or _untyped(schema):
            return text
        raise InvalidRequest("the content is not JSON, which this input asks for") from error
    return text if only_text and not isinstance(value, str) else value


def _refuse_constant(name: str) -> JSON:
    raise ValueError(f"{name} is not JSON")
