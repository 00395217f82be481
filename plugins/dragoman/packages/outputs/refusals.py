"""What an algorithm returns by mistake, and what it should return instead."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.packages.class_names import class_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_INSTEAD: Final[Mapping[tuple[str, str], str]] = {
    ("matplotlib", "Figure"): "save it (figure.savefig(path)) and return the pathlib.Path of the file",
    ("PIL", "Image"): "save it (image.save(path)) and return the pathlib.Path of the file",
    ("_io", "BytesIO"): "return its bytes, .getvalue()",
    ("_io", "StringIO"): "return its text, .getvalue()",
    ("_io", "_IOBase"): "close the file, and return its pathlib.Path",
    ("geopandas", "GeoDataFrame"): "return its GeoJSON, json.loads(frame.to_crs(4326).to_json())",
    ("geopandas", "GeoSeries"): "return its GeoJSON, json.loads(series.to_crs(4326).to_json())",
    ("shapely", "BaseGeometry"): "return its GeoJSON, shapely.geometry.mapping(geometry)",
    ("pandas", "DataFrame"): "return frame.to_dict(orient='records'), or its CSV as text, frame.to_csv()",
    ("pandas", "Series"): "return series.to_list()",
    ("torch", "Tensor"): "return tensor.cpu().numpy(), as a list or in a dragoman.Raster",
}
"""By the name of a class or of one above it; none of them is JSON or a file."""

_ARRAY: Final = "return dragoman.Raster(array=..., transform=..., crs=...), or the pathlib.Path of a file"


def instead_of(value: object, *, file: bool) -> str | None:
    """Which object was returned and what to return, or None; ``file``: whether the output can only be a file."""
    names = [class_name(kind) for kind in type(value).__mro__]
    if file and ("numpy", "ndarray") in names:
        return f"a numpy.{names[0][1]}; {_ARRAY}"
    for package, name in names:
        if (package, name) in _INSTEAD:
            shown = f"{package.strip('_')}.{type(value).__name__}"
            return f"a {shown}; {_INSTEAD[package, name]}"
    return None


def names_own_path(text: str, folders: Collection[Path]) -> bool:
    """Whether the text holds the path of one of these folders, or of what is in it."""
    return os.sep in text and any(str(folder) in text for folder in folders if len(folder.parts) > 1)


def names_file(text: str, scratch: Path | None, echoed: Collection[str]) -> bool:
    """Whether a text is the name of a file that the algorithm has made, and meant to return.

    ``echoed`` are texts that came from the client: whether there is such a file is not for them to learn.
    """
    if not text or text in echoed or len(text) > 1000 or "\n" in text or "\0" in text:
        return False
    path = Path(text)
    if not path.is_absolute() and (scratch is None or not path.suffix):
        return False
    try:
        return (path if scratch is None else scratch / path).is_file()
    except OSError:
        return False
