"""Blending overlapping images so that no seam shows: each weighs the less the nearer its edge is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dragoman.rasters.unwarped import as_integers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from dragoman.rasters.nodata import Nodata


type Box = tuple[int, int, int, int]
"""First column, first row, column and row after the last."""


def weights_within(valid: NDArray[np.bool_], reach: int, margin: tuple[int, int, int, int]) -> NDArray[Any]:
    """How much each pixel counts: its distance to the next missing one along its row or column, at most ``reach``.

    ``valid`` (rows, cols) has a ``margin`` (top, bottom, left, right) that is looked at, and not in the result.
    """
    top, bottom, left, right = margin
    rows, cols = valid.shape
    inner = (slice(top, rows - bottom), slice(left, cols - right))
    across = _to_the_gap(valid[inner[0]], reach)[:, inner[1]]
    down = _to_the_gap(valid[:, inner[1]].T, reach).T[inner[0]]
    return np.minimum(across, down)


def weights_in_box(box: Box, area: Box, reach: int) -> NDArray[Any]:
    """The same for an image that fills its box, at the pixels of an area."""
    cols, rows = np.arange(area[0], area[2], dtype=np.int32), np.arange(area[1], area[3], dtype=np.int32)
    across = np.minimum(cols - np.int32(box[0] - 1), np.int32(box[2]) - cols).clip(0, reach)
    down = np.minimum(rows - np.int32(box[1] - 1), np.int32(box[3]) - rows).clip(0, reach)
    weights: NDArray[Any] = np.minimum(across[np.newaxis, :], down[:, np.newaxis])
    return weights


def _to_the_gap(valid: NDArray[np.bool_], reach: int) -> NDArray[np.int32]:
    """Along each row the pixels to the nearest that is missing, at most ``reach``; 0 for a missing one."""
    places = np.arange(valid.shape[1], dtype=np.int32)
    before = np.maximum.accumulate(np.where(valid, np.int32(-reach), places), axis=1)
    beyond = np.int32(valid.shape[1] + reach)
    after = np.minimum.accumulate(np.where(valid, beyond, places)[:, ::-1], axis=1)[:, ::-1]
    nearest: NDArray[np.int32] = np.minimum(np.minimum(places - before, after - places), np.int32(reach))
    return nearest


def blended(
    values: Sequence[NDArray[Any]],
    weights: Iterable[NDArray[Any]],
    nodata: Nodata,
) -> NDArray[Any]:
    """The weighted mean of images of one shape and type, at least one of which weighs something everywhere.

    Where all that count are equal it is that very value, and it is never ``nodata``: then the heaviest one's is taken.
    """
    dtype = values[0].dtype
    weights = list(weights)
    heaviest = values[0].copy()
    most = weights[0].copy()
    for value, weight in zip(values[1:], weights[1:], strict=True):
        more = weight > most
        np.copyto(heaviest, value, where=more)
        np.maximum(most, weight, out=most)
    shift, total = np.zeros(heaviest.shape), np.zeros(heaviest.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        for value, weight in zip(values, weights, strict=True):
            away = np.subtract(value, heaviest, dtype=np.float64)
            shift += np.where(weight > 0, away * weight, 0.0)
            total += weight
        shift /= total
        exact = heaviest + shift
        result = as_integers(exact, dtype, 0) if dtype.kind in "iu" else exact.astype(dtype)
    keep = ~np.isfinite(exact) | (shift == 0)
    if nodata is not None:
        keep |= result == dtype.type(nodata)
    np.copyto(result, heaviest, where=keep)
    return result
