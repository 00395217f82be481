"""The buffers of a batch: their names, shapes and types, as aeon tells them to its clients.

Source: contracts/aeon.md, "names_and_shapes" and "next".
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragoman.model.process import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementType:
    """A type of element, by its name in a configuration and the numbers that NumPy and OpenCV know it by."""

    name: str
    numpy: str
    np_type: int
    cv_type: int

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Little-endian, as it goes over the wire."""
        return np.dtype(self.numpy)


_TYPES: Final = (
    ElementType(name="int8_t", numpy="<i1", np_type=1, cv_type=1),
    ElementType(name="uint8_t", numpy="<u1", np_type=2, cv_type=0),
    ElementType(name="int16_t", numpy="<i2", np_type=3, cv_type=3),
    ElementType(name="uint16_t", numpy="<u2", np_type=4, cv_type=2),
    ElementType(name="int32_t", numpy="<i4", np_type=5, cv_type=4),
    ElementType(name="uint32_t", numpy="<u4", np_type=6, cv_type=4),  # OpenCV has no unsigned one
    ElementType(name="float", numpy="<f4", np_type=11, cv_type=5),
    ElementType(name="double", numpy="<f8", np_type=12, cv_type=6),
    ElementType(name="char", numpy="<i1", np_type=1, cv_type=1),
)
ELEMENT_TYPES: Final[Mapping[str, ElementType]] = {each.name: each for each in _TYPES}
"""By name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """What a batch holds of one thing: for each record an array of this shape and type."""

    name: str
    shape: tuple[int, ...]
    type: ElementType
    axes: tuple[str, ...] = ()
    """A name for each axis, or none."""

    @property
    def byte_size(self) -> int:
        """Bytes of one record."""
        return math.prod(self.shape) * self.type.dtype.itemsize

    def description(self) -> dict[str, JSON]:
        """As ``names_and_shapes`` tells it; members in the order of the alphabet, as the real service has them."""
        kind = self.type
        return {
            "byte_size": self.byte_size,
            "names": list(self.axes),
            "otype": {
                "cv_type": kind.cv_type,
                "name": kind.name,
                "np_type": kind.np_type,
                "size": kind.dtype.itemsize,
            },
            "shape": list(self.shape),
        }

    def header(self, batch_size: int, *, pinned: bool) -> bytes:
        """What stands before the bytes of a buffer in the body of ``next``."""
        name = self.name.encode()
        text = compact(self.description()).encode()
        return b"%d,%s,%s%d,%d," % (len(name), name, text, batch_size, pinned)


def names_and_shapes(buffers: Sequence[Buffer]) -> dict[str, JSON]:
    """The description of each buffer by its name, in the order of the alphabet."""
    return {each.name: each.description() for each in sorted(buffers, key=lambda each: each.name)}


def compact(document: JSON) -> str:
    """JSON without blanks, as the real service writes it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
