"""Durations and sizes as authors write them: ``90s``, ``1h``, ``4GiB``, or a plain number, as in the configuration."""

from __future__ import annotations

from dragoman.config.values import DURATIONS, SIZES, parse_quantity


def parse_duration(value: object) -> float:
    """Seconds, more than 0; raises ValueError whose text says what is allowed."""
    amount = parse_quantity(value, DURATIONS)
    if not amount:
        raise ValueError("allowed: a number of seconds, or one with s, m, h or d, such as 1h")
    return float(amount)


def parse_size(value: object) -> int:
    """Bytes, at least 1; raises ValueError whose text says what is allowed."""
    amount = parse_quantity(value, SIZES)
    if not amount or amount < 1:
        raise ValueError("allowed: a number of bytes, or one with KiB, MiB or GiB, such as 4GiB")
    return int(amount)
