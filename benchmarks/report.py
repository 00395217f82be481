"""Figures, the table they make, and the two files they are kept in."""

from __future__ import annotations

import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    quick: bool

    def pick[T](self, full: T, quick: T) -> T:
        """One of the two."""
        return quick if self.quick else full


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value, beside what it is compared with in the same run."""

    name: str
    value: float
    unit: str
    other: float | None = None
    """The comparison's value, in the same unit."""
    versus: str = ""
    """What the comparison is."""
    aim: str = ""
    met: bool | None = None
    """Whether the aim is met; None where there is none."""

    @property
    def ratio(self) -> float | None:
        """Ours by the other's."""
        return self.value / self.other if self.other else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The figures of one question."""

    title: str
    figures: Sequence[Figure]
    notes: Sequence[str] = ()
    quick: bool = False
    measured: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d"))


def median(values: Iterable[float]) -> float:
    """The median; NaN of nothing."""
    known = list(values)
    return statistics.median(known) if known else float("nan")


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that ``percent`` of all do not exceed; NaN of nothing."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-len(ordered) * percent // 100) - 1))]


def machine() -> str:
    """The machine, by cores and memory only, and what runs on it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = psutil.virtual_memory().total / 1024**3
    parts = ("pygeoapi", "gunicorn", "rasterio")
    software = ", ".join(
        [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in parts)]
    )
    return f"{cores} cores, {memory:.0f} GiB of memory; {software}"


def render(sections: Sequence[Section]) -> str:
    """Markdown."""
    return "\n\n".join(_section(section) for section in sections) + "\n"


def _section(section: Section) -> str:
    mark = " (quick: too few repetitions to quote)" if section.quick else ""
    lines = [f"## {section.title}{mark}", ""]
    lines += [f"{note}\n" for note in section.notes]
    lines += ["| | dragoman | compared with | | ratio | aim |", "|---|--:|---|--:|--:|---|"]
    for each in section.figures:
        other = "" if each.other is None else _number(each.other, each.unit)
        ratio = "" if each.ratio is None else f"{each.ratio:.3g}"
        verdict = {None: "", True: ": met", False: ": **missed**"}[each.met]
        value = _number(each.value, each.unit)
        lines.append(f"| {each.name} | {value} | {each.versus} | {other} | {ratio} | {each.aim}{verdict} |")
    return "\n".join(lines)


def _number(value: float, unit: str) -> str:
    digits = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{digits} {unit}".strip()


def write(folder: Path, sections: Sequence[Section]) -> None:
    """Put the sections into both files, in place of those of the same title; others stay as they were."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "results.json"
    kept: dict[str, Any] = json.loads(data.read_text("utf-8"))["sections"] if data.is_file() else {}
    kept |= {section.title: asdict(section) for section in sections}
    data.write_text(
        json.dumps({"machine": machine(), "sections": kept}, indent=1, allow_nan=True) + "\n", "utf-8"
    )
    loaded = [_load(section) for section in kept.values()]
    dates = sorted({section.measured for section in loaded})
    head = [
        "# Benchmarks",
        f"Measured on {machine()}. {' and '.join(dates)}.",
        "Written by `make bench`. What is compared was measured in the same run, in turns (A B A B); values are "
        "medians unless they say otherwise; the ratio is dragoman's value by the other's. What was measured by hand is "
        "in [by-hand.md](by-hand.md).",
    ]
    (folder / "results.md").write_text("\n\n".join([*head, render(loaded)]), "utf-8")


def _load(data: dict[str, Any]) -> Section:
    return Section(**{**data, "figures": [Figure(**figure) for figure in data["figures"]]})
