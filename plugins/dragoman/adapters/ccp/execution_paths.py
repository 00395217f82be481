"""The paths of executions in the API document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.model.process import JSON
    from dragoman.openapi.components import Object

PARAMETERS: Final[Mapping[str, Object]] = {}
SCHEMAS: Final[Mapping[str, Object]] = {}


def paths() -> dict[str, JSON]:
    """Those below ``/ccp``."""
    return {}
