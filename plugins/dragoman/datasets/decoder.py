"""A decoder: a process below the loader that fills rows of batches, one piece after the other.

Strangers' pictures are decoded here. Threads of one process would take turns in its interpreter, and one that has to
wait for the processor while it has its turn keeps the others waiting: so each processor has a process. When a decoder
dies the loader dies with it, and the supervisor knows what to do.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dragoman.datasets.batch_files import BatchFiles
from dragoman.datasets.configuration import read_configuration
from dragoman.datasets.dataset import Layout
from dragoman.datasets.decoder_messages import FILLED, TASKS, Fill, Filled, Forget, Learn
from dragoman.datasets.open_session import BATCH, reason
from dragoman.datasets.record_filler import RecordFiller
from dragoman.workers import process_tree
from dragoman.workers.framing import Channel, Disconnected

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dragoman.datasets.configuration import SessionConfiguration
    from dragoman.datasets.limits import DatasetLimits
    from dragoman.sources.policy import SourcePolicy

RASTERS: Final = "geoimage"
"""The type of entry that reads windows of rasters."""
LOOK: Final = 1.0
"""Seconds from one look for files that have been deleted to the next: their memory is held until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderSetup:
    """What a decoder is told when it is born."""

    folder: Path
    """Where batches are."""
    policy: SourcePolicy
    limits: DatasetLimits
    decoders: int = 1
    """How many there are."""


def fork_decoder(setup: DecoderSetup, strange: Iterable[socket.socket]) -> tuple[int, socket.socket]:
    """A new decoder's pid, and a socket to it; it closes the ``strange`` ones. For a process without threads."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours
    try:
        process_tree.die_with_parent()
        for sock in (ours, *strange):
            sock.close()
        with suppress(Disconnected):
            Decoder(Channel(theirs), setup).serve()
    finally:
        os._exit(0)


class Decoder:
    """Does what it is told, until the loader hangs up."""

    def __init__(self, channel: Channel, setup: DecoderSetup) -> None:
        self._channel = channel
        self._setup = setup
        self._files = BatchFiles(setup.folder, 0)
        self._learnt: dict[str, Learn] = {}
        self._fillers: dict[str, tuple[RecordFiller, Layout]] = {}
        """Made when they are needed first."""

    def serve(self) -> None:
        """Raises Disconnected."""
        looked = time.monotonic()
        while True:
            message = self._channel.receive_within(LOOK)
            if time.monotonic() >= looked + LOOK:
                self._files.drop_deleted()
                looked = time.monotonic()
            if message is None:
                continue
            task = TASKS.load(message)
            match task:
                case Learn(key=key):
                    self._learnt[key] = task
                case Forget(key=key):
                    self._learnt.pop(key, None)
                    self._fillers.pop(key, None)
                case Fill():
                    self._channel.send(FILLED.dump(self._fill(task)))

    def _fill(self, task: Fill) -> Filled:
        row = task.row
        try:
            filler, layout = self._filler(task.key)
            arrays = layout.arrays(memoryview(self._files.mapped(task.path, task.size)))
            for row, (place, record) in enumerate(zip(task.places, task.records, strict=True), task.row):
                filler.fill(place, record, [values[row] for values in arrays])
        except Exception as error:  # any decoder may raise anything: it is this batch's failure
            return Filled(row=row, failure=reason(error, BATCH))
        return Filled()

    def _filler(self, key: str) -> tuple[RecordFiller, Layout]:
        known = self._fillers.get(key)
        if known is None:
            learnt = self._learnt[key]
            configuration = read_configuration(learnt.configuration, lambda: 1)
            self._share_memory(configuration)
            filler = RecordFiller(configuration, self._setup.policy, self._setup.limits)
            filler.take_columns(learnt.columns)
            filler.settle(learnt.first)
            known = self._fillers[key] = filler, Layout(configuration, filler.buffers)
        return known

    def _share_memory(self, configuration: SessionConfiguration) -> None:
        """Hold only this decoder's part of the blocks of rasters that one process would hold."""
        if any(isinstance(entry, dict) and entry.get("type") == RASTERS for entry in configuration.etl):
            from dragoman.rasters.opening import share_block_cache

            share_block_cache(self._setup.decoders)
