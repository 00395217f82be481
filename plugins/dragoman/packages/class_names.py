"""Classes told by name, so that nothing heavy is imported for a process that takes and gives numbers."""

from __future__ import annotations


def class_name(kind: type) -> tuple[str, str]:
    """Top-level package and name of a class: ``("xarray", "Dataset")``."""
    return kind.__module__.partition(".")[0], kind.__name__
