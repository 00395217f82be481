"""The entry point that pygeoapi loads at its own import; see ``dragoman.host.hook``."""

from __future__ import annotations

from dragoman.host.hook import command

__all__ = ["command"]
