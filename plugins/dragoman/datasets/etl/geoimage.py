"""Entries of type ``geoimage``: windows of rasters with any number of bands, their values as they are."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dragoman.datasets.buffers import ELEMENT_TYPES, Buffer
from dragoman.datasets.etl.entry import Entry, buffer_name
from dragoman.datasets.etl.image import LARGEST
from dragoman.datasets.fields import Field, count, flag, number, out_of_range, read_fields, text
from dragoman.errors import DatasetError, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dragoman.datasets.elements import Element
    from dragoman.datasets.etl.entry import EtlSettings, RecordKey
    from dragoman.datasets.geometry import Geometry
    from dragoman.model.process import JSON

_MOST_BANDS: Final = 4096
_HANDLES: Final = 32
"""Rasters that a session keeps open."""


def _whole_numbers(name: str, *, length: int | None, least: int, most: int) -> Field:
    return Field(
        name=name,
        kind="array",
        default=None,
        fits=lambda value: (
            (len(value) == length if length else bool(value))
            and all(isinstance(item, int) and not isinstance(item, bool) for item in value)
            and all(least <= item <= most for item in value)
        ),
        allowed=f"{length or 'some'} whole numbers from {least} to {most}",
    )


_FIELDS: Final = (
    count("width", most=LARGEST),
    count("height", most=LARGEST),
    _whole_numbers("bands", length=None, least=1, most=_MOST_BANDS),
    _whole_numbers("window", length=2, least=-(2**31), most=2**31 - 1),
    flag("window_column", default=False),
    number("nodata_fill", 0),
    text("name", ""),
)


@dataclass(slots=True)
class _Handle:
    """An open raster; GDAL's handles serve one thread at a time."""

    dataset: Any
    whole: bool
    """Whether every pixel is valid: there is no nodata, no mask and no alpha."""
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A window of a raster."""

    handle: _Handle
    offset: tuple[int, int]
    """Column and row of its first pixel."""
    label: str


class OpenRasters:
    """The rasters that were read last, kept open: the windows of one raster share its handle and its decoded blocks."""

    def __init__(self, max_pixels: int | None) -> None:
        self._max_pixels = max_pixels
        self._handles: OrderedDict[tuple[str, int, int], _Handle] = OrderedDict()
        self._lock = threading.Lock()

    def handle(self, path: Path) -> _Handle:
        """The handle of a file, which is opened where it is not, or has changed; raises RequestError."""
        from dragoman.rasters.opening import open_raster

        status = path.stat()
        key = (str(path), status.st_size, status.st_mtime_ns)
        with self._lock:
            handle = self._handles.pop(key, None)
            if handle is None:
                dataset = open_raster(path, max_pixels=self._max_pixels)
                handle = _Handle(dataset, _is_whole(dataset))
            self._handles[key] = handle
            while len(self._handles) > _HANDLES:
                self._handles.popitem(last=False)  # closed when its last reader lets go of it
        return handle


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoImage(Entry):
    """See ``Entry``; shape [bands, height, width], no resampling, filled outside the raster and where nodata is."""

    size: tuple[int, int]
    """Width and height in pixels."""
    bands: tuple[int, ...]
    """Counted from 1; none: all of the first raster."""
    window: tuple[int, int] | None
    """Column and row of the first pixel; None: the window lies in the middle."""
    by_column: bool
    """Whether the next column of the manifest says where the window lies, as ``column,row``."""
    fill: float
    name: str
    rasters: OpenRasters
    buffers: tuple[Buffer, ...]

    @property
    def columns(self) -> int:
        """See ``Entry``."""
        return 2 if self.by_column else 1

    def settled(self, elements: Sequence[Element]) -> Entry:
        """Bands and type are those of the first raster."""
        dataset = self._open(elements[0]).dataset
        bands = self.bands or tuple(range(1, dataset.count + 1))
        self._check_bands(dataset, bands)
        type_ = _element_type({dataset.dtypes[band - 1] for band in bands})
        if not np.can_cast(np.min_scalar_type(self.fill), type_.dtype, "same_kind"):
            raise out_of_range("nodata_fill", self.fill, f"a value of the raster's type, {type_.name}")
        width, height = self.size
        buffer = Buffer(
            name=buffer_name(self.name, "geoimage"),
            shape=(len(bands), height, width),
            type=type_,
            axes=("bands", "height", "width"),
        )
        return replace(self, bands=bands, buffers=(buffer,))

    def decode(self, elements: Sequence[Element]) -> _Placed:
        """Where the window lies; its values are read right into the batch."""
        handle = self._open(elements[0])
        return _Placed(handle=handle, offset=self._offset(handle.dataset, elements), label=elements[0].label)

    def load(
        self, decoded: _Placed, _geometry: Geometry | None, rows: Sequence[NDArray[Any]], _key: RecordKey
    ) -> None:
        """See ``Entry``."""
        with decoded.handle.lock:
            self._check_bands(decoded.handle.dataset, self.bands)
            try:
                self._read(decoded, rows[0])
            except RequestError as error:
                raise DatasetError(f"'{decoded.label}' cannot be read: {error.detail}") from error

    def _read(self, placed: _Placed, row: NDArray[Any]) -> None:
        """Read a window into the record's part of the batch: without a copy, where nothing can be missing in it."""
        from rasterio.windows import Window

        from dragoman.rasters.unwarped import read_pixels

        dataset = placed.handle.dataset
        (left, top), (width, height) = placed.offset, self.size
        inside = 0 <= left <= dataset.width - width and 0 <= top <= dataset.height - height
        if inside and placed.handle.whole and set(dataset.dtypes) == {row.dtype.name}:
            dataset.read(list(self.bands), window=Window(left, top, width, height), out=row)
            return
        fill = row.dtype.type(self.fill).item()
        values, _ = read_pixels(dataset, self.bands, placed.offset, Window(0, 0, width, height), fill)
        if not np.can_cast(values.dtype, row.dtype, "safe"):
            raise DatasetError(f"'{placed.label}' is {values.dtype}, the session's first raster {row.dtype}")
        row[...] = values

    def _open(self, element: Element) -> _Handle:
        if element.file is None:
            raise DatasetError("geoimage takes a column of type FILE")
        try:
            return self.rasters.handle(element.files.place(element.file))
        except (RequestError, OSError) as error:
            reason = error.detail if isinstance(error, RequestError) else error.strerror
            raise DatasetError(f"'{element.label}' cannot be read: {reason}") from error

    def _offset(self, dataset: Any, elements: Sequence[Element]) -> tuple[int, int]:
        if self.by_column:
            return _place(elements[1])
        if self.window is not None:
            return self.window
        return (dataset.width - self.size[0]) // 2, (dataset.height - self.size[1]) // 2

    def _check_bands(self, dataset: Any, bands: Sequence[int]) -> None:
        if max(bands) > dataset.count:
            raise out_of_range("bands", list(bands), f"1 to {dataset.count}, which the raster has")


