"""Media types of values and files: which is the same as which, and what a file of one is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import PurePath

_ALIASES: Final = {
    "application/netcdf": "application/x-netcdf",
    "application/netcdf4": "application/x-netcdf",
    "application/x-netcdf4": "application/x-netcdf",
    "application/vnd.geo+json": "application/geo+json",
    "image/vnd.stac.geotiff": "image/tiff",
    "image/geotiff": "image/tiff",
    "image/jpg": "image/jpeg",
    "text/json": "application/json",
}
_EXTENSIONS: Final = {
    "image/tiff": ".tif",
    "application/x-netcdf": ".nc",
    "application/geo+json": ".geojson",
    "application/json": ".json",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "text/html": ".html",
    "application/xml": ".xml",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/jp2": ".jp2",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/gzip": ".gz",
    "application/geopackage+sqlite3": ".gpkg",
    "application/vnd.apache.parquet": ".parquet",
}
_BY_EXTENSION: Final = {extension: name for name, extension in _EXTENSIONS.items()} | {
    ".tiff": "image/tiff",
    ".jpeg": "image/jpeg",
}


def essence(media_type: str) -> str:
    """Type and subtype, lower-case, without parameters; one name for those that have several."""
    name = media_type.split(";", 1)[0].strip().lower()
    return _ALIASES.get(name, name)


def charset_of(media_type: str | None) -> str | None:
    """The charset that a media type states, in lower case; None where it states none."""
    for parameter in (media_type or "").split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower() or None
    return None


def is_json(media_type: str) -> bool:
    """Whether a value of that media type is JSON."""
    name = essence(media_type)
    return name == "application/json" or name.endswith("+json")


def is_text(media_type: str) -> bool:
    """Whether a value of that media type is characters: text, JSON or XML."""
    name = essence(media_type)
    return is_json(name) or name.startswith("text/") or name == "application/xml" or name.endswith("+xml")


def kind_of(media_type: str) -> Literal["json", "text", "binary"]:
    """How content of that media type stands in a JSON document: as itself, as a text, as base64."""
    if is_json(media_type):
        return "json"
    return "text" if is_text(media_type) else "binary"


def accepted(media_type: str, allowed: Iterable[str]) -> bool:
    """Whether ``media_type`` is one of ``allowed``; plain JSON stands for any type that is JSON."""
    name = essence(media_type)
    return any(name == essence(other) or (name == "application/json" and is_json(other)) for other in allowed)


def known_extension(media_type: str | None) -> str:
    """The ending of a file of that media type, with its dot; empty where there is none of its own."""
    name = essence(media_type or "")
    return _EXTENSIONS.get(name) or (".json" if is_json(name) else "")


def extension(media_type: str) -> str:
    """The ending of a file of that media type, with its dot; ``.bin`` where there is none of its own."""
    return known_extension(media_type) or ".bin"


def of_file(path: PurePath) -> str:
    """The media type that a file's name tells; application/octet-stream where it tells none."""
    return _BY_EXTENSION.get(path.suffix.lower(), "application/octet-stream")
