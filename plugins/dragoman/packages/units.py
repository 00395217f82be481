"""Durations and sizes as authors write them: ``90s``, ``1h``, ``4GiB``, or a plain number."""

from __future__ import annotations

import math
import re

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", re.ASCII)


def parse_duration(value: object) -> float:
    """Seconds, more than 0; raises ValueError whose text says what is allowed."""
    return _parse(value, _SECONDS, "a number of seconds, or one with s, m, h or d, such as 1h")


def parse_size(value: object) -> int:
    """Bytes, at least 1; raises ValueError whose text says what is allowed."""
    return int(_parse(value, _BYTES, "a number of bytes, or one with KiB, MiB, GiB or TiB, such as 4GiB"))


def _parse(value: object, units: dict[str, int], allowed: str) -> float:
    amount = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        amount = float(value)
    elif isinstance(value, str) and (match := _QUANTITY.fullmatch(value)) and match[2] in units:
        amount = float(match[1]) * units[match[2]]
    if not 0 < amount < math.inf:
        raise ValueError(f"allowed: {allowed}")
    return amount
