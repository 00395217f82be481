"""Which records a batch holds: a pure function of the session's settings and the batch's number.

Records form an endless stream, epoch after epoch; batch i is the i-th piece of it. Source: contracts/aeon.md,
"Batch semantics".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dragoman.datasets.random_order import Minstd, shuffle, subset
from dragoman.errors import DatasetError

_EPOCHS_KEPT: Final = 2
"""Orders that are held: a batch may lie across two epochs."""

type Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSettings:
    """What of a session's configuration decides the order."""

    batch_size: int
    block_size: int = 5000
    """Records that are shuffled together; 0: two batches."""
    subset_fraction: float = 1.0
    shuffle_manifest: bool = False
    shuffle_enable: bool = False
    random_seed: int = 1
    node_id: int = 0
    node_count: int = 0
    """Sessions that share the records between them; 0: one has them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A record's place in the stream: which one, and in which epoch."""

    record: int
    """The number of the record in the manifest, from 0."""
    epoch: int


class Order:
    """The stream of one session over ``records`` records of a manifest.

    Raises DatasetError where the settings leave no record. Not safe for several threads at once.
    """

    def __init__(self, records: int, settings: OrderSettings) -> None:
        self._settings = settings
        kept = np.arange(records, dtype=np.int64)
        if settings.subset_fraction < 1:
            kept = subset(records, settings.subset_fraction)
        if settings.shuffle_manifest:
            kept = shuffle(kept, Minstd(settings.random_seed))
        self._kept = kept
        self._all = len(kept)
        self.record_count = self._all // max(1, settings.node_count)
        """Records of an epoch of this session."""
        if not self.record_count:
            raise DatasetError(_no_record(records, settings))
        self._blocks = _blocks(self._all, settings)
        self._rewind()

    def batch(self, number: int) -> tuple[Place, ...]:
        """The records of the batch with this number, counted from 0, in order."""
        size = self._settings.batch_size
        places = []
        for position in range(number * size, (number + 1) * size):
            epoch, index = divmod(position, self.record_count)
            places.append(Place(record=int(self._epoch(epoch)[index]), epoch=epoch))
        return tuple(places)

    def _epoch(self, epoch: int) -> Indices:
        """The session's records in the order of an epoch."""
        if not self._settings.shuffle_enable and not self._moves_blocks:
            epoch = 0
        if epoch in self._known:
            return self._known[epoch]
        if epoch < self._next:
            self._rewind()
        while self._next <= epoch:
            self._known[self._next] = self._own(self._whole_epoch())
            self._known.pop(self._next - _EPOCHS_KEPT, None)
            self._next += 1
        return self._known[epoch]

    @property
    def _moves_blocks(self) -> bool:
        return self._settings.shuffle_manifest and len(self._blocks) > 1

    def _rewind(self) -> None:
        self._known: dict[int, Indices] = {}
        self._next = 0
        self._sequence = np.arange(len(self._blocks), dtype=np.int64)
        self._records_engine = Minstd(self._settings.random_seed)
        self._blocks_engine = Minstd(self._settings.random_seed)

    def _whole_epoch(self) -> Indices:
        """All records in the order of the next epoch: block by block, each shuffled as it is loaded."""
        if self._next and self._settings.shuffle_manifest:
            self._sequence = shuffle(self._sequence, self._blocks_engine)
        pieces = [self._kept[start:stop] for start, stop in (self._blocks[i] for i in self._sequence)]
        if self._settings.shuffle_enable:
            pieces = [shuffle(piece, self._records_engine) for piece in pieces]
        return np.concatenate(pieces)

    def _own(self, order: Indices) -> Indices:
        """The part of an epoch that is this node's: every n-th batch, then its share of what fills no round."""
        nodes, size = self._settings.node_count, self._settings.batch_size
        if not nodes:
            return order
        rounds, rest = divmod(self.record_count, size)
        batches = order[: rounds * size * nodes].reshape(rounds, nodes, size)[:, self._settings.node_id]
        start = rounds * size * nodes + self._settings.node_id * rest
        return np.concatenate([batches.reshape(-1), order[start : start + rest]])


def _blocks(records: int, settings: OrderSettings) -> list[tuple[int, int]]:
    """Start and stop of the pieces of the manifest that are loaded, and shuffled, one after the other."""
    wanted = settings.block_size or 2 * settings.batch_size
    number = max(1, round_half_away(records / wanted))
    size = -(-records // number)
    return [(start, min(start + size, records)) for start in range(0, records, size)]


def round_half_away(value: float) -> int:
    """Rounded as C's ``round`` does: a half goes away from zero."""
    return int(np.floor(abs(value) + 0.5)) * (1 if value >= 0 else -1)


def _no_record(records: int, settings: OrderSettings) -> str:
    if not records:
        return "manifest file is empty"
    if settings.node_count > 1:
        return f"manifest file has fewer records than there are nodes ({settings.node_count})"
    return f"subset_fraction leaves no record of {records}"
