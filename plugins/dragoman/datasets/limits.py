"""What the operator allows a dataset session."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetLimits:
    """What the operator allows a session."""

    max_file_bytes: int
    """Of one file that a manifest names."""
    max_batch_bytes: int
    max_pixels: int | None = None
    """Of a raster; None: no limit."""
    fast_decode: bool = False
    packed_fit: bool = False
