"""An open dataset: from a session's configuration and the number of a batch to the bytes of its body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dragoman.datasets.configuration import batch_count
from dragoman.datasets.manifest import Manifest
from dragoman.datasets.order import Order
from dragoman.datasets.record_filler import RecordFiller
from dragoman.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dragoman.datasets.buffers import Buffer
    from dragoman.datasets.configuration import SessionConfiguration
    from dragoman.datasets.limits import DatasetLimits
    from dragoman.datasets.manifest import ColumnType, Record, Version
    from dragoman.datasets.order import Place
    from dragoman.sources.policy import SourcePolicy


class Dataset:
    """The manifest of a session, the order of its records, and what its entries make of them.

    Raises DatasetError, or DatasetFieldError, for a configuration that cannot be served. ``load`` is safe to call
    from several threads at once, ``places`` is not.
    """

    def __init__(
        self, configuration: SessionConfiguration, policy: SourcePolicy, limits: DatasetLimits
    ) -> None:
        self.configuration = configuration
        self._filler = filler = RecordFiller(configuration, policy, limits)
        name = configuration.manifest_filename
        self._manifest = Manifest(filler.files.manifest(name), name)
        try:
            filler.take_columns(self._manifest.columns)
            self._order = Order(self._manifest.count, configuration.order)
            filler.settle(self.first_record())
            self.buffers: tuple[Buffer, ...] = filler.buffers
            self._check_buffers(limits.max_batch_bytes)
        except BaseException:  # whatever it was goes on; the manifest does not stay open
            self.close()
            raise

    def close(self) -> None:
        """Close the manifest."""
        self._manifest.close()

    @property
    def version(self) -> Version:
        """What tells the manifest from itself after a change."""
        return self._manifest.version

    @property
    def columns(self) -> tuple[ColumnType, ...]:
        """Of the manifest."""
        return self._manifest.columns

    @property
    def manifest_records(self) -> int:
        """Records in the manifest, of which a session may read a part."""
        return self._manifest.count

    @property
    def record_count(self) -> int:
        """Records of one pass."""
        return self._order.record_count

    @property
    def batch_count(self) -> int:
        """Batches of one pass."""
        return batch_count(self.configuration, self.record_count)

    @property
    def body_size(self) -> int:
        """Bytes of the body of each batch."""
        return Layout(self.configuration, self.buffers).size

    def first_record(self) -> Record:
        """The first record of the first batch, which decides what buffers depend on."""
        return self._manifest.record(self._order.batch(0)[0].record)

    def places(self, number: int) -> tuple[Place, ...]:
        """The records of a batch, by the batch's number from 0."""
        return self._order.batch(number)

    def records(self, places: Sequence[Place]) -> Iterator[Record]:
        """What the manifest has at these places, to be loaded one by one."""
        return self._manifest.records([place.record for place in places])

    def load(self, place: Place, record: Record, rows: Sequence[NDArray[Any]]) -> None:
        """Fill one record's part of each buffer; DatasetError names the line, and what is wrong there."""
        self._filler.fill(place, record, rows)

    def _check_buffers(self, max_batch_bytes: int) -> None:
        names = [buffer.name for buffer in self.buffers]
        for name in names:
            if names.count(name) > 1:
                raise DatasetError(f"two entries of 'etl' fill the buffer '{name}'; give one of them a name")
        size = self.configuration.batch_size * sum(buffer.byte_size for buffer in self.buffers)
        if size > max_batch_bytes:
            raise DatasetError(
                f"a batch has {size} bytes, more than the server holds of one session ({max_batch_bytes}); "
                "allowed: a smaller batch_size, or smaller buffers"
            )


class Layout:
    """Where the headers and the values of a batch stand in its body."""

    def __init__(self, configuration: SessionConfiguration, buffers: Sequence[Buffer]) -> None:
        self._configuration = configuration
        self._buffers = buffers
        size = configuration.batch_size
        self._start = b"%d," % len(buffers)
        self._headers = [buffer.header(size, pinned=configuration.pinned) for buffer in buffers]
        self.size = len(self._start) + sum(
            len(header) + size * buffer.byte_size
            for header, buffer in zip(self._headers, buffers, strict=True)
        )

    def arrays(self, body: memoryview) -> list[NDArray[Any]]:
        """Write the headers into a body of ``size`` bytes; the arrays for the values of each record in turn.

        Each has the shape (batch_size, *shape of the buffer); call ``finish`` when all are filled.
        """
        arrays: list[NDArray[Any]] = []
        place = len(self._start)
        body[:place] = self._start
        for header, buffer in zip(self._headers, self._buffers, strict=True):
            body[place : place + len(header)] = header
            place += len(header)
            records, dtype = self._configuration.batch_size, buffer.type.dtype
            size = records * buffer.byte_size
            values = np.frombuffer(body[place : place + size], dtype=dtype)
            arrays.append(values.reshape(records, *buffer.shape))
            place += size
        return arrays

    def finish(self, body: memoryview) -> None:
        """Turn each buffer so that records are its last axis, where the session is not ``batch_major``."""
        if self._configuration.batch_major:
            return
        for values in self.arrays(body):
            by_record = values.reshape(len(values), -1)
            values.reshape(-1)[:] = by_record.T.copy().reshape(-1)


def make_batch(dataset: Dataset, number: int) -> bytes:
    """The whole body of a batch, made here and now."""
    layout = Layout(dataset.configuration, dataset.buffers)
    body = bytearray(layout.size)
    arrays = layout.arrays(memoryview(body))
    places = dataset.places(number)
    for index, (place, record) in enumerate(zip(places, dataset.records(places), strict=True)):
        dataset.load(place, record, [values[index] for values in arrays])
    layout.finish(memoryview(body))
    return bytes(body)
