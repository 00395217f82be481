"""What render processes are asked, and what they answer; as JSON in frames.

Draw                                       ──► Done, with the bytes of the picture, which is in the cache
Legend, PointValues, Classes, UniqueValues ──► Done, with the legends or values
Shrink                                     ──► Done, with the bytes that are left
any                                        ──► Failed
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from dragoman.maps.renderers import parse_renderer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON
    from dragoman.model.renderer import Renderer

type Encoding = Literal["png", "png8", "png24", "png32", "gif", "jpg", "bmp", "webp"]
type Method = Literal["equal", "quantile", "jenks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One band of a GeoTIFF with overviews."""

    path: str
    number: int
    """From 1."""
    nodata: float | None = None
    """Its cells of this value are no values; None: the file says it, if any does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnBand:
    """A band, and how it is coloured."""

    band: Band
    renderer: Mapping[str, JSON]
    """As ``renderers.dump_renderer`` writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Draw a map, and put it into the cache under its key."""

    key: str
    layers: tuple[DrawnBand, ...]
    """The first lies on top."""
    bbox: tuple[float, float, float, float]
    """Least x, least y, greatest x, greatest y in ``crs``."""
    crs: str
    """``EPSG:n``, ``ESRI:n``, or the WKT of a service."""
    width: int
    height: int
    """Pixels."""
    encoding: Encoding
    transparent: bool = True
    """Whether what has no value shows what lies below; else it is white."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """Draw the legends of layers."""

    renderers: tuple[Mapping[str, JSON], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointValues:
    """Read what lies at a point, one value for each band; None where there is none."""

    bands: tuple[Band, ...]
    x: float
    y: float
    crs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """Divide the values of all bands into classes."""

    bands: tuple[Band, ...]
    method: Method
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueValues:
    """Count the different values of all bands, and tell the first of them in ascending order."""

    bands: tuple[Band, ...]
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrink:
    """Delete the pictures that were not used for longest, until the others have room."""

    most: int
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It is done."""

    answer: Any = None
    """JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """It cannot be done; it would fail again."""

    detail: str
    """Free of paths."""
    fault: Literal["request", "file", "server"]
    """Whose it is: what was asked cannot be; the file cannot be read; or it is ours, and logged."""


type Order = Draw | Legend | PointValues | Classes | UniqueValues | Shrink
type Report = Done | Failed

_TYPES: Final[Mapping[str, type[Order | Report]]] = {
    cls.__name__: cls for cls in (Draw, Legend, PointValues, Classes, UniqueValues, Shrink, Done, Failed)
}


def dump(message: Order | Report) -> dict[str, JSON]:
    """A message as JSON."""
    return {"is": type(message).__name__, **_dumped(message)}


def _dumped(value: Any) -> Any:
    """As ``dataclasses.asdict``, which takes twice as long: it copies what is no message of ours as well."""
    names = getattr(type(value), "__slots__", None)
    if names is not None:
        return {name: _dumped(getattr(value, name)) for name in names}
    return [_dumped(each) for each in value] if isinstance(value, tuple) else value


def load(data: Any) -> Any:
    """The inverse of ``dump``; raises ValueError for anything else."""
    try:
        members = dict(data)
        cls = _TYPES[members.pop("is")]
        if "bands" in members:
            members["bands"] = tuple(Band(**band) for band in members["bands"])
        if "layers" in members:
            members["layers"] = tuple(_drawn_band(layer) for layer in members["layers"])
        for name in {"bbox", "renderers"} & members.keys():
            members[name] = tuple(members[name])
        return cls(**members)
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(f"not a message of a render process: {error!r}") from error


def _drawn_band(layer: Any) -> DrawnBand:
    return DrawnBand(band=Band(**layer["band"]), renderer=layer["renderer"])


def read_renderer(document: Mapping[str, JSON]) -> Renderer:
    """A renderer of an order; raises InvalidRenderer."""
    return parse_renderer(document, words=False)
