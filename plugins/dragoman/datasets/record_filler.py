"""What the entries of a session make of the records of a manifest, which itself is not needed for it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from dragoman.datasets.elements import Files, elements_of
from dragoman.datasets.etl.entry import Entry, EtlSettings, RecordKey, read_entry
from dragoman.datasets.geometry import geometry_of
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dragoman.datasets.buffers import Buffer
    from dragoman.datasets.configuration import SessionConfiguration
    from dragoman.datasets.elements import Element
    from dragoman.datasets.geometry import Geometry, Size
    from dragoman.datasets.limits import DatasetLimits
    from dragoman.datasets.manifest import ColumnType, Record
    from dragoman.datasets.order import Place
    from dragoman.sources.policy import SourcePolicy

_SIZES_KEPT = 1000
"""Sizes of pictures whose geometry is kept, where nothing is drawn."""


class RecordFiller:
    """The entries of a session; ``settle`` it before it fills anything, which several threads may do at once.

    Raises DatasetError, or DatasetFieldError, for a configuration that cannot be served.
    """

    def __init__(
        self, configuration: SessionConfiguration, policy: SourcePolicy, limits: DatasetLimits
    ) -> None:
        self.configuration = configuration
        self.files = Files(root=configuration.manifest_root, policy=policy, max_bytes=limits.max_file_bytes)
        self._fixed = configuration.augmentation.fixed
        self._same = lru_cache(maxsize=_SIZES_KEPT)(self._unvaried)
        etl = EtlSettings(
            augmentation=configuration.augmentation,
            files=self.files,
            fast_decode=limits.fast_decode,
            packed_fit=limits.packed_fit,
            max_pixels=limits.max_pixels,
        )
        self.entries: tuple[Entry, ...] = tuple(read_entry(members, etl) for members in configuration.etl)
        self.columns: tuple[ColumnType, ...] = ()
        """Of the manifest."""

    def take_columns(self, columns: tuple[ColumnType, ...]) -> None:
        """Note the columns of the manifest; DatasetError where the entries need others."""
        wanted = sum(entry.columns for entry in self.entries)
        if len(columns) != wanted:
            raise DatasetError(
                f"the manifest has {len(columns)} columns, 'etl' has entries for {wanted}; "
                "allowed: one for each column"
            )
        self.columns = columns

    def settle(self, record: Record) -> None:
        """Let the entries see the first record."""
        elements = elements_of(record, self.columns, self.files)
        try:
            self.entries = tuple(entry.settled(own) for entry, own in self._shared_out(elements))
        except DatasetError as error:
            raise DatasetError(f"{error.detail} (line {record.line})") from error

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """What the entries fill, in the order of the body; known once they are settled."""
        return tuple(buffer for entry in self.entries for buffer in entry.buffers)

    def fill(self, place: Place, record: Record, rows: Sequence[NDArray[Any]]) -> None:
        """Fill one record's part of each buffer; DatasetError names the line, and what is wrong there."""
        elements = elements_of(record, self.columns, self.files)
        try:
            self._fill(elements, place, rows)
        except DatasetError as error:
            raise DatasetError(f"{error.detail} (line {record.line})") from error

    def _fill(self, elements: tuple[Element, ...], place: Place, rows: Sequence[NDArray[Any]]) -> None:
        key = RecordKey(seed=self.configuration.order.random_seed, record=place.record, epoch=place.epoch)
        decoded = [entry.decode(own) for entry, own in self._shared_out(elements)]
        geometry = self._geometry(decoded, key)
        row = 0
        for entry, value in zip(self.entries, decoded, strict=True):
            entry.load(value, geometry, rows[row : row + len(entry.buffers)], key)
            row += len(entry.buffers)

    def _shared_out(self, elements: Sequence[Element]) -> Iterator[tuple[Entry, Sequence[Element]]]:
        """Each entry with its columns of a record."""
        column = 0
        for entry in self.entries:
            yield entry, elements[column : column + entry.columns]
            column += entry.columns

    def _geometry(self, decoded: Sequence[Any], key: RecordKey) -> Geometry | None:
        """One for all entries of the record: that of the boxes that choose regions, else of the first picture."""
        frames = [entry.frame(value) for entry, value in zip(self.entries, decoded, strict=True)]
        known = [frame for frame in frames if frame is not None]
        if not known:
            return None
        frame = next((frame for frame in known if frame.boxes is not None), known[0])
        if frame.boxes is None and self._fixed:
            return self._same(frame.size, frame.target)
        random = np.random.default_rng(key.numbers())
        if frame.boxes is None:
            return geometry_of(self.configuration.augmentation, frame.size, frame.target, random)
        from dragoman.datasets.regions import geometry_by_boxes

        return geometry_by_boxes(self.configuration.augmentation, frame.boxes, frame.target, random)

    def _unvaried(self, size: Size, target: Size) -> Geometry:
        return geometry_of(self.configuration.augmentation, size, target, np.random.default_rng(0))
