"""One entry of ``etl``: what it makes of one column of a record, and the table of types of entry."""

from __future__ import annotations

import importlib
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dragoman.datasets.augmentation import Augmentation
    from dragoman.datasets.boxes import Boxes
    from dragoman.datasets.buffers import Buffer
    from dragoman.datasets.elements import Element, Files
    from dragoman.datasets.geometry import Geometry, Size
    from dragoman.model.process import JSON

TYPES: Final = {
    "image": "dragoman.datasets.etl.image:read_image",
    "label": "dragoman.datasets.etl.label:read_label",
    "blob": "dragoman.datasets.etl.blob:read_blob",
    "boundingbox": "dragoman.datasets.etl.boundingbox:read_boundingbox",
    "char_map": "dragoman.datasets.etl.char_map:read_char_map",
    "label_map": "dragoman.datasets.etl.label_map:read_label_map",
    "pixelmask": "dragoman.datasets.etl.mask:read_pixelmask",
    "depthmap": "dragoman.datasets.etl.mask:read_depthmap",
    "localization_rcnn": "dragoman.datasets.etl.localization_rcnn:read_localization_rcnn",
    "localization_ssd": "dragoman.datasets.etl.localization_ssd:read_localization_ssd",
    "video": "dragoman.datasets.etl.video:read_video",
    "audio": "dragoman.datasets.etl.audio:read_audio",
    "geoimage": "dragoman.datasets.etl.geoimage:read_geoimage",
}
"""Where each type of entry is read, imported when a session has one."""
DECODERS: Final = {
    **dict.fromkeys(("image", "pixelmask", "depthmap", "video"), "dragoman.datasets.pictures"),
    "audio": "dragoman.datasets.sound",
    "geoimage": "dragoman.rasters.opening",
}
"""What a type of entry imports when it decodes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EtlSettings:
    """What entries know of the rest of a session."""

    augmentation: Augmentation
    files: Files
    """For entries that read more than their column, such as audio's noise."""
    fast_decode: bool = False
    """JPEGs that are much too large may be decoded at a smaller scale."""
    packed_fit: bool = False
    """A fitted picture starts its buffer at its own size, as in the real service."""
    max_pixels: int | None = None
    """Of a raster, as for every process; None: no limit."""

    def without_normalisation(self) -> EtlSettings:
        """The same for pictures whose values are no colours."""
        return replace(self, augmentation=replace(self.augmentation, mean=(), stddev=()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The picture that an element is, or belongs to: what the geometry of its record starts from."""

    size: Size
    target: Size
    boxes: Boxes | None = None
    """The boxes in it, where regions are chosen by them."""


class Entry(Protocol):
    """A type of entry with its settings; safe to use from several threads at once.

    A class derives from it, and says what differs from an entry of one column that is no picture.
    """

    buffers: tuple[Buffer, ...]
    """What it fills, in the order of the body."""

    @property
    def columns(self) -> int:
        """Columns of the manifest that it takes."""
        return 1

    def settled(self, _elements: Sequence[Element]) -> Entry:
        """The entry once the first record is known, where buffers depend on it."""
        return self

    def decode(self, elements: Sequence[Element]) -> Any:
        """Its columns of a record, decoded; raises DatasetError for what it cannot take."""

    def frame(self, _decoded: Any) -> Frame | None:
        """The picture that the geometry of the record is drawn for; None: it has none."""
        return None

    def load(
        self, decoded: Any, geometry: Geometry | None, rows: Sequence[NDArray[Any]], key: RecordKey
    ) -> None:
        """Fill the record's part of each of its buffers, which may hold anything before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordKey:
    """What the random numbers of one record in one epoch are made from, so that a batch can be made again."""

    seed: int
    record: int
    epoch: int

    def numbers(self, purpose: int = 0) -> tuple[int, ...]:
        """The seed of a generator; of its own for each ``purpose``."""
        return self.seed, self.record, self.epoch, purpose


def read_entry(members: JSON, settings: EtlSettings) -> Entry:
    """An entry as its configuration says; raises DatasetError, worded as recorded."""
    if not isinstance(members, dict) or "type" not in members:
        raise DatasetError("missing required 'type' element in etl object")
    name = members["type"]
    if name not in TYPES:
        raise DatasetError(f"unsupported etl type '{str(name)[:100]}'; allowed: {', '.join(TYPES)}")
    module, _, function = TYPES[name].partition(":")
    rest: Mapping[str, JSON] = {key: value for key, value in members.items() if key != "type"}
    entry: Entry = getattr(importlib.import_module(module), function)(rest, settings)
    return entry


def import_libraries(configuration: Mapping[str, JSON]) -> None:
    """Import what the entries of a configuration will need, so that processes forked from here share it.

    What is not there, or no entry, is passed over: whoever needs it says so.
    """
    etl = configuration.get("etl")
    members = [each for each in etl if isinstance(each, dict)] if isinstance(etl, list) else []
    kinds = {kind for each in members if isinstance(kind := each.get("type"), str)}
    names = [TYPES[kind].partition(":")[0] for kind in kinds & TYPES.keys()]
    for name in (*names, *(DECODERS[kind] for kind in kinds & DECODERS.keys())):
        with suppress(ImportError):
            importlib.import_module(name)


def buffer_name(name: str, kind: str) -> str:
    """The name of a buffer: the entry's ``name``, where it has one, and what it holds."""
    return f"{name}.{kind}" if name else kind
