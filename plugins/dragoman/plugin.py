"""The names that a pygeoapi configuration gives; see ``dragoman.host``."""

from __future__ import annotations

from dragoman.host.manager import JobManager, PackagedProcessor
from dragoman.host.processors import load_processor

__all__ = ["JobManager", "PackagedProcessor", "load_processor"]
