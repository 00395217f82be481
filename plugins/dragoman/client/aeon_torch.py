"""Batches from a server that speaks aeon, for PyTorch: right in DataLoader's workers, which share one session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import IterableDataset

from dragoman.client.aeon import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class AeonBatches(IterableDataset[dict[str, torch.Tensor]]):  # type: ignore[misc]  # torch is not there
    """Batches as dicts of tensors; give it to a DataLoader with ``batch_size=None``.

    Each worker reads the same session, and so gets batches of its own. The session is its opener's to end.
    """

    def __init__(self, url: str, session_id: str, **options: Any) -> None:
        super().__init__()
        self._url, self._session_id, self._options = url, session_id, options

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        with Dataset(self._url, session_id=self._session_id, **self._options) as batches:
            for batch in batches:
                yield {name: torch.from_numpy(_known(values)) for name, values in batch.items()}


def _known(values: NDArray[Any]) -> NDArray[Any]:
    """Values of a type that PyTorch computes with: it hardly does with unsigned ones of more than 8 bits."""
    wider = {"uint16": "int32", "uint32": "int64"}.get(values.dtype.name)
    return values if wider is None else values.astype(wider)
