"""A region of interest: a window of the input images, and a margin that the algorithm sees but nobody gets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A run of rows, or of columns."""

    first: int
    """Index of the first one, from 0."""
    number: int
    """How many; at least 1."""
    margin: int = 0
    """Further ones that are read on either side where the image has them, and cut from the outputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roi:
    """What a run reads of its images, and what it gives back of them."""

    targets_in: tuple[str, ...]
    """Ids of inputs whose images have one size, which makes the margins; without any there are no margins.

    Every image of the request is cropped to the window with its margin, a target or not."""
    targets_out: tuple[str, ...] = ()
    """Ids of outputs whose images lose the margin."""
    lines: Band | None = None
    """Rows; None is all."""
    columns: Band | None = None
    """None is all."""
