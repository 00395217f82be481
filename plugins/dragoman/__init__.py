"""dragoman: one packaged algorithm, one durable job, every dialect.

For algorithm authors: ``dragoman.Context``, ``dragoman.Raster`` and ``dragoman.InputError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dragoman.errors import InputError
from dragoman.model.context import Context

if TYPE_CHECKING:
    from dragoman.rasters.raster import Raster

__version__ = "0.1.0"
__all__ = ["Context", "InputError", "Raster", "__version__"]


def __getattr__(name: str) -> Any:
    """Import Raster when it is asked for: it brings numpy and rasterio, which the web process spares."""
    if name == "Raster":
        from dragoman.rasters.raster import Raster

        return Raster
    raise AttributeError(f"module 'dragoman' has no attribute {name!r}")