def read_geoimage(members: Mapping[str, JSON], settings: EtlSettings) -> GeoImage:
    """The entry that its configuration says."""
    values = read_fields(members, _FIELDS)
    window = values["window"]
    return GeoImage(
        size=(values["width"], values["height"]),
        bands=tuple(values["bands"] or ()),
        window=(window[0], window[1]) if window else None,
        by_column=values["window_column"],
        fill=values["nodata_fill"],
        name=values["name"],
        rasters=OpenRasters(settings.max_pixels),
        buffers=(),
    )


def _is_whole(dataset: Any) -> bool:
    from rasterio.enums import MaskFlags

    return all(flags == [MaskFlags.all_valid] for flags in dataset.mask_flag_enums)


def _place(element: Element) -> tuple[int, int]:
    try:
        column, row = (int(word) for word in element.content.decode("ascii").split(","))
    except ValueError as error:
        raise DatasetError(f"'{element.label}' is no place of a window; allowed: column,row") from error
    return column, row


def _element_type(names: set[str]) -> Any:
    """The type of the buffer for bands of these types."""
    dtype = np.result_type(*names)
    for type_ in ELEMENT_TYPES.values():
        if type_.dtype == dtype and type_.name != "char":
            return type_
    allowed = ", ".join(str(each.dtype) for each in ELEMENT_TYPES.values())
    raise DatasetError(f"the raster's type {dtype} is none that a batch can hold; allowed: {allowed}")
